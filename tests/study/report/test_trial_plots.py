import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnn_core.metrics import WORST
from cnn_core.networks import Modulated
from cnn_core.solvers import AdamProjection
from search_spaces.schema import Data, DataSplit, ProblemChoice, Study
from study.journal.events import TrialStatus
from study.journal.files import TRIALS
from study.journal.journal import Journal
from study.journal.record import TrialRecord
from study.report.prediction_plots import prediction_plot
from study.report.trial_plots import (
    CONVERGENCE,
    PREDICTION,
    convergence_plot,
    draw,
    percentile_plot,
    read_percentiles,
)
from study.trial.files import PERCENTILES, PREDICTIONS
from study.trial.trial import Trial
from tests.study import conditioned, solved, synthetic_journal, tracked_study
from tests.study.report.rendering import drawn

WAVES = {"amplitude": (1.0,), "frequency": (1.0,), "phase": (0.0,)}
FLOWS = {"u_infinity": (1.0,), "suction": (0.5,), "w_infinity": (0.5,)}
PROBLEMS = {
    "helmholtz": (ProblemChoice("helmholtz"), WAVES),
    "pythagorean": (ProblemChoice("pythagorean"), WAVES),
    "truth": (ProblemChoice("truth"), WAVES),
    "synthetic": (ProblemChoice("synthetic", options={"constraints": 6}), WAVES),
    "viscous-flow": (ProblemChoice("viscous-flow"), FLOWS),
}


def record(epochs: int, **changes: float) -> TrialRecord:
    names = [f"{split}/{error}" for split in ("train", "validation") for error in ("data_mse", "constraint_mse")]
    history: list[tuple[int, float, dict[str, float]]] = []
    for epoch in range(1, epochs + 1):
        errors = dict.fromkeys(names, 1.0 / epoch)
        history.append((epoch, float(epoch), errors | {"time/train_s": 2.0 * epoch, "time/forward_s": 0.5 * epoch}))
    metrics: dict[str, float | str] = {**(history[-1][2] if history else {}), **changes}
    return TrialRecord("0001", {}, "soft", TrialStatus.COMPLETED, history=history, metrics=metrics)


def with_metrics(metrics: Mapping[str, float]) -> TrialRecord:
    """A trial of two epochs with these metrics."""
    own: dict[str, float] = {**metrics, "time/train_s": 1.0}
    history = [(epoch, float(epoch), own) for epoch in (1, 2)]
    return TrialRecord("0001", {}, "soft", TrialStatus.COMPLETED, history=history, metrics=dict(own))


def tiny_study(problem: str) -> Study:
    choice, parameters = PROBLEMS[problem]
    split = DataSplit(parameters, 8)
    study = synthetic_journal.study()
    return replace(
        study,
        problem=choice,
        data=Data(split, split, split),
        network=Modulated(widths=(4,)),
        training=replace(study.training, epochs=2),
        projection=AdamProjection(max_steps=4, points=5),
        search={},
    )


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_trial_of_every_problem_has_plots(problem: str, tmp_path: Path) -> None:
    trial = Trial(tiny_study(problem))
    while not trial.done:
        trial.step()
    trial.finish()
    trial.save(tmp_path)
    outputs = len(trial.model.problem.outputs)
    figure = drawn(prediction_plot(tmp_path / PREDICTIONS))
    curves = len(trial.model.problem.axes) == 1  # others have pictures, four in a row, as trained and as projected
    shown = min(outputs, 4) if curves else 8 * outputs
    assert len(figure.axes) == shown + 2  # the projection's own error, and how far it moved
    assert drawn(percentile_plot({"batch": tmp_path / PERCENTILES})).axes[0].get_title(loc="left") == "batch"


@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_convergence_shows_training_and_validation_points(epochs: int) -> None:
    axes = drawn(convergence_plot(record(epochs))).axes
    assert [ax.get_yscale() for ax in axes] == ["log", "log", "linear"]
    assert axes[0].get_legend_handles_labels()[1] == ["train", "validation"]


