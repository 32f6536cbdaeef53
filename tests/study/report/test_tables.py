from pathlib import Path

import pytest

from cnn_core.metrics import WORST
from study.analysis.findings import analyse
from study.report.tables import ENDINGS, all_tables, trials_table
from study.report.text_table import format_error
from tests.study import synthetic_journal


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.234e-3, "1.2e-3"), (0.0, "0.0e0"), (5e-11, "5.0e-11"), (99.9, "1.0e2"), (None, "–"), (WORST, "worst")],
)
def test_errors_are_short(value: float | None, text: str) -> None:
    assert format_error(value) == text


def test_rows_have_a_cell_for_every_column(tmp_path: Path) -> None:
    for table in all_tables(analyse(synthetic_journal.study(), synthetic_journal.fill(tmp_path).trials())):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_endings_that_no_trial_had_get_no_column(tmp_path: Path) -> None:
    made = trials_table(analyse(synthetic_journal.study(), synthetic_journal.fill(tmp_path, trials=5).trials()))
    headings = [column.heading for column in made.columns]
    assert "done" in headings
    assert not (set(ENDINGS.values()) - {"done"}) & set(headings)
