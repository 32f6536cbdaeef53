import math
from collections.abc import Mapping, Sequence

import pytest

from study.comparison.sentences import number, sentence, too_wide
from study.comparison.standing import Claim, Overall, Seconds, Standing
from study.comparison.verdict import judge
from study.statistics.comparison import Decision
from study.statistics.estimate import Estimate, Over
from tests.study.comparison.made_up import around, comparison, entry, problem

B, U, W = Decision.BETTER, Decision.UNDECIDED, Decision.WORSE
RATIO = Estimate(0.21, (0.1, 0.4), Over.SEARCHES)


def overall(
    decisions: Mapping[str, Decision | None],
    *,
    label: str = "null-space + projection",
    baseline: bool = False,
    ratio: Estimate | None = RATIO,
    constraint_ratio: float | None = 1 / 300,
    cost_ratio: float | None = 2.1,
    failures: float = 0.0,
    refused: Mapping[str, str] | None = None,
    median: float = 0.012,
) -> Overall:
    middle = Estimate(median, (0.01, 0.02), Over.SEARCHES)
    standings = tuple(
        Standing(
            problem=name,
            label=label,
            median=middle,
            mean=middle,
            constraint=None,
            failures=middle,
            seconds=Seconds(1, 1, 1),
            against=(),
            claim=Claim(decision, 0.01) if decision else None,
            error_ratio=None,
            constraint_ratio=None,
            cost_ratio=None,
        )
        for name, decision in decisions.items()
    )
    return Overall(label, baseline, standings, refused or {}, None, ratio, constraint_ratio, cost_ratio, failures)


def on(*decisions: Decision) -> dict[str, Decision | None]:
    return dict(zip("abcdef", decisions, strict=False))


@pytest.mark.parametrize(
    ("decisions", "words"),
    [
        ((B, B, B, B, U, W), "better than every tuned baseline on 4 of 6 problems, undecided on 1 (e), worse than at "
         "least one on 1 (f)"),
        ((B,) * 6, "better than every tuned baseline on all 6 problems"),
        ((B, B, U, U, U, U), "better than every tuned baseline on 2 of 6 problems (a, b), undecided on 4"),
        ((U,) * 6, "undecided on all 6 problems"),
        ((U, U, U, W, W, W), "undecided on 3 of 6 problems, worse than at least one on 3"),
        ((W,) * 6, "worse than at least one tuned baseline on all 6 problems"),
    ],
)  # fmt: skip
def test_decisions_are_counted(decisions: Sequence[Decision], words: str) -> None:
    assert sentence(overall(on(*decisions))) == (
        f"null-space + projection: {words}; median error 0.21 × the best baseline's (95 % interval 0.10 to 0.40); "
        "constraint error 300 × smaller; costs 2.1 × the CPU seconds."
    )


def test_one_problem_with_baselines_among_others_is_called_by_its_name() -> None:
    assert "better than every tuned baseline on b alone; median" in sentence(overall({"a": None, "b": B}))


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (B, "better than every tuned baseline on waves"),
        (U, "neither better than every tuned baseline nor worse than one on waves: undecided"),
        (W, "worse than at least one tuned baseline on waves"),
    ],
)
def test_a_single_problem_is_named(decision: Decision, words: str) -> None:
    assert sentence(overall({"waves": decision})).startswith(f"null-space + projection: {words}; median error 0.21 ×")


def test_a_baseline_is_beside_the_others() -> None:
    found = overall(on(B, W, W), label="soft-adam", baseline=True, constraint_ratio=1.4, cost_ratio=0.54)
    assert sentence(found) == (
        "soft-adam: better than every other tuned baseline on 1 of 3 problems (a), worse than at least one on 2 (b, "
        "c); median error 0.21 × the best baseline's (95 % interval 0.10 to 0.40); constraint error 1.4 × larger; "
        "costs 0.54 × the CPU seconds."
    )
    assert "worse than at least one other tuned baseline on all" in sentence(overall(on(W, W), baseline=True))


def test_failures_and_refusals_are_said() -> None:
    found = overall(on(W, W), failures=0.143, refused={"heat": "there is no data; write problem.data"})
    assert "; 14 % of its runs failed; costs" in sentence(found)
    assert sentence(found).endswith("; absent from heat (there is no data).")
    several = overall(on(W), refused={"heat": "no data", "flow": "no data", "front": "no waves"})
    assert sentence(several).endswith("; absent from heat and flow (no data) and front (no waves).")
    assert "under 1 % of its runs failed" in sentence(overall(on(W, W), failures=0.002))


def test_a_median_run_that_failed_has_no_ratio() -> None:
    ratio = Estimate(math.inf, (0.1, math.inf), Over.SEARCHES)
    found = overall(on(W, W), ratio=ratio, constraint_ratio=math.inf, failures=0.6)
    assert "; its median run failed; " in sentence(found)
    assert "constraint error not measured, since runs failed" in sentence(found)