def test_convergence_shows_the_projected_error_and_its_seconds() -> None:
    metrics = {"projected/validation/data_mse": 0.3, "time/projection_s": 1.0}
    axes = drawn(convergence_plot(record(3, **metrics))).axes
    assert "validation, projected" in axes[0].get_legend_handles_labels()[1]
    assert "validation, projected" not in axes[1].get_legend_handles_labels()[1]
    assert "projection" in axes[2].get_legend_handles_labels()[1]


def test_convergence_has_panels_for_what_is_measured_alone() -> None:
    panels = drawn(convergence_plot(with_metrics(conditioned.WITHOUT_DATA))).axes
    assert [axes.get_title(loc="left") for axes in panels[:-1]] == ["Constraint error", "Each equation and condition"]
    assert panels[1].get_legend_handles_labels()[1] == ["load", "walls"]


def test_the_names_of_conditions_stay_legible_on_their_curves() -> None:
    legend = drawn(convergence_plot(with_metrics(conditioned.WITHOUT_DATA))).axes[1].get_legend()
    assert legend is not None
    assert legend.get_frame_on()


def test_convergence_shows_the_course_of_unknowns_and_their_true_values() -> None:
    record = with_metrics(conditioned.WITH_UNKNOWN)
    *_, unknown, _ = drawn(convergence_plot(record, {"rate": conditioned.TRUE_RATE})).axes
    assert unknown.get_title(loc="left") == "Unknown: rate"
    assert [text.get_text() for text in unknown.texts] == ["true: 0.5"]
    assert np.array_equal(unknown.lines[0].get_ydata(), [0.4, 0.4])
    *_, unknown, _ = drawn(convergence_plot(record)).axes
    assert not unknown.texts


def test_convergence_of_a_trial_that_diverged_at_once_or_ended_no_epoch() -> None:
    diverged = record(1, diverged=1.0)
    diverged.history[0] = (1, 1.0, dict.fromkeys(diverged.history[0][2], WORST))
    texts = [text.get_text() for text in drawn(convergence_plot(diverged)).axes[0].texts]
    assert texts == ["diverged in epoch 1"]
    assert "ended no epoch" in drawn(convergence_plot(record(0))).axes[0].texts[0].get_text()


def test_percentiles_are_read_by_quantity(tmp_path: Path) -> None:
    path = tmp_path / PERCENTILES
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "quantity", *(f"p{index}" for index in range(101))])
        writer.writerow([1, "residual", *range(101)])
        writer.writerow([1, "residual_abs", *range(100, 201)])
    read = read_percentiles(path, "residual_abs")
    assert read is not None
    epochs, values = read
    assert epochs == [1]
    assert values.tolist() == [[float(value) for value in range(100, 201)]]
    assert read_percentiles(path, "gradient") is None
    assert read_percentiles(tmp_path / "none.csv", "residual") is None


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    tracked_study.fill(tmp_path / "mine")
    return tmp_path / "mine"


def test_the_plots_of_a_trial_are_files(directory: Path, tmp_path: Path) -> None:
    record = Journal(directory).trials()["0001"]
    assert draw(record, directory / TRIALS / "0001", tmp_path) == {CONVERGENCE: "", PREDICTION: ""}
    for name in (CONVERGENCE, PREDICTION):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_trial_without_files_or_epochs_has_no_plots(directory: Path, tmp_path: Path) -> None:
    record = Journal(directory).trials()["0005"]
    assert draw(record, directory / TRIALS / "0005", tmp_path) == {}


def test_a_plot_that_cannot_be_drawn_is_told(directory: Path, tmp_path: Path) -> None:
    folder = directory / TRIALS / "0002"
    (folder / PREDICTIONS).write_bytes(b"no array")
    drawn = draw(Journal(directory).trials()["0002"], folder, tmp_path)
    assert drawn[CONVERGENCE] == ""
    assert drawn[PREDICTION].startswith("ValueError: ")


def test_a_trial_that_was_never_trained_has_no_convergence(tmp_path: Path) -> None:
    assert draw(solved.record("0", "lm", 1e-3), tmp_path, tmp_path) == {}
