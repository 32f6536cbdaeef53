"""Trials that bring their networks near the data by a projection: what they find of unknowns, and how it is told."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from search_spaces import schema
from search_spaces.load import StudyFileError, dump, dump_yaml, load_study, load_trial
from search_spaces.measured import FIT
from search_spaces.schema import Contestant, Study
from search_spaces.tables import Table
from study.analysis.findings import analyse
from study.analysis.measured import as_projected, unfitted
from study.analysis.variants import variants_of
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.prediction.at_points import project_at
from study.prediction.load import load_trial as load_network
from study.trial.files import PREDICTIONS
from study.trial.trial import Trial, run_trial

USUAL = dict.fromkeys(schema.USUAL, "min")

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


LAST_WORD = {f"data.{name}": {"points": {"interior": 50, "boundary": 20}} for name in ("validation", "test")}


def test_all_values_may_be_used_and_how_near_they_are_chooses() -> None:
    bare = {"search": {"training.seed": {"int": [0, 9]}}, "training.epochs": 0, "projection": SOLVER}
    bare |= {"problem.unknown": {"diffusivity": {"start": 0.2}}}
    study = load_study("heat-inverse", {**bare, "objectives": USUAL, "tune.scheduler": {"name": "none"}})
    assert [*study.objectives] == ["projected/validation/data_mse", "projected/validation/constraint_mse"]
    whole = load_study("heat-inverse", {**bare, **LAST_WORD, "objectives": USUAL, "tune.scheduler": {"name": "none"}})
    assert [*whole.objectives] == [FIT, "projected/validation/constraint_mse"]
    records = {
        f"{index}": TrialRecord(f"{index}", {}, "lm", TrialStatus.COMPLETED, metrics={FIT: error})
        for index, error in enumerate((0.3, 0.1, 0.2))
    }
    assert analyse(whole, records).best_trials()["lm"].trial == "1"


def own_file(folder: Path, **changes: Any) -> Path:
    """The rod in a file of its own, solved from ten seeds, and nothing said of objectives."""
    file = {
        **dump(heat()),
        "study": "own",
        "objectives": USUAL,
        "tune": {},
        "search": {"training.seed": {"int": [0, 9]}},
    }
    file["problem"]["unknown"]["diffusivity"].pop("truth")
    (path := folder / "own.yaml").write_text(yaml.safe_dump(file | changes), encoding="utf-8")
    return path


def test_what_is_laid_over_a_file_decides_anew_which_objectives_are_the_usual_ones(tmp_path: Path) -> None:
    path = own_file(tmp_path)
    assert FIT not in load_study(path).objectives
    assert [*load_study(path, LAST_WORD).objectives] == [FIT, "projected/validation/constraint_mse"]
    assert load_trial(path, LAST_WORD).data.validation.file is None


def test_a_study_of_contestants_that_all_solve_trains_nothing(tmp_path: Path) -> None:
    solving = {"training": {"method": {"name": "soft"}, "epochs": 0, "dtype": "float64"}}
    study = replace(
        heat(),
        tune=schema.Tune(),
        contestants={"one": Contestant(solving), "other": Contestant({"training.epochs": 0})},
    )
    assert not study.trains
    assert replace(study, contestants={**study.contestants, "third": Contestant({"training.epochs": 3})}).trains
    train = replace(study.data.train, points={})
    bare = replace(study, data=replace(study.data, train=train), training=replace(study.training, batch_size=100))
    (path := tmp_path / "own.yaml").write_text(dump_yaml(bare), encoding="utf-8")
    assert not load_study(path).trains


def test_a_searched_nearest_is_tried_with_the_data(tmp_path: Path) -> None:
    path = own_file(
        tmp_path,
        projection={**SOLVER, "nearest": "function"},
        search={"projection.nearest": {"choice": ["function", "data"]}},
    )
    assert load_study(path).search
    without = {"data.train": {"points": {"interior": 20, "boundary": 5}}, "training.batch_size": 20}
    with pytest.raises(StudyFileError, match=r"projection.nearest is data, and data.train has none"):
        load_study(path, without)


def test_a_solve_with_a_given_parameter_tells_what_it_found(tmp_path: Path) -> None:
    rows = [f"{x / 10 - 1},1.0,0.2,{math.sin(2 * math.pi * (x / 10 - 1) + 0.2)}" for x in range(21)]
    (file := tmp_path / "seen.csv").write_text("\n".join(["x,amplitude,phase,u", *rows]), encoding="utf-8")
    ends = {"train": [0.0, 0.6], "validation": [0.6, 0.8], "test": [0.8, 1.0]}
    data = {name: {"file": str(file), "share": share, "points": 30} for name, share in ends.items()}
    own = {"study": "wave", "data": data, "network": {"name": "dense", "widths": [12], "activation": "tanh"}}
    own |= {"problem": {"name": "helmholtz", "unknown": {"frequency": {"start": 0.9}}}}
    own |= {"training": {"method": {"name": "soft"}, "epochs": 0, "dtype": "float64"}}
    own |= {"projection": {"solver": "lm", "nearest": "data", "points": 80}}
    (path := tmp_path / "wave.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    trial = Trial(load_trial(path))
    trial.step()
    found = trial.finish()["projected/unknown/frequency"]
    trial.save(tmp_path / "saved")
    network = load_network(tmp_path / "saved")
    assert found != 0.9 and network.unknowns["frequency"] == pytest.approx(found)
    table = Table(np.array([[0.3, 1.0, 0.2]]), np.array([2]))
    assert project_at(network, table).unknowns["frequency"] == pytest.approx(found)
