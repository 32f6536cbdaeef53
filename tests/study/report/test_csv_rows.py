from pathlib import Path

import pytest

from study.analysis.findings import analyse
from study.analysis.leaderboard import leaderboard
from study.analysis.variants import DATA
from study.report.csv_rows import leaderboard_rows, trial_rows, variant_rows
from tests.study import conditioned, synthetic_journal
from tests.study.analysis.made_up import variant


def test_rows_of_one_table_have_equal_keys(tmp_path: Path) -> None:
    analysis = analyse(synthetic_journal.study(), synthetic_journal.fill(tmp_path).trials())
    rows = leaderboard_rows(analysis.leaderboard, analysis.measured)
    assert {tuple(row) for row in rows} == {tuple(rows[0])}
    front = variant_rows(analysis.pareto, analysis.measured)
    assert [row["trial"] for row in front] == [member.trial for member in analysis.pareto]


def test_the_leaderboard_has_the_best_trial_s_test_errors() -> None:
    best = variant(0.0, 0.0, metrics={DATA: 0.1, "test/data_mse": 9.0})
    (row,) = leaderboard([variant(0.0, 0.0, metrics={DATA: 0.2, "test/data_mse": 0.001}), best])
    assert leaderboard_rows([row], [DATA, "test/data_mse"])[0]["test/data_mse"] == 9.0


def test_no_trials_have_no_rows() -> None:
    assert trial_rows([]) == []


def test_trials_have_the_values_and_metrics_of_all_of_them_as_columns(tmp_path: Path) -> None:
    rows = trial_rows(synthetic_journal.fill(tmp_path).trials().values())
    assert len({tuple(row) for row in rows}) == 1
    assert {"training.method.weight", "projected/test/data_mse", "error"} <= set(rows[0])
    assert rows[11]["status"] == "failed"
    assert rows[11]["error"] == "RuntimeError: out of memory"
    assert rows[11]["test/data_mse"] is None


def test_rows_have_unknowns_and_no_data_where_there_is_none(tmp_path: Path) -> None:
    own = synthetic_journal.study()
    analysis = analyse(own, conditioned.fill(tmp_path, conditioned.WITHOUT_DATA | {"unknown/rate": 0.4}).trials())
    (row,) = leaderboard_rows(analysis.leaderboard, analysis.measured)
    assert not [name for name in row if "data" in name or "relative_l2" in name]
    assert {"validation/constraint_mse", "unknown/rate", "unknown/rate median", "unknown/rate low"} <= set(row)
    assert row["unknown/rate median"] == pytest.approx(0.42)
