"""Who speaks for constraints, and whether they are worth it."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from study.comparison.headline import headline
from study.comparison.result import Comparison, EntryResult
from study.comparison.standing import Claim
from study.comparison.verdict import judge
from study.comparison.worth import Champion, Way, champions, worth_in_short
from study.statistics.comparison import Decision
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


def said(comparison: Comparison) -> list[str]:
    return list(worth_in_short(comparison, found(comparison)))


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


def test_an_error_is_halved_where_it_is_surely_enough() -> None:
    assert {(one.way, one.halves_error) for one in found(valued(made(), **VALUES))} == {
        (Way.TRAINED, True),
        (Way.PROJECTED, True),
    }
    hardly = made(null_space=0.8)
    assert not any(one.halves_error for one in found(valued(hardly, **VALUES)) if one.way is Way.TRAINED)


TRAINING = "Training with constraints (batch, null-space)"


def test_a_sentence_for_each_way() -> None:
    better, batch = valued(made(), **VALUES), VALUES | {"batch": 0.01}
    assert said(better) == [
        f"{TRAINING} at least halves the error of the best tuned baseline on all 2 problems.",
        "Projection at least halves the error of the best tuned baseline on all 2 problems.",
    ]
    assert said(valued(made(), **batch))[0] == (
        f"{TRAINING} is not shown to halve the error of the best tuned baseline on any of the 2 problems."
    )
    assert said(valued(made(("burgers",)), **batch))[0] == (
        f"{TRAINING} is not shown to halve the error of the best tuned baseline on burgers."
    )
    mixed = [*found(valued(made(("burgers",)), **VALUES))[:1], *found(valued(made(("fronts",)), **batch))[:1]]
    assert next(worth_in_short(made(), mixed)) == (
        f"{TRAINING} at least halves the error of the best tuned baseline on 1 of 2 problems (burgers)."
    )


def test_it_says_where_no_test_decides_it() -> None:
    one = valued(made(), **VALUES)
    of = [champion for champion in found(one) if champion.way is Way.TRAINED]
    undecided = [replace(each, standing=replace(each.standing, claim=Claim(Decision.UNDECIDED, 0.3))) for each in of]
    halves = f"{TRAINING} at least halves the error of the best tuned baseline on all 2 problems"
    assert next(worth_in_short(one, undecided)) == f"{halves}, by medians; no test decides it."
    assert next(worth_in_short(one, [of[0], undecided[1]])) == f"{halves}, by medians; no test decides it on fronts."


def test_where_nobody_solved_the_problem_it_is_said_first() -> None:
    good = valued(made(("fronts",)), **VALUES)

    def first(**changes: Any) -> str:
        comparison = replace(good, problems=tuple(replace(problem, **changes) for problem in good.problems))
        return next(headline(comparison, judge(comparison)))

    def times(factor: float) -> EntryResult:
        (entry, *_) = good.problems[0].entries
        (search, *_) = entry.searches
        runs = [
            replace(run, errors={key: factor * value for key, value in run.errors.items()}) for run in search.confirmed
        ]
        return replace(entry, searches=(replace(search, confirmed=tuple(runs)),) * good.studies)

    assert first() == said(good)[0]
    assert first(entries=(times(1e6),)).startswith(
        "On fronts no entry learned the solution: the smallest median relative error is"
    )
    assert first(entries=(times(math.inf),)) == ("On fronts the median run of every entry failed.")


def test_who_knows_no_constraint_speaks_for_none() -> None:
    free = changed(valued(made(), **VALUES), "null-space", lambda entry: replace(entry, free=True))
    assert {one.standing.label for one in found(free) if one.way is Way.TRAINED} == {"batch"}
    assert free.is_free("null-space") and not free.is_free("batch")


def test_errors_of_measurement_say_whether_anybody_fits_the_data() -> None:
    (problem,) = made(("fronts",)).problems
    observed = tuple(
        replace(
            entry,
            searches=tuple(
                replace(
                    one,
                    confirmed=tuple(
                        replace(run, errors={**run.errors, "test/data_mse": 0.02}) for run in one.confirmed
                    ),
                )
                for one in entry.searches
            ),
        )
        for entry in problem.entries
    )
    for noise, told in ((0.004, True), (0.01, False), (None, False)):
        comparison = replace(made(("fronts",)), problems=(replace(problem, entries=observed, noise=noise),))
        (first, *_) = headline(comparison, judge(comparison))
        assert told == (
            first == "On fronts no entry comes down to the errors of measurement: the smallest median data error "
            "is 5.0 times what these leave."
        )


def test_a_larger_constraint_error_is_told() -> None:
    one = valued(made(), **VALUES)
    of = [champion for champion in found(one) if champion.way is Way.TRAINED]
    loose = [replace(each, standing=replace(each.standing, constraint_ratio=66.0)) for each in of]
    halves = f"{TRAINING} at least halves the error of the best tuned baseline on all 2 problems"
    assert next(worth_in_short(one, loose)) == f"{halves}, with a larger constraint error."
    assert next(worth_in_short(one, [of[0], loose[1]])) == f"{halves}, with a larger constraint error on fronts."


def test_what_goes_on_speaks_of_what_there_is_so_far() -> None:
    going_on = replace(valued(made(), **VALUES), ended=None)
    assert next(headline(going_on, judge(going_on))).startswith(f"So far, t{TRAINING[1:]} at least halves ")


def test_without_a_baseline_nobody_speaks() -> None:
    assert found(replace(valued(made(), **VALUES), baselines=())) == []


def changed(comparison: Comparison, contestant: str, change: Callable[[EntryResult], EntryResult]) -> Comparison:
    return replace(
        comparison,
        problems=tuple(
            replace(
                problem,
                entries=tuple(change(one) if one.contestant == contestant else one for one in problem.entries),
            )
            for problem in comparison.problems
        ),
    )


def test_runs_that_are_missing_are_worse_than_any_validation_error() -> None:
    of = valued(made(), **VALUES | {"batch": 1e-6})
    half = changed(of, "batch", lambda entry: replace(entry, searches=entry.searches[:1]))
    assert found(half)[0].standing.label == "null-space"
    nothing = valued(made(), **dict.fromkeys(VALUES, math.inf))
    assert found(nothing) == []


def runs(entry: EntryResult, **changes: Any) -> EntryResult:
    searches = [
        replace(search, confirmed=tuple(replace(run, **changes) for run in search.confirmed))
        for search in entry.searches
    ]
    return replace(entry, searches=tuple(searches))


def test_one_whose_runs_all_failed_has_trained_all_the_same() -> None:
    failing = changed(
        valued(made(), **VALUES), "batch", lambda one: runs(one, failed=True, training_seconds=0.0, validation=0.0)
    )
    assert {(one.way, one.standing.label) for one in found(failing)} == {
        (Way.TRAINED, "batch"),
        (Way.PROJECTED, "from-scratch + projection"),
    }
    assert not any(one.halves_error for one in found(failing) if one.way is Way.TRAINED)


def test_one_that_trains_nothing_speaks_for_projection_unless_it_is_a_baseline() -> None:
    solving = changed(valued(made(), **VALUES), "batch", lambda one: runs(one, training_seconds=0.0, validation=1e-9))
    assert [one.standing.label for one in found(solving)] == ["null-space", "null-space", "batch", "batch"]
    baseline = replace(solving, baselines=("soft-adam", "batch"))
    assert "batch" not in {one.standing.label for one in found(baseline)}


def test_beside_a_baseline_that_failed_any_error_is_a_half() -> None:
    failing = changed(valued(made(), **VALUES), "soft-adam", lambda one: runs(one, failed=True))
    assert all(one.halves_error for one in found(failing))
