"""Trials without training: the PDE is solved from random parameters by the projection alone."""

from pathlib import Path
from typing import Any

import pytest

from search_spaces.load import load_study, resolve
from search_spaces.schema import Study
from study.trial.trial import Trial, run_trial


@pytest.fixture(scope="module")
def study() -> Study:
    """Poisson's equation on few points, with a small network that is not trained."""
    spaces = {
        "training.epochs": 0,
        "tune.scheduler": {"name": "none"},
        "network.widths": [16],
        "training.method.name": "soft",
    }
    counts = {"train": 64, "validation": 81, "test": 100}
    small: dict[str, Any] = {"data.test.sampling": "random"}
    small |= {f"data.{split}.points": {"interior": count, "boundary": 16} for split, count in counts.items()}
    solver = {"solver": "least-squares", "start": "reaching", "points": {"interior": 100, "boundary": 40}}
    return resolve(load_study("poisson", {**spaces, **small, "projection": solver | {"max_steps": 60}}), {})


def test_it_measures_once_before_and_after(study: Study) -> None:
    told = []
    metrics = run_trial(
        study, lambda trial, measured: told.append((trial.epoch, measured["validation/constraint_mse"]))
    )
    assert [epoch for epoch, _ in told] == [0]
    assert metrics["status"] == "completed"
    assert float(metrics["projected/validation/constraint_mse"]) < 1e-4 * told[0][1]
    assert float(metrics["projected/test/relative_l2"]) < 1e-3 < float(metrics["test/relative_l2"])


def test_a_wave_that_splits_share_is_projected_once(study: Study) -> None:
    trial = Trial(study)
    trial.step()
    trial.finish()
    assert trial.projected is not None
    validation, test = (trial.projected.splits[name].results for name in ("validation", "test"))
    assert validation[0] is test[0]


def test_it_is_saved_and_loaded(study: Study, tmp_path: Path) -> None:
    trial = Trial(study)
    trial.step()
    trial.save(tmp_path)
    again = Trial(study)
    again.load(tmp_path)
    assert again.done and again.epoch == 0
    assert again.finish()["projected/test/relative_l2"] == pytest.approx(
        float(trial.finish()["projected/test/relative_l2"]), rel=1e-6
    )
