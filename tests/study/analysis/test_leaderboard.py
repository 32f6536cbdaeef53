from dataclasses import replace

import pytest

from cnn_core.metrics import WORST
from study.analysis.leaderboard import leaderboard
from study.analysis.pareto import pareto_set
from study.analysis.variants import CONSTRAINT, DATA, variants_of
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from tests.study.analysis.made_up import record, variant


@pytest.mark.parametrize("status", [status for status in TrialStatus if status is not TrialStatus.COMPLETED])
def test_only_completed_trials_are_best_or_in_the_pareto_set(status: TrialStatus) -> None:
    good, bad = variant(1e-9, 1e-9, trial="1", status=status), variant(0.5, 0.5, trial="2")
    (row,) = leaderboard([good, bad])
    assert row.best is bad
    assert row.counts[status] == 1
    assert row.counts[TrialStatus.COMPLETED] == 1
    assert pareto_set([good, bad]) == [bad]


def test_a_completed_trial_whose_error_is_the_worst_value_is_not_best() -> None:
    (row,) = leaderboard([variant(WORST, 0.1)])
    assert row.best is None
    assert pareto_set([variant(WORST, 0.1), variant(0.1, WORST)]) == []


def test_the_best_trial_is_chosen_on_validation_and_not_on_test_data() -> None:
    one = variant(0.0, 0.0, trial="1", metrics={DATA: 0.1, CONSTRAINT: 1.0, "test/data_mse": 9.0})
    two = variant(0.0, 0.0, trial="2", metrics={DATA: 0.2, CONSTRAINT: 1.0, "test/data_mse": 0.001})
    (row,) = leaderboard([two, one])
    assert row.best is one


def test_a_diverged_trial_counts_as_worst_in_the_median() -> None:
    diverged = [variant(WORST, WORST, status=TrialStatus.DIVERGED)] * 2
    (row,) = leaderboard([variant(1.0, 1.0), *diverged])
    assert row.data is not None
    assert (row.data.median, row.data.count) == (WORST, 3)


def test_the_projected_networks_of_a_method_have_their_own_row_below_it() -> None:
    metrics: dict[str, float] = {"validation__data_mse": 0.1, "validation__constraint_mse": 1.0, "time__train_s": 4.0}
    metrics |= {"projected__validation__data_mse": 0.3, "projected__validation__constraint_mse": 0.01}
    metrics["time__projection_s"] = 2.0
    trained, projected = variants_of(record("0", "soft", TrialStatus.COMPLETED, **metrics))
    assert (trained.value(DATA), trained.seconds, trained.projected) == (0.1, 4.0, False)
    assert (projected.value(DATA), projected.seconds, projected.projected) == (0.3, 6.0, True)
    others = variants_of(record("1", "batch", validation__data_mse=0.2))
    rows = leaderboard([*others, projected, trained])
    assert [(row.method, row.projected) for row in rows] == [("soft", False), ("soft", True), ("batch", False)]
    assert pareto_set([trained, projected]) == [trained, projected]


def test_cost_is_relative_to_the_unconstrained_method() -> None:
    rows = leaderboard([variant(1.0, 1.0, method="unconstrained", seconds=2.0), variant(2.0, 1.0, seconds=5.0)])
    assert [(row.method, row.cost) for row in rows] == [("unconstrained", 1.0), ("soft", 2.5)]
    (alone,) = leaderboard([variant(2.0, 1.0, seconds=5.0)])
    assert alone.cost is None


def test_a_maximised_objective_prefers_the_largest() -> None:
    (row,) = leaderboard([variant(1.0, 1.0, trial="1"), variant(2.0, 1.0, trial="2")], mode="max")
    assert row.best is not None
    assert row.best.trial == "2"


def test_a_running_trial_is_counted_with_its_last_epoch_and_never_best() -> None:
    running = TrialRecord("0", {}, "soft", history=[(1, 0.0, {DATA: 0.5}), (2, 0.0, {DATA: 0.1})])
    (trained,) = variants_of(running)
    assert trained.value(DATA) == 0.1
    (row,) = leaderboard([trained])
    assert (row.best, row.data, row.counts[TrialStatus.RUNNING]) == (None, None, 1)


def test_a_trial_that_failed_does_not_speak_for_the_network_of_others() -> None:
    failed = variant(0.1, 1.0, status=TrialStatus.FAILED, trial="0", training="{}")
    (row,) = leaderboard([failed, variant(0.1, 1.0, trial="1", training="{}")])
    assert row.data is not None and (row.data.median, row.data.count) == (0.1, 1)


def test_a_network_that_several_trials_share_counts_once() -> None:
    records = [
        record(
            str(place),
            validation__data_mse=0.1,
            validation__constraint_mse=1.0,
            projected__validation__data_mse=0.4 - 0.2 * place,
        )
        for place in range(2)
    ]
    variants = [
        variant
        for place, one in enumerate(records)
        for variant in variants_of(replace(one, values={"training.epochs": 3, "projection.points": 10 + place}))
    ]
    trained, projected = leaderboard(variants)
    assert trained.data is not None and (trained.data.median, trained.data.count) == (0.1, 1)
    assert projected.data is not None and (projected.data.median, projected.data.count) == (pytest.approx(0.3), 2)
    assert trained.counts[TrialStatus.COMPLETED] == 2
    assert [one.trial for one in pareto_set(variants) if not one.projected] == ["0"]
