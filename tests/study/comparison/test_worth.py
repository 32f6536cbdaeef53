"""Who speaks for constraints, and whether they are worth it."""

from dataclasses import replace

from study.comparison.result import Comparison
from study.comparison.verdict import judge
from study.comparison.worth import Champion, Way, champions, in_short
from tests.study.comparison import synthetic
from tests.study.comparison.synthetic import Made

PROBLEMS = ("burgers", "fronts")

CONTESTANTS = {
    "soft-adam": Made(1.0, 1.0, 1.0),
    "batch": Made(0.9, 0.1, 3.0),
    "from-scratch": Made(0.01, 1e-4, 0.7),
}


def made(problems: tuple[str, ...] = PROBLEMS, *, null_space: float = 0.1) -> Comparison:
    contestants = CONTESTANTS | {"null-space": Made(null_space, 0.05, 2.7)}
    return synthetic.comparison(problems, contestants, between=0.05, within=0.05, spread=0.0, projects=False)


def valued(comparison: Comparison, **values: float) -> Comparison:
    """The same with median validation errors by contestant, whatever test errors are."""
    return replace(
        comparison,
        problems=tuple(
            replace(
                problem,
                entries=tuple(
                    replace(
                        entry,
                        searches=tuple(
                            replace(
                                search,
                                confirmed=tuple(
                                    replace(run, validation=values[entry.contestant]) for run in search.confirmed
                                ),
                            )
                            for search in entry.searches
                        ),
                    )
                    for entry in problem.entries
                ),
            )
            for problem in comparison.problems
        ),
    )


VALUES = {"soft-adam": 1e-9, "batch": 0.2, "null-space": 0.1, "from-scratch": 0.3}


def found(comparison: Comparison) -> list[Champion]:
    return list(champions(comparison, judge(comparison)))


def test_who_has_the_smallest_validation_error_speaks_whatever_the_test_says() -> None:
    of = found(valued(made(), **VALUES))
    assert [(one.way, one.standing.problem, one.standing.label) for one in of] == [
        (Way.TRAINED, "burgers", "null-space"),
        (Way.TRAINED, "fronts", "null-space"),
        (Way.PROJECTED, "burgers", "from-scratch + projection"),
        (Way.PROJECTED, "fronts", "from-scratch + projection"),
    ]
    assert {one.standing.label for one in found(valued(made(), **VALUES | {"batch": 0.01}))} == {
        "batch", "from-scratch + projection",
    }  # fmt: skip


def test_it_is_worth_it_where_the_error_is_halved_surely_enough() -> None:
    assert {(one.way, one.worth_it) for one in found(valued(made(), **VALUES))} == {
        (Way.TRAINED, True),
        (Way.PROJECTED, True),
    }
    hardly = made(null_space=0.8)
    assert not any(one.worth_it for one in found(valued(hardly, **VALUES)) if one.way is Way.TRAINED)


def test_a_sentence_for_each_way() -> None:
    better, batch = valued(made(), **VALUES), VALUES | {"batch": 0.01}
    assert list(in_short(found(better))) == [
        "Training with constraints at least halves the error of the best tuned baseline on all 2 problems.",
        "Projection at least halves the error of the best tuned baseline on all 2 problems.",
    ]
    assert next(in_short(found(valued(made(), **batch)))) == (
        "Training with constraints does not halve the error of the best tuned baseline on any of 2 problems."
    )
    assert next(in_short(found(valued(made(("burgers",)), **batch)))) == (
        "Training with constraints does not halve the error of the best tuned baseline on burgers."
    )
    mixed = [*found(valued(made(("burgers",)), **VALUES))[:1], *found(valued(made(("fronts",)), **batch))[:1]]
    assert next(in_short(mixed)) == (
        "Training with constraints at least halves the error of the best tuned baseline on 1 of 2 problems (burgers)."
    )


def test_without_a_baseline_nobody_speaks() -> None:
    assert found(replace(valued(made(), **VALUES), baselines=())) == []
