"""Trials that bring their networks near the data by a projection: what they find of unknowns, and how it is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.load import StudyFileError, load_trial
from search_spaces.schema import Study
from study.analysis.measured import as_projected, unfitted
from study.analysis.variants import variants_of
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.prediction.load import load_trial as load_network
from study.trial.files import PREDICTIONS
from study.trial.trial import Trial, run_trial

SOLVER: Mapping[str, Any] = {
    "solver": "lm", "nearest": "data", "points": {"interior": 150, "boundary": 30, "initial": 0}, "max_steps": 150,
}  # fmt: skip


def heat(**changes: Any) -> Study:
    """The rod of unknown conductivity, 0.1, with a small network."""
    small = {"search": {}, "network.widths": [10, 10], "training.epochs": 0, "projection": SOLVER}
    return load_trial("heat-inverse", {**small, **changes})


@pytest.fixture(scope="module")
def solved() -> tuple[Trial, Mapping[str, float | str]]:
    trial = Trial(heat())
    trial.step()
    return trial, {**trial.history[-1], **trial.finish()}


def test_the_unknown_is_found_and_the_data_are_fitted(solved: tuple[Trial, Mapping[str, float | str]]) -> None:
    _, metrics = solved
    assert metrics["projection/status"] == "converged" and metrics["unknown/diffusivity"] == pytest.approx(0.2)
    assert metrics["projected/unknown/diffusivity"] == pytest.approx(0.1, rel=0.02)
    assert metrics["projected/unknown/diffusivity_error"] < 0.02  # type: ignore[operator]
    assert metrics["projected/train/data_mse"] == pytest.approx(1e-4, rel=0.4)
    assert unfitted(metrics) is not None and unfitted(as_projected(metrics)) is None
    record = TrialRecord("0000", {}, "lm", TrialStatus.COMPLETED, metrics=dict(metrics))
    (variant,) = variants_of(record, trains=False)
    assert variant.value("unknown/diffusivity") == metrics["projected/unknown/diffusivity"]
    trained, projected = variants_of(record)
    assert (trained.value("unknown/diffusivity"), projected.metrics["unknown/diffusivity"]) == (
        metrics["unknown/diffusivity"], metrics["projected/unknown/diffusivity"],
    )  # fmt: skip


def test_it_is_saved_and_used_with_what_was_found(
    solved: tuple[Trial, Mapping[str, float | str]], tmp_path: Path
) -> None:
    trial, metrics = solved
    trial.save(tmp_path)
    found = metrics["projected/unknown/diffusivity"]
    network = load_network(tmp_path)
    assert network.unknowns["diffusivity"] == pytest.approx(found)
    assert np.load(tmp_path / PREDICTIONS)["found"] == pytest.approx([found])
    again = Trial(heat())
    again.load(tmp_path)
    assert again.finish()["projected/unknown/diffusivity"] == pytest.approx(found, rel=1e-3)


def test_a_trained_network_is_brought_near_the_data_of_its_study(tmp_path: Path) -> None:
    trial = Trial(heat(**{"training.epochs": 1, "projection": {**SOLVER, "max_steps": 60}}))
    trial.step()
    metrics = trial.finish()
    assert metrics["projected/unknown/diffusivity"] != trial.history[-1]["unknown/diffusivity"]
    trial.save(tmp_path)
    projected = load_network(tmp_path).projected()
    assert projected.unknowns["diffusivity"] == pytest.approx(metrics["projected/unknown/diffusivity"])


def test_a_refused_projection_moves_no_unknown() -> None:
    bad = {**SOLVER, "max_steps": 1, "accept": "if-better-on-validation", "first_weight": 1e3}
    metrics = run_trial(heat(**{"training.epochs": 20, "projection": bad}))
    kept = metrics["projection/accepted"] == 1.0
    assert (metrics["projected/unknown/diffusivity"] == metrics["unknown/diffusivity"]) != kept


def test_a_solver_that_seeks_data_needs_some() -> None:
    with pytest.raises(StudyFileError, match=r"projection.nearest is data, and data.train has none; give it a file"):
        heat(
            **{"data.train": {"points": {"interior": 20, "boundary": 5}}, "training.batch_size": 20},
            **{"problem.unknown": {"diffusivity": {"start": 0.2}}},  # without a truth there is no exact solution
        )
