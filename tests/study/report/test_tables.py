from dataclasses import replace
from pathlib import Path

import pytest

from cnn_core.metrics import WORST
from study.analysis.findings import analyse
from study.journal.events import TrialStatus
from study.report.tables import ENDINGS, all_tables, trials_table
from study.report.text_table import TextTable, format_error
from tests.study import conditioned, solved, synthetic_journal


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.234e-3, "1.2e-3"), (0.0, "0.0e0"), (5e-11, "5.0e-11"), (99.9, "1.0e2"), (None, "–"), (WORST, "worst")],
)
def test_errors_are_short(value: float | None, text: str) -> None:
    assert format_error(value) == text


def test_rows_have_a_cell_for_every_column(tmp_path: Path) -> None:
    for table in all_tables(analyse(synthetic_journal.study(), synthetic_journal.fill(tmp_path).trials())):
        assert all(len(row) == len(table.columns) for row in table.rows)


def headings(table: TextTable) -> list[str]:
    return [column.heading.replace("\n", " ") for column in table.columns]


def test_what_is_not_measured_has_no_column_and_no_table(tmp_path: Path) -> None:
    records = conditioned.fill(tmp_path, conditioned.WITHOUT_DATA).trials()
    study = replace(synthetic_journal.study(), objectives={"validation/constraint_mse": "min"})
    tables = {table.title: table for table in all_tables(analyse(study, records))}
    assert not [title for title in tables if "Pareto" in title or "Unknowns" in title]
    best = tables["Best trial of every method by validation/constraint_mse"]
    assert headings(best) == [
        "method",
        "best trial",
        "val. constr.",
        "test constr.",
    ]  # cost is in units of unconstrained, which took no part
    spread = tables["Median validation errors of every method"]
    assert headings(spread) == ["method", "n", "median constr.", "95 % interval"]
    assert spread.rows[0][1] == "2"


def test_cost_has_a_column_where_its_unit_took_part(tmp_path: Path) -> None:
    analysis = analyse(synthetic_journal.study(), synthetic_journal.fill(tmp_path).trials())
    assert headings(next(iter(all_tables(analysis))))[-1] == "cost"


def test_every_trial_diverged_where_nothing_is_known(tmp_path: Path) -> None:
    worst = dict.fromkeys(conditioned.WITHOUT_DATA, WORST)
    records = conditioned.fill(tmp_path, worst).trials()
    for record in records.values():
        record.status = TrialStatus.DIVERGED
    tables = all_tables(analyse(synthetic_journal.study(), records))
    assert "data" not in " ".join(heading for table in tables for heading in headings(table))


def test_endings_that_no_trial_had_get_no_column(tmp_path: Path) -> None:
    made = trials_table(analyse(synthetic_journal.study(), synthetic_journal.fill(tmp_path, trials=5).trials()))
    headings = [column.heading for column in made.columns]
    assert "done" in headings
    assert not (set(ENDINGS.values()) - {"done"}) & set(headings)


def test_where_nothing_is_trained_no_column_is_about_training() -> None:
    tables = {table.title: table for table in all_tables(solved.analysis())}
    best = tables["Best trial of every method by validation/constraint_mse"]
    assert headings(best) == ["method", "best trial", "val. data", "val. constr.", "test rel.L2"]
    assert [row[0] for row in best.rows] == ["least-squares", "lm"]
    assert [row[-1] for row in best.rows] == ["1e-4 ", "2e-3 "], "too small for two decimals"
    front = tables["Pareto set of data error against constraint error"]
    assert headings(front)[:3] == ["#", "method", "trial"] and len(front.rows[0]) == len(front.columns)
    times = tables["Trials and their time"]
    assert headings(times) == ["method", "done", "time"]
    assert times.rows == [("least-squares", "1", "4.0 s"), ("lm", "2", "4.0 s")]
