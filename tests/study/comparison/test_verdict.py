import math

import pytest

from study.comparison.result import Comparison
from study.comparison.sentences import sentence
from study.comparison.standing import Overall, Standing
from study.comparison.verdict import judge, quotient
from study.statistics.comparison import Decision
from study.statistics.estimate import Over
from tests.study.comparison import synthetic
from tests.study.comparison.made_up import around, comparison, entry, nothing, problem

FAILED = [[math.inf] * 4] * 3


def overall(made: Comparison, label: str) -> Overall:
    return next(one for one in judge(made).overall if one.label == label)


def standing(made: Comparison, label: str) -> Standing:
    (only,) = judge(made).problems.values()
    return next(one for one in only if one.label == label)


def test_an_entry_is_better_if_it_is_so_than_every_baseline() -> None:
    entries = entry("soft", around(1.0)), entry("conflict-free", around(0.5)), entry("null-space", around(0.1))
    made = comparison(problem("waves", *entries), baselines=("soft", "conflict-free"))
    found = standing(made, "null-space")
    assert found.decision == Decision.BETTER
    assert [one.baseline for one in found.against] == ["conflict-free", "soft"]
    assert found.best and found.best.ratio.value == pytest.approx(0.2)
    assert standing(made, "soft").decision == Decision.WORSE
    assert standing(made, "conflict-free").decision == Decision.BETTER  # than the only other one


def test_an_entry_between_two_baselines_is_worse_than_one() -> None:
    entries = entry("soft", around(1.0)), entry("conflict-free", around(0.1)), entry("null-space", around(0.5))
    made = comparison(problem("waves", *entries), baselines=("soft", "conflict-free"))
    assert standing(made, "null-space").decision == Decision.WORSE


def test_what_the_runs_cannot_tell_is_undecided() -> None:
    wide = [[0.1] * 4, [1.0] * 4, [5.0] * 4]
    made = comparison(problem("waves", entry("soft", around(1.0)), entry("null-space", wide)))
    found = standing(made, "null-space")
    assert found.decision == Decision.UNDECIDED
    assert found.claim and found.claim.p_value > 0.05


def test_two_searches_decide_nothing() -> None:
    entries = entry("soft", around(1.0, searches=2)), entry("null-space", around(1e-6, searches=2))
    assert standing(comparison(problem("waves", *entries)), "null-space").decision == Decision.UNDECIDED


def test_claims_are_corrected_for_all_entries_of_a_problem() -> None:
    spread = [[0.30] * 4, [0.42] * 4, [0.62] * 4]
    few = entry("soft", around(1.0)), entry("null-space", spread)
    many = [entry(f"other-{number}", around(1.0)) for number in range(20)]
    alone, among = (
        standing(comparison(problem("waves", *entries)), "null-space").claim for entries in (few, (*few, *many))
    )
    assert alone and among and among.p_value > alone.p_value


def test_a_failed_entry_is_worse_and_nothing_is_dropped() -> None:
    made = comparison(problem("waves", entry("soft", around(1.0)), entry("reduction", FAILED)))
    found = standing(made, "reduction")
    assert found.median.value == math.inf
    assert found.failures.value == 1
    assert found.decision == Decision.WORSE
    assert overall(made, "reduction").failures == 1
    assert overall(made, "soft").ratio is None


def test_where_all_failed_nobody_is_better() -> None:
    made = comparison(problem("waves", entry("soft", FAILED), entry("reduction", FAILED)))
    found = standing(made, "reduction")
    assert found.decision == Decision.UNDECIDED
    assert found.constraint_ratio is None
    ratio = overall(made, "reduction").ratio
    assert ratio and ratio.value == 1


def test_beside_a_baseline_that_failed_an_entry_is_better_by_no_known_factor() -> None:
    made = comparison(problem("waves", entry("soft", FAILED), entry("batch", around(1.0))))
    found = standing(made, "batch")
    assert (found.decision, found.constraint_ratio, found.cost_ratio) == (Decision.BETTER, None, 1)


@pytest.mark.parametrize("baseline", [True, False])
def test_who_found_nothing_to_confirm_is_worse_and_has_no_cost(baseline: bool) -> None:
    names = ("batch", "soft") if baseline else ("soft", "batch")
    made = comparison(problem("waves", entry(names[0], around(1.0)), nothing(names[1])))
    assert standing(made, names[1]).median.value == math.inf
    assert [overall(made, name).cost_ratio for name in names] == [None, None]


def test_without_baselines_nothing_is_decided() -> None:
    made = comparison(problem("waves", entry("soft", around(1.0)), entry("batch", around(0.5))), baselines=())
    found = judge(made)
    assert [one.decision for one in found.problems["waves"]] == [None, None]
    assert [one.label for one in found.overall] == ["batch", "soft"]
    assert {one.ratio for one in found.overall} == {None}


@pytest.mark.parametrize(
    ("searches", "seeds", "over"), [(1, 1, Over.SEEDS), (1, 10, Over.SEEDS), (3, 1, Over.SEARCHES)]
)
def test_few_searches_and_seeds_are_judged_as_far_as_they_go(searches: int, seeds: int, over: Over) -> None:
    rows = [around(level, searches=searches, seeds=seeds) for level in (1.0, 0.1)]
    made = comparison(problem("waves", entry("soft", rows[0]), entry("batch", rows[1])))
    found = standing(made, "batch")
    assert found.median.over == over
    assert (found.median.interval is None) == (searches == seeds == 1)
    assert found.decision == (Decision.UNDECIDED if seeds * searches == 1 else Decision.BETTER)


