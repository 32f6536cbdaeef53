"""What a finished trial keeps of its predictions."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from search_spaces import modules
from search_spaces.schema import Study
from study.trial.files import PREDICTIONS
from study.trial.predictions import observations_of
from study.trial.trial import Trial
from tests.study import conditioned

INSIDE = {"interior": 20, "boundary": 8}


def finished(study: Study, folder: Path) -> tuple[Trial, dict[str, np.ndarray]]:
    trial = Trial(study)
    while not trial.done:
        trial.step()
    trial.finish()
    trial.save(folder)
    with np.load(folder / PREDICTIONS) as arrays:
        return trial, dict(arrays)


def cooling(folder: Path, monkeypatch: pytest.MonkeyPatch, *splits: str) -> Study:
    """A study that has data in these splits, or in validation and test alone."""
    monkeypatch.setattr(modules, "folders", [str(folder)])
    conditioned.write_observations(folder / "cooling.csv")
    shares = {"train": (0.0, 0.4), "validation": (0.4, 0.7), "test": (0.7, 1.0)}
    files = {split: f", file: cooling.csv, share: {list(shares[split])}" for split in splits or ("validation", "test")}
    return conditioned.study("cooling", {"interior": 20, "initial": 8}, files=files)


def test_without_an_exact_solution_there_is_none_to_compare_with(tmp_path: Path) -> None:
    _, arrays = finished(conditioned.study("membrane", INSIDE), tmp_path)
    assert not {"u", "plane_exact"} & set(arrays)
    assert arrays["coordinates"].tolist() == ["x", "y"]
    assert arrays["outputs"].tolist() == ["height"]
    assert arrays["plane_before"].shape == (1, 101, 101, 1)
    assert arrays["plane_before"].dtype == arrays["plane_residual"].dtype == np.float32
    assert arrays["collocation"].shape == (28, 2)


def test_there_is_nothing_outside_of_the_domain(tmp_path: Path) -> None:
    _, arrays = finished(conditioned.study("holed", {"interior": 20, "outer": 8, "hole": 4}), tmp_path)
    x, y = np.meshgrid(np.linspace(0, 2, 101), np.linspace(0, 1, 101), indexing="ij")
    away = np.hypot(x - 0.5, y - 0.5)
    for values in (arrays["plane_before"][0, ..., 0], arrays["plane_residual"][0]):
        assert np.isnan(values[away < 0.249]).all()
        assert np.isfinite(values[away > 0.251]).all()


def test_planes_go_through_the_middle(tmp_path: Path) -> None:
    trial, arrays = finished(conditioned.study("block", INSIDE), tmp_path)
    assert arrays["planes"].tolist() == [[0, 1], [0, 2], [1, 2]]
    middle = trial.model.evaluate(trial.training.theta.detach(), *_inputs(trial, [[0.5, 0.5, 0.5]]))
    for plane in range(3):
        assert arrays["plane_before"][plane, 30, 30, 0] == pytest.approx(middle.prediction.item(), rel=1e-5)
        assert arrays["plane_residual"][plane, 30, 30] == pytest.approx(abs(middle.residuals.item()), rel=1e-4)


def test_one_coordinate_has_a_line(tmp_path: Path) -> None:
    _, arrays = finished(conditioned.study("string", {"interior": 20, "boundary": 2}), tmp_path)
    assert arrays["planes"].tolist() == [[0]]
    assert arrays["plane_before"].shape == (1, 401, 1)


def test_observations_stand_beside_what_is_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, arrays = finished(cooling(tmp_path, monkeypatch), tmp_path / "trial")
    assert bool(arrays["observed"])
    assert np.isfinite(arrays["u"]).all()
    assert str(arrays["time"]) == "t" and arrays["planes"].tolist() == [[1, 0]]
    assert arrays["unknowns"].tolist() == ["rate"] and arrays["truths"].tolist() == [conditioned.TRUE_RATE]
    t, x = 2 * 40 / 100, 25 / 100
    exact = math.exp(-conditioned.TRUE_RATE * t) * math.cos(x)
    assert arrays["plane_exact"][0, 40, 25, 0] == pytest.approx(exact, rel=1e-6)


def test_observations_of_the_training_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, arrays = finished(cooling(tmp_path, monkeypatch, "train"), tmp_path / "trial")
    data = trial.splits["train"]["data"]
    assert arrays["training_x"] == pytest.approx(data.x.numpy()) and arrays["training_u"] == pytest.approx(
        data.u.numpy()
    )
    assert len(data) > 2 and "u" in arrays and not arrays["observed"]


def test_observations_of_other_waves_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(cooling(tmp_path, monkeypatch, "train"))
    data = trial.splits["train"]["data"]
    p = torch.ones(len(data), 1)
    assert len(observations_of(replace(data, p=p), torch.ones(1))["training_x"]) == len(data)
    assert len(observations_of(replace(data, p=p), torch.zeros(1))["training_x"]) == 0


def test_a_gap_in_the_observations_is_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(cooling(tmp_path, monkeypatch))
    data = trial.splits["test"]["data"]
    trial.splits["test"]["data"] = replace(data, weight=torch.ones_like(data.u).index_fill(0, torch.tensor([1]), 0.0))
    while not trial.done:
        trial.step()
    trial.save(tmp_path / "trial")
    with np.load(tmp_path / "trial" / PREDICTIONS) as arrays:
        assert np.isnan(arrays["u"]).nonzero()[0].tolist() == [1]


def test_a_test_split_may_have_points_of_a_boundary_alone(tmp_path: Path) -> None:
    study = conditioned.study("membrane", {"boundary": 8})
    assert finished(study, tmp_path)[1]["before"].shape == (8, 1)


def test_data_in_validation_and_test_alone_is_measured_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, _ = finished(cooling(tmp_path, monkeypatch), tmp_path / "trial")
    names = set(trial.history[-1])
    assert {"validation/data_mse", "validation/relative_l2"} <= names


def _inputs(trial: Trial, at: list[list[float]]):
    x = trial.splits["train"]["interior"].x.new_tensor(at)
    return x, x.new_zeros(len(x), 0)
