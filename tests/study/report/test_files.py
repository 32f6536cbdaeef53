import csv
import re
from pathlib import Path

import pytest

from search_spaces.load import StudyFileError, dump_yaml
from study.analysis.findings import read_analysis
from study.journal.files import REPORT, STUDY
from study.report.csv_rows import leaderboard_rows, trial_rows, variant_rows
from study.report.files import all_plots, write_csv, write_report
from study.report.page import PAGE
from tests.study import conditioned, solved, synthetic_journal

PLOTS = ("pareto", "errors", "predictions", "convergence", "residuals", "cost", "progress", "settings")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_report_has_tables_plots_and_a_page(finished: Path) -> None:
    report = finished / REPORT
    assert {path.name for path in report.iterdir()} == {
        PAGE,
        "plots",
        "leaderboard.csv",
        "pareto.csv",
        "trials.csv",
    }
    plots = list((report / "plots").iterdir())
    assert sorted(path.name for path in plots) == sorted(f"{name}.png" for name in PLOTS)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots)


def test_csv_files_give_back_the_tables_with_all_digits(finished: Path) -> None:
    analysis = read_analysis(finished)
    for name, table in (
        ("leaderboard", leaderboard_rows(analysis.leaderboard, analysis.measured)),
        ("pareto", variant_rows(analysis.pareto, analysis.measured)),
        ("trials", trial_rows(analysis.records.values())),
    ):
        rows = read_csv(finished / REPORT / f"{name}.csv")
        assert len(rows) == len(table) > 0
        for read, written in zip(rows, table, strict=True):
            assert list(read) == list(written)
            for key, value in written.items():
                text = "" if value is None else str(value)
                assert float(read[key]) == value if isinstance(value, float) else read[key] == text


def test_a_report_without_data_says_nothing_of_it(tmp_path: Path) -> None:
    study = conditioned.study("membrane", {"interior": 20, "boundary": 8})
    (tmp_path / STUDY).write_text(dump_yaml(study), encoding="utf-8")
    conditioned.fill(tmp_path, conditioned.WITHOUT_DATA)
    paths = write_report(tmp_path)
    assert not (paths.plots / "pareto.png").exists() and not (paths.tables / "pareto.csv").exists()
    page = paths.html.read_text(encoding="utf-8")
    text = re.sub(r"<details>.*", "", re.sub(r'src="data:[^"]*"', "", page), flags=re.DOTALL)
    assert "Pareto" not in text and "pareto.csv" not in text and ">val.\ndata<" not in text
    assert "by validation/constraint_mse" in text


def test_a_table_without_rows_is_an_empty_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "empty.csv", [])
    assert read_csv(tmp_path / "empty.csv") == []


def test_a_report_is_written_anew(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    paths = write_report(tmp_path)
    first = paths.html.read_text(encoding="utf-8")
    paths.html.write_text("another", encoding="utf-8")
    assert write_report(tmp_path) == paths
    assert paths.html.read_text(encoding="utf-8") == first


def test_a_directory_without_a_study_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError) as caught:
        write_report(tmp_path)
    assert "\n" not in str(caught.value)


def test_where_nothing_is_trained_no_plot_is_about_epochs(tmp_path: Path) -> None:
    plots = [plot.name for plot in all_plots(solved.analysis(), tmp_path)]
    assert plots == [name for name in PLOTS if name not in ("convergence", "residuals")]