def test_beside_a_baseline_that_failed_there_is_no_ratio() -> None:
    ratio = Estimate(0.0, (0.0, 0.0), Over.SEARCHES)
    found = sentence(overall(on(B, B), ratio=ratio, constraint_ratio=None))
    assert "; the best baseline's median run failed; costs" in found
    assert "median error 0 × the best baseline's" in sentence(overall(on(B, B), ratio=ratio, median=0.0))
    same = Estimate(1.0, (1.0, 1.0), Over.SEARCHES)
    assert "; its median run failed; " in sentence(overall(on(U, U), ratio=same, median=math.inf))


def test_an_open_interval_and_none_at_all() -> None:
    wide = Estimate(0.5, (0.0, math.inf), Over.SEARCHES)
    assert "(interval too wide to tell)" in sentence(overall(on(U, U), ratio=wide))
    ends = {(1e-7, 1.0): True, (1e-5, 1.0): False, (0.0, 0.99): False, (0.2, math.inf): False, (0.0, math.inf): True}
    assert {one: too_wide(Estimate(0.5, one, Over.SEARCHES)) for one in ends} == ends
    told = Estimate(0.5, (1e-3, 999.0), Over.SEARCHES)
    assert "(95 % interval 0.0010 to 1000)" in sentence(overall(on(U, U), ratio=told))
    none = Estimate(0.5, None, Over.SEEDS)
    assert "median error 0.50 × the best baseline's (too few runs for an interval)" in sentence(
        overall(on(U, U), ratio=none)
    )


def test_without_a_baseline_it_says_so() -> None:
    alone = overall({"waves": None}, ratio=None, constraint_ratio=None, cost_ratio=None)
    assert sentence(alone) == (
        "null-space + projection: no tuned baseline to compare it with; median error 0.012 "
        "(95 % interval 0.010 to 0.020)."
    )
    failed = overall({"waves": None}, ratio=None, constraint_ratio=None, cost_ratio=None, median=math.inf, failures=1)
    assert sentence(failed) == (
        "null-space + projection: no tuned baseline to compare it with; its median run failed; "
        "100 % of its runs failed."
    )


def test_who_takes_part_in_nothing() -> None:
    found = overall({}, refused={"heat": "there is no data"}, ratio=None, constraint_ratio=None, cost_ratio=None)
    assert sentence(found) == (
        "null-space + projection: takes part in no problem; absent from heat (there is no data)."
    )


def test_ratios_that_differ_by_problem_have_their_range() -> None:
    soft = entry("soft", around(1.0))
    made = comparison(
        problem("waves", soft, entry("batch", around(20.0))),
        problem("flow", soft, entry("batch", around(2.0))),
        problem("heat", soft, entry("batch", around(1e-3))),
    )
    (told,) = (sentence(one) for one in judge(made).overall if one.label == "batch")
    assert " × the best baseline's (95 % interval " in told
    assert "), from 0.0010 × on heat to 20 × on waves; the same constraint error; " in told


def test_the_range_is_of_medians_and_of_what_did_not_fail() -> None:
    soft, failing = entry("soft", around(1e-3)), entry("batch", [[math.inf] * 3] * 3)
    uneven = entry("batch", [[1.0] * 4, [1e-6] * 4, [1e-6] * 4])
    for made in (
        comparison(problem("waves", soft, uneven), problem("flow", soft, uneven)),
        comparison(problem("waves", soft, uneven), problem("flow", soft, failing)),
        comparison(problem("waves", soft, uneven)),
    ):
        (told,) = (sentence(one) for one in judge(made).overall if one.label == "batch")
        assert " × on " not in told


def test_the_sentence_of_a_verdict() -> None:
    made = comparison(problem("waves", entry("soft", around(1.0)), entry("batch", around(0.1), seconds=20)))
    assert [sentence(one) for one in judge(made).overall] == [
        "batch: better than every tuned baseline on waves; median error 0.10 × the best baseline's "
        "(95 % interval 0.098 to 0.10); the same constraint error; costs 2.0 × the CPU seconds.",
        "soft: no other tuned baseline to compare it with; median error 1.0 (95 % interval 0.99 to 1.0).",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2134, "0.21"), (2.13, "2.1"), (9.96, "10"), (21.4, "21"), (340.3, "340"), (15432.0, "15000"),
        (1234567.0, "1.2e6"), (0.000123, "0.00012"), (0.0000123, "1.2e-5"), (0.0, "0"), (math.inf, "∞"), (0.996, "1.0"),
    ],
)  # fmt: skip
def test_numbers_have_two_digits(value: float, text: str) -> None:
    assert number(value) == text
