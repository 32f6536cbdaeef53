import csv
import re
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from cnn_core.solvers import AdamProjection
from search_spaces.load import StudyFileError, dump_yaml
from search_spaces.schema import Study
from study.analysis import findings as tables_of
from study.journal.journal import Journal, TrialStatus
from study.report.files import print_summary, read_analysis, write_csv, write_report
from study.report.tables import all_tables
from tests.study import synthetic_journal

FIGURES = ("pareto", "errors", "predictions", "convergence", "residuals", "cost", "progress", "settings")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of made-up trials with its report. Tests only read it."""
    directory = tmp_path_factory.mktemp("finished")
    prepare(directory, synthetic_journal.study())
    synthetic_journal.fill(directory)
    write_report(directory)
    return directory


def prepare(directory: Path, study: Study) -> None:
    (directory / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")


def summary(directory: Path, *, terminal: bool | None = None) -> str:
    out = StringIO()
    print_summary(Console(file=out, width=80, force_terminal=terminal), directory)
    return out.getvalue()


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_report_has_tables_figures_and_a_page(finished: Path) -> None:
    report = finished / "report"
    assert {path.name for path in report.iterdir()} == {
        "report.html",
        "figures",
        "leaderboard.csv",
        "pareto.csv",
        "trials.csv",
    }
    figures = list((report / "figures").iterdir())
    assert sorted(path.name for path in figures) == sorted(f"{name}.png" for name in FIGURES)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in figures)


def test_the_page_needs_no_other_file(finished: Path) -> None:
    text = (finished / "report" / "report.html").read_text(encoding="utf-8")
    assert text.count('src="data:image/png;base64,') == len(FIGURES)
    assert text.count("src=") == len(FIGURES)
    assert "http" not in text
    assert "<script" not in text
    assert "augmented-lagrangian" in text


def test_the_page_escapes_what_users_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "a<b>&c"
    folder.mkdir()
    prepare(folder, synthetic_journal.study())
    text = write_report(folder).html.read_text(encoding="utf-8")
    assert "a&lt;b&gt;&amp;c" in text
    assert "<b>" not in text


def test_csv_files_give_back_the_tables_with_all_digits(finished: Path) -> None:
    analysis = read_analysis(finished)
    for name, table in (
        ("leaderboard", tables_of.leaderboard_table(analysis.leaderboard)),
        ("pareto", tables_of.variant_table(analysis.pareto)),
        ("trials", tables_of.trial_table(analysis.records.values())),
    ):
        rows = read_csv(finished / "report" / f"{name}.csv")
        assert len(rows) == len(table) > 0
        for read, written in zip(rows, table, strict=True):
            assert list(read) == list(written)
            for key, value in written.items():
                text = "" if value is None else str(value)
                assert float(read[key]) == value if isinstance(value, float) else read[key] == text


def test_a_table_without_rows_is_an_empty_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "empty.csv", [])
    assert read_csv(tmp_path / "empty.csv") == []


def test_a_report_is_written_anew(tmp_path: Path) -> None:
    prepare(tmp_path, synthetic_journal.study())
    paths = write_report(tmp_path)
    first = paths.html.read_text(encoding="utf-8")
    paths.html.write_text("another", encoding="utf-8")
    assert write_report(tmp_path) == paths
    assert paths.html.read_text(encoding="utf-8") == first


def test_an_empty_study_says_so(tmp_path: Path) -> None:
    prepare(tmp_path, synthetic_journal.study())
    assert "No trial has started yet." in write_report(tmp_path).html.read_text(encoding="utf-8")
    assert "0 of 20 trials" in summary(tmp_path)
    assert "No trial has started yet." in summary(tmp_path)


def test_a_killed_study_says_that_it_has_not_finished(tmp_path: Path) -> None:
    prepare(tmp_path, synthetic_journal.study())
    journal = synthetic_journal.fill(tmp_path, trials=7)
    journal.trial_start("00007", values={}, method="reduction")
    journal.epoch("00007", 1, {"validation/data_mse": 0.1})
    with journal.path.open("a", encoding="utf-8") as file:
        file.write('{"event": "epo')
    shutil.rmtree(tmp_path / "trials")  # what a remote node had not sent yet
    assert "Not finished" in write_report(tmp_path).html.read_text(encoding="utf-8")
    said = summary(tmp_path).replace("\n", "")
    assert "8 of 20 trials: 1 running, 6 completed, 1 pruned" in said


def test_a_study_whose_only_trial_runs_has_no_best(tmp_path: Path) -> None:
    prepare(tmp_path, synthetic_journal.study())
    Journal(tmp_path).trial_start("00000", values={}, method="soft")
    write_report(tmp_path)
    assert "No completed trial yet." in summary(tmp_path)


def test_a_directory_without_a_study_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError) as caught:
        write_report(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_summary_fits_80_columns_and_has_no_colour_codes_in_a_file(finished: Path) -> None:
    text = summary(finished)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    titles = ("Best trial of every method", "Pareto set", "Median validation errors", "Trials and their time")
    for expected in (*titles, "+ projection", "n < 6", "pruned", "failed"):
        assert expected in text
    assert "\x1b" in summary(finished, terminal=True)


@pytest.mark.parametrize("trials", [20, 60])
def test_no_cell_of_the_summary_is_folded(trials: int, tmp_path: Path) -> None:
    prepare(tmp_path, synthetic_journal.study(trials))
    journal = synthetic_journal.fill(tmp_path, trials=trials)
    journal.trial_start("running", values={}, method="soft")
    journal.trial_start("stopped", values={}, method="soft")
    journal.trial_end("stopped", TrialStatus.STOPPED, {})
    text = summary(tmp_path)
    assert len(re.findall(r"^(?:\d +)?augmented-lagrangian  ", text, re.MULTILINE)) >= 3
    analysis = read_analysis(tmp_path)
    for table in all_tables(analysis):
        for row in table.rows:
            assert any(all(cell.strip() in line for cell in row) for line in text.splitlines()), row


def test_flat_networks_are_marked_and_explained(finished: Path) -> None:
    text = summary(finished)
    assert re.search(r"0\.99\*", text)
    assert "* hardly nearer to the data than u = 0" in text


@pytest.mark.parametrize(("waves", "said"), [(2, True), (4, False), ("all", False)])
def test_projections_of_some_waves_only_are_said_not_to_be_comparable(
    waves: int | Literal["all"], said: bool, tmp_path: Path
) -> None:
    study = synthetic_journal.study()
    parameters = {"amplitude": (1.1, 2.0), "frequency": (1.0,), "phase": (0.0, 0.1)}
    data = replace(study.data, validation=replace(study.data.validation, parameters=parameters))
    prepare(tmp_path, replace(study, data=data, projection=AdamProjection(waves=waves)))
    synthetic_journal.fill(tmp_path, trials=5)
    assert ("first 2 of 4 validation waves" in summary(tmp_path)) is said


def test_a_long_pareto_set_is_cut_in_the_terminal_only(tmp_path: Path) -> None:
    prepare(tmp_path, synthetic_journal.study())
    journal = Journal(tmp_path)
    for index in range(1, 31):
        journal.trial_start(f"{index:04d}", values={}, method="soft")
        metrics = {"validation/data_mse": float(index), "validation/constraint_mse": 1.0 / index}
        journal.trial_end(f"{index:04d}", TrialStatus.COMPLETED, metrics)
    assert "10 more in the report." in summary(tmp_path)
    assert len(read_csv(write_report(tmp_path).tables / "pareto.csv")) == 30
