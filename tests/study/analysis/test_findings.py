import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from cnn_core.metrics import WORST
from study.analysis.findings import (
    CONSTRAINT,
    DATA,
    Variant,
    analyse,
    best_so_far,
    leaderboard,
    leaderboard_table,
    pareto_set,
    selection,
    spread,
    trial_table,
    variant_table,
    variants_of,
)
from study.journal.journal import TrialRecord, TrialStatus
from tests.study import synthetic_journal

ERRORS = st.tuples(*[st.sampled_from([1e-6, 1e-3, 0.1, 1.0, 7.0])] * 2) | st.tuples(*[st.floats(1e-9, 1e9)] * 2)

STEPS = "projection/steps"


def variant(data: float, constraint: float, **changes: Any) -> Variant:
    figures = {DATA: data, CONSTRAINT: constraint}
    return replace(Variant("0", "soft", False, TrialStatus.COMPLETED, figures, 1.0), **changes)


def record(
    trial: str = "0", method: str = "soft", status: TrialStatus = TrialStatus.COMPLETED, **metrics: float
) -> TrialRecord:
    """A trial that ended at second `trial` + 1; a double underscore stands for the slash of a metric's name."""
    figures: dict[str, float | str] = {name.replace("__", "/"): value for name, value in metrics.items()}
    return TrialRecord(trial, {}, method, status, started=float(trial), ended=float(trial) + 1, metrics=figures)


def beats(one: Variant, other: Variant) -> bool:
    pairs = [(one.figures[name], other.figures[name]) for name in (DATA, CONSTRAINT)]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@given(st.lists(ERRORS, max_size=30))
def test_the_pareto_set_is_what_no_other_variant_beats(errors: list[tuple[float, float]]) -> None:
    variants = [variant(*pair) for pair in errors]
    front = pareto_set(variants)
    members = {id(member) for member in front}
    assert not any(beats(one, other) for one, other in itertools.permutations(front, 2))
    assert all(any(beats(member, other) for member in front) for other in variants if id(other) not in members)
    assert [member.figures[DATA] for member in front] == sorted(member.figures[DATA] for member in front)


@pytest.mark.parametrize(
    ("bounds", "best", "size"),
    [
        ({}, "0", 2),
        ({CONSTRAINT: 0.1}, "1", 1),
        ({CONSTRAINT: 0.001}, None, 0),
        ({"projected/validation/data_mse": 0.0}, "0", 2),
        ({"train/data_mse": 1.0}, None, 0),
    ],
)
def test_only_feasible_trials_are_best_or_in_the_pareto_set(
    bounds: dict[str, float], best: str | None, size: int
) -> None:
    study = replace(synthetic_journal.study(), bounds=bounds)
    trials = [
        record("0", validation__data_mse=0.1, validation__constraint_mse=0.5),
        record("1", validation__data_mse=0.2, validation__constraint_mse=0.05),
    ]
    analysis = analyse(study, {trial.trial: trial for trial in trials})
    assert {name: found.trial for name, found in analysis.best_trials().items()} == ({"soft": best} if best else {})
    assert len(analysis.pareto) == size
    assert [value is not None for value in best_so_far(analysis)["soft"]] == [best == "0", best is not None]


def test_a_projected_network_keeps_bounds_by_its_own_errors() -> None:
    study = replace(synthetic_journal.study(), bounds={CONSTRAINT: 0.1, "train/data_mse": 1.0})
    figures = {"projected/validation/data_mse": 0.3, "projected/validation/constraint_mse": 0.01}
    trial = replace(record("0", validation__data_mse=0.1, validation__constraint_mse=0.5), metrics=figures)
    assert [variant.feasible for variant in analyse(study, {"0": trial}).variants] == [False, True]


def test_equal_errors_do_not_beat_each_other() -> None:
    assert len(pareto_set([variant(1.0, 2.0), variant(1.0, 2.0), variant(1.0, 3.0)])) == 2


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
    one = variant(0.0, 0.0, trial="1", figures={DATA: 0.1, CONSTRAINT: 1.0, "test/data_mse": 9.0})
    two = variant(0.0, 0.0, trial="2", figures={DATA: 0.2, CONSTRAINT: 1.0, "test/data_mse": 0.001})
    (row,) = leaderboard([two, one])
    assert row.best is one
    assert leaderboard_table([row])[0]["test/data_mse"] == 9.0


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
    assert (trained.figure(DATA), trained.seconds, trained.projected) == (0.1, 4.0, False)
    assert (projected.figure(DATA), projected.seconds, projected.projected) == (0.3, 6.0, True)
    others = variants_of(record("1", "batch", validation__data_mse=0.2))
    rows = leaderboard([*others, projected, trained])
    assert [(row.method, row.projected) for row in rows] == [("soft", False), ("soft", True), ("batch", False)]
    assert pareto_set([trained, projected]) == [trained, projected]


def test_a_projection_that_took_no_step_is_no_other_network() -> None:
    trained = variant(0.2, 0.1)
    same = replace(trained, projected=True, figures={DATA: 0.2, CONSTRAINT: 0.05, STEPS: 0.0})
    moved = replace(same, figures={**same.figures, STEPS: 1.0})
    assert pareto_set([trained, same]) == [trained]
    assert pareto_set([trained, moved]) == [moved]