def test_costs_and_constraints_are_beside_the_best_baseline() -> None:
    entries = (
        entry("soft", around(1.0), seconds=10, constraint=1e-2),
        entry("batch", around(0.1), projected=True, seconds=40, constraint=1e-5),
    )
    found = standing(comparison(problem("waves", *entries)), "batch + projection")
    assert found.cost_ratio == pytest.approx(4.2)
    assert found.constraint_ratio == pytest.approx(1e-3)
    assert (found.seconds.training, found.seconds.projection, found.seconds.tuning) == (40, 2, 20)


def test_the_overall_ratio_is_over_all_problems_and_refusals_are_told() -> None:
    made = comparison(
        problem("waves", entry("soft", around(1.0)), entry("batch", around(0.1))),
        problem("fronts", entry("soft", around(1e-3)), entry("batch", around(1e-4))),
        problem("heat", entry("soft", around(1.0)), refused={"batch": "no data"}),
    )
    found = overall(made, "batch")
    assert found.ratio and found.ratio.value == pytest.approx(0.1, rel=0.02)
    assert found.problems(Decision.BETTER) == ("waves", "fronts")
    assert found.refused == {"heat": "no data"}
    assert not found.baseline


def test_the_best_comes_first() -> None:
    found = judge(synthetic.comparison(synthetic.PROBLEMS[:2], studies=3, seeds=3, trials=2, between=0.05))
    for standings in found.problems.values():
        medians = [one.median.value for one in standings]
        assert medians == sorted(medians)
    assert found.overall[0].label == "from-scratch + projection"


def test_hardly_anything_is_claimed_of_alike_contestants() -> None:
    """At the level of 5 % a problem: 40 problems on which nothing differs have about two claims, and hardly seven."""
    alike = {name: synthetic.Made(1, 1, 1) for name in ("soft-adam", "soft-soap", "batch", "null-space")}
    made = synthetic.comparison([f"p{n}" for n in range(40)], alike, seeds=4, trials=1, spread=0.0, projects=False)
    claimed = [
        any(one.decision != Decision.UNDECIDED for one in standings) for standings in judge(made).problems.values()
    ]
    assert sum(claimed) <= 6


def test_quotients_of_errors() -> None:
    assert quotient(1.0, 2.0) == 0.5
    assert quotient(math.inf, math.inf) == quotient(0.0, 0.0) == 1
    assert quotient(1.0, 0.0) == quotient(math.inf, 1.0) == math.inf
    assert quotient(1.0, math.inf) == 0


def test_problems_together_decide_what_none_does_alone() -> None:
    """Three searches decide nothing on a problem among so many; six problems do."""
    noisy = [[1.0], [3.0], [2.0]]
    good, poor = [[0.9], [1.1], [0.8]], [[2.9], [5.0], [3.1]]
    problems = [problem(name, entry("soft", noisy), entry("batch", good), entry("worse", poor)) for name in "abcdef"]
    overall = {one.label: one for one in judge(comparison(*problems)).overall}
    assert {len(one.problems(Decision.UNDECIDED)) for one in overall.values() if not one.baseline} == {6}
    claims = {label: one.together for label, one in overall.items()}
    assert claims["soft"] is None
    assert claims["batch"] is not None and claims["batch"].decision is Decision.BETTER
    assert claims["worse"] is not None and claims["worse"].decision is Decision.WORSE
    assert "over all problems together better than every tuned baseline" in sentence(overall["batch"])
    assert "over all problems together worse than at least one tuned baseline" in sentence(overall["worse"])


@pytest.mark.parametrize("hard", [1e-4, 10.0])
def test_nobody_is_better_than_every_baseline_that_one_of_them_is_not_known_to_be_worse_than(hard: float) -> None:
    """Three searches of the one problem on which `hard` took part decide nothing about it."""
    new, soft = entry("new", around(0.1)), entry("soft", around(1.0))
    without = [problem(name, soft, new) for name in "abcde"]
    of_all = overall(comparison(*without, baselines=("soft",)), "new").together
    assert of_all is not None and of_all.decision is Decision.BETTER
    one_more = problem("f", soft, new, entry("hard", around(hard)))
    of_all = overall(comparison(*without, one_more, baselines=("soft", "hard")), "new").together
    assert of_all is not None and of_all.decision is Decision.UNDECIDED


def test_to_be_worse_on_the_only_common_problem_is_not_to_be_worse_on_all() -> None:
    new, soft, hard = (
        entry("new", around(1.0, searches=5)),
        entry("soft", around(1.0, searches=5)),
        entry("hard", around(1e-4, searches=5)),
    )
    made = comparison(problem("a", soft, new, hard), problem("b", soft, new), baselines=("soft", "hard"))
    of_all = overall(made, "new").together
    assert of_all is not None and of_all.decision is Decision.UNDECIDED


def test_one_problem_has_nothing_together() -> None:
    (one, _) = judge(comparison(problem("a", entry("soft", around(1.0)), entry("batch", around(0.1))))).overall
    assert one.together is None
