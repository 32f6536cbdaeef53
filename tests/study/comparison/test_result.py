import math

from cnn_core.metrics import WORST
from study.comparison.result import Confirmed, EntryResult, SearchResult
from tests.study.comparison import made_up, synthetic
from tests.study.comparison.made_up import ERROR


def test_an_error_of_a_failed_diverged_or_unmeasured_run_is_inf() -> None:
    here = made_up.source("a")
    assert Confirmed(here, 1, {ERROR: 0.5}, 1.0).error(ERROR) == 0.5
    assert Confirmed(here, 1, {ERROR: 0.5}, 1.0, failed=True).error(ERROR) == math.inf
    assert Confirmed(here, 1, {}, 1.0).error(ERROR) == math.inf
    assert Confirmed(here, 1, {ERROR: WORST}, 1.0).error(ERROR) == math.inf
    assert Confirmed(here, 1, {ERROR: math.nan}, 1.0).error(ERROR) == math.inf


def test_a_table_of_errors_is_by_seed_and_has_inf_for_what_is_missing() -> None:
    runs = tuple(Confirmed(made_up.source(seed), seed, {ERROR: float(seed)}, 1.0) for seed in (3, 1, 2))
    found = EntryResult("soft", False, (SearchResult((), None, {}, runs),))
    assert found.errors(ERROR, studies=2, seeds=4) == ((1.0, 2.0, 3.0, math.inf), (math.inf,) * 4)


def test_a_network_costs_training_and_projection() -> None:
    (run, *_) = made_up.entry("soft", [[0.1]], projected=True).confirmed
    assert run.seconds == 12.0


def test_projected_networks_follow_those_as_trained_and_are_nobodys_baseline() -> None:
    made = synthetic.comparison(studies=1, seeds=1, trials=1)
    assert made.labels[:4] == ("unconstrained", "unconstrained + projection", "soft-adam", "soft-adam + projection")
    assert made.labels[-1] == "from-scratch + projection"
    assert made.is_baseline("soft-adam")
    assert not made.is_baseline("soft-adam + projection")


def test_a_problem_without_a_solution_trades_nothing_off() -> None:
    made = synthetic.comparison(studies=1, seeds=1, trials=1)
    assert [problem.trades_off for problem in made.problems] == [True] * 5 + [False]