def test_cost_is_relative_to_the_unconstrained_method() -> None:
    rows = leaderboard([variant(1.0, 1.0, method="unconstrained", seconds=2.0), variant(2.0, 1.0, seconds=5.0)])
    assert [(row.method, row.cost) for row in rows] == [("unconstrained", 1.0), ("soft", 2.5)]
    (alone,) = leaderboard([variant(2.0, 1.0, seconds=5.0)])
    assert alone.cost is None


@pytest.mark.parametrize("count", range(1, 40))
def test_the_interval_of_a_median_holds_it_with_95_percent_and_is_the_shortest_that_does(count: int) -> None:
    result = spread(float(value) for value in range(count, 0, -1))
    assert result is not None
    if result.interval is None:
        assert count < 6
        return
    low, high = result.interval
    assert low + high == count + 1
    assert 1 - 2 * binom.cdf(low - 1, count, 0.5) >= 0.95
    assert 1 - 2 * binom.cdf(low, count, 0.5) < 0.95


def test_no_values_have_no_spread() -> None:
    assert spread([]) is None


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        ({"validation/constraint_mse": "min", "validation/data_mse": "min"}, ("validation/constraint_mse", "min")),
        ({"projected/validation/data_mse": "min"}, ("validation/data_mse", "min")),
        ({"train/data_mse": "min", "validation/relative_l2": "max"}, ("validation/relative_l2", "max")),
        ({"train/data_mse": "min"}, ("validation/data_mse", "min")),
    ],
)
def test_selection_is_by_the_first_validation_objective(objectives: dict[str, str], expected: tuple[str, str]) -> None:
    study = synthetic_journal.study()
    object.__setattr__(study, "objectives", objectives)
    assert selection(study) == expected


def test_a_maximised_objective_prefers_the_largest() -> None:
    (row,) = leaderboard([variant(1.0, 1.0, trial="1"), variant(2.0, 1.0, trial="2")], mode="max")
    assert row.best is not None
    assert row.best.trial == "2"


def test_best_so_far_follows_the_order_in_which_trials_ended() -> None:
    records = [record("2", validation__data_mse=0.5), record("1", validation__data_mse=0.7)]
    records += [record("0", status=TrialStatus.PRUNED, validation__data_mse=0.1), record("3", validation__data_mse=0.6)]
    analysis = analyse(synthetic_journal.study(), {entry.trial: entry for entry in records})
    assert best_so_far(analysis) == {"soft": [None, 0.7, 0.5, 0.5]}


def test_a_network_no_nearer_to_the_data_than_zero_is_flat() -> None:
    assert variant(1.0, 1.0, figures={"test/relative_l2": 0.99}).flat
    assert not variant(1.0, 1.0, figures={"test/relative_l2": 0.5}).flat
    assert not variant(1.0, 1.0, figures={}).flat


def test_an_empty_study_has_empty_tables() -> None:
    analysis = analyse(synthetic_journal.study(), {})
    assert (analysis.variants, analysis.leaderboard, analysis.pareto) == ([], [], [])
    assert (best_so_far(analysis), analysis.best_trials(), trial_table([])) == ({}, {}, [])


def test_a_running_trial_is_counted_with_its_last_epoch_and_never_best() -> None:
    running = TrialRecord("0", {}, "soft", history=[(1, 0.0, {DATA: 0.5}), (2, 0.0, {DATA: 0.1})])
    (trained,) = variants_of(running)
    assert trained.figure(DATA) == 0.1
    (row,) = leaderboard([trained])
    assert (row.best, row.data, row.counts[TrialStatus.RUNNING]) == (None, None, 1)


def test_the_tables_of_a_whole_study(tmp_path: Path) -> None:
    records = synthetic_journal.fill(tmp_path).trials()
    analysis = analyse(synthetic_journal.study(), records)
    rows = {(row.method, row.projected): row for row in analysis.leaderboard}
    assert len(rows) == 10
    assert sum(sum(row.counts.values()) for row in rows.values() if not row.projected) == 20
    assert rows["soft", False].counts[TrialStatus.FAILED] == rows["soft", False].counts[TrialStatus.PRUNED] == 1
    assert rows["batch", False].counts[TrialStatus.DIVERGED] == 1
    assert set(analysis.best_trials()) == set(synthetic_journal.METHODS)
    assert {tuple(row) for row in leaderboard_table(analysis.leaderboard)} == {
        tuple(leaderboard_table(analysis.leaderboard)[0])
    }
    assert [row["trial"] for row in variant_table(analysis.pareto)] == [member.trial for member in analysis.pareto]


def test_the_trials_table_has_the_values_and_figures_of_all_trials_as_columns(tmp_path: Path) -> None:
    rows = trial_table(synthetic_journal.fill(tmp_path).trials().values())
    assert len({tuple(row) for row in rows}) == 1
    assert {"training.method.weight", "projected/test/data_mse", "error"} <= set(rows[0])
    assert rows[11]["status"] == "failed"
    assert rows[11]["error"] == "RuntimeError: out of memory"
    assert rows[11]["test/data_mse"] is None
