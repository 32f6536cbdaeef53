import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from cnn_core.solvers import AdamProjection, LevenbergMarquardt
from search_spaces.measured import FIT
from study.analysis.findings import analyse, read_analysis
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.journal.record import TrialRecord
from study.report.files import write_report
from study.report.summary import print_summary
from study.report.tables import all_tables
from tests.study import synthetic_journal


def summary(directory: Path, *, terminal: bool | None = None) -> str:
    out = StringIO()
    print_summary(Console(file=out, width=80, force_terminal=terminal), directory)
    return out.getvalue()


def test_an_empty_study_says_so(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    assert "0 of 20 trials" in summary(tmp_path)
    assert "No trial has started yet." in summary(tmp_path)


def test_a_killed_study_says_how_its_trials_stand(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    synthetic_journal.fill_and_kill(tmp_path)
    said = summary(tmp_path).replace("\n", "")
    assert "8 of 20 trials: 1 running, 6 completed, 1 pruned" in said


def test_a_study_whose_only_trial_runs_has_no_best(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    Journal(tmp_path).trial_start("00000", values={}, method="soft")
    write_report(tmp_path)
    assert "No completed trial yet." in summary(tmp_path)


def test_the_summary_fits_80_columns_and_has_no_colour_codes_in_a_file(finished: Path) -> None:
    text = summary(finished)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    titles = ("Best trial of every method", "Pareto set", "Median validation errors", "Trials and their time")
    for expected in (*titles, "+ projection", "n < 6", "pruned", "failed"):
        assert expected in text
    assert "\x1b" in summary(finished, terminal=True)


@pytest.mark.parametrize("width", [30, 40, 60, 70])
def test_no_number_and_no_name_of_the_summary_is_cut(width: int, finished: Path) -> None:
    console = Console(file=(out := StringIO()), width=width)
    print_summary(console, finished)
    words = set(out.getvalue().split())
    for table in all_tables(read_analysis(finished)):
        for row in table.rows:
            assert {word for cell in row for word in cell.split()} <= words
    assert max(map(len, out.getvalue().splitlines())) <= width


@pytest.mark.parametrize("trials", [20, 60])
def test_no_cell_of_the_summary_is_folded(trials: int, tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study(trials))
    journal = synthetic_journal.fill(tmp_path, trials=trials)
    journal.trial_start("running", values={}, method="soft")
    journal.trial_start("stopped", values={}, method="soft")
    journal.trial_end("stopped", TrialStatus.STOPPED, {})
    journal.trial_start("lost", values={}, method="batch")
    journal.trial_end("lost", TrialStatus.LOST, {}, "its process was lost 4 times in a row")
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


def test_projections_that_miss_their_tolerance_are_marked_and_counted(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    journal = Journal(tmp_path)
    errors = {"data_mse": 0.5, "constraint_mse": 0.1}
    for index, status in enumerate(["converged", "tolerance not met", "diverged", "least squares"]):
        method = ("soft", "batch")[index % 2]
        trained = {f"validation/{name}": 2 * value * (index + 1) for name, value in errors.items()}
        projected = {f"projected/validation/{name}": value / (index + 1) for name, value in errors.items()}
        journal.trial_start(f"{index}", values={}, method=method)
        journal.trial_end(
            f"{index}",
            TrialStatus.COMPLETED,
            trained | projected | {"projection/steps": 5.0, "projection/status": status},
        )
    best, pareto, spread, *_ = all_tables(read_analysis(tmp_path))
    assert [row[0] for row in best.rows] == ["soft", "  + projection†", "batch", "  + projection"]
    assert [row[2] for row in pareto.rows] == ["yes"]
    assert [row[0] for row in spread.rows] == ["soft", "  + projection†", "batch", "  + projection†"]
    why = "that did not meet their tolerance, or obey the PDE at their points alone"
    said = f"† with projections {why}: so in 2 of 4 trials."
    assert said in best.notes and said in spread.notes and said not in pareto.notes
    assert " ".join(summary(tmp_path).split()).count(said) == 2


def test_solves_that_obey_the_pde_at_their_points_alone_are_marked(tmp_path: Path) -> None:
    study = replace(synthetic_journal.study(), training=replace(synthetic_journal.study().training, epochs=0))
    study = replace(study, projection=LevenbergMarquardt(nearest="data"), search={})
    records = {}
    for index, off in enumerate([1e-9, 10.0]):
        metrics = {"projection/status": "converged", "projection/residual_on": 1e-9, "projection/residual_off": off}
        metrics |= {FIT: 0.5, "projected/validation/data_mse": 0.2 - 0.1 * index}
        records[f"{index}"] = TrialRecord(f"{index}", {}, "lm", TrialStatus.COMPLETED, metrics=metrics)
    best, *_, spread, _, _ = all_tables(analyse(study, records))
    assert best.rows[0][:2] == ("lm", "0")  # the other one has the smaller data error, and breaks the PDE
    assert spread.rows[0][0] == "lm†"


def test_a_refused_projection_leaves_no_mark(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    metrics: dict[str, float | str] = {"validation/data_mse": 0.5, "projected/validation/data_mse": 0.5}
    journal = Journal(tmp_path)
    journal.trial_start("0", values={}, method="soft")
    refused = {"projection/status": "tolerance not met", "projection/accepted": 0.0}
    journal.trial_end("0", TrialStatus.COMPLETED, metrics | refused)
    assert "†" not in summary(tmp_path)


@pytest.mark.parametrize(("waves", "said"), [(2, True), (4, False), ("all", False)])
def test_projections_of_some_waves_only_are_said_not_to_be_comparable(
    waves: int | Literal["all"], said: bool, tmp_path: Path
) -> None:
    study = synthetic_journal.study()
    parameters = {"amplitude": (1.1, 2.0), "frequency": (1.0,), "phase": (0.0, 0.1)}
    data = replace(study.data, validation=replace(study.data.validation, parameters=parameters))
    synthetic_journal.prepare(tmp_path, replace(study, data=data, projection=AdamProjection(waves=waves)))
    synthetic_journal.fill(tmp_path, trials=5)
    assert ("first 2 of 4 validation waves" in summary(tmp_path)) is said


def test_a_long_pareto_set_is_cut_in_the_terminal_only(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    journal = Journal(tmp_path)
    for index in range(1, 31):
        journal.trial_start(f"{index:04d}", values={}, method="soft")
        metrics = {"validation/data_mse": float(index), "validation/constraint_mse": 1.0 / index}
        journal.trial_end(f"{index:04d}", TrialStatus.COMPLETED, metrics)
    assert "10 more in the report." in summary(tmp_path)
    rows = (write_report(tmp_path).tables / "pareto.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 30
