"""One trial in this process: what it measures, what it writes, and that it goes on where it was saved."""

import csv
import gc
import math
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnn_core.checkpoint import CheckpointError
from cnn_core.compilation import CompilationError, compiled
from cnn_core.metrics import METRICS
from search_spaces.load import load_study, resolve
from search_spaces.schema import Resources
from study.trial.machine import choose_device, threads
from study.trial.projecting import PROJECTED
from study.trial.trial import Trial, run_trial
from tests.study.small_study import small_study

SMALL = {
    "data.train.amplitude": [0.5, 1.0],
    "data.train.frequency": [0.5, 1.0],
    "data.train.points": 10,
    "data.validation.amplitude": [0.8],
    "data.test.frequency": [2.3, 0.9],
    "network.widths": [8, 8],
    "training.dtype": "float64",
    "training.epochs": 3,
    "projection.points": 20,
    "projection.max_steps": 10,
}


def small_trial(**more):
    return resolve(
        load_study("helmholtz-quick", SMALL | {name.replace("__", "."): value for name, value in more.items()}), {}
    )


def test_every_epoch_measures_training_and_validation():
    trial = Trial(small_trial())
    metrics = trial.step()
    assert {f"{split}/{figure}" for split in ("train", "validation") for figure in METRICS} <= set(metrics)
    assert not [name for name in metrics if name.startswith("test/")]
    assert all(math.isfinite(float(value)) for value in metrics.values())


@pytest.mark.parametrize("settings", [{}, {"training__resample": 1}, {"training__refine": {"interior": {"every": 1}}}])
def test_a_trial_that_is_no_more_leaves_its_memory_at_once(settings):
    """No collection of garbage has to come first: on a GPU the next trial's peak would have it, too."""
    trial = Trial(small_trial(training__method={"name": "soft"}, **settings))
    trial.training.record = True
    while not trial.done:
        trial.step()
    trial.finish()
    left = weakref.ref(trial), weakref.ref(trial.training)
    gc.disable()
    try:
        del trial
        assert [one() for one in left] == [None, None]
    finally:
        gc.enable()


def test_the_end_measures_the_test_split_and_the_projections():
    metrics = run_trial(small_trial())
    assert {
        f"{split}/{figure}" for split in ("test", *(f"projected/{s}" for s in PROJECTED)) for figure in METRICS
    } <= set(metrics)
    assert metrics["status"] == "completed" and metrics["diverged"] == 0


def test_a_projection_that_does_not_move_changes_no_figure():
    """Projected figures are the same means over the same waves as the unprojected ones."""
    metrics = run_trial(small_trial(projection__tolerance=1e9))
    assert metrics["projection/steps"] == 0
    for split in PROJECTED:
        for figure in METRICS:
            assert metrics[f"projected/{split}/{figure}"] == pytest.approx(metrics[f"{split}/{figure}"], rel=1e-9)


def test_a_saved_trial_goes_on_to_the_same_figures(tmp_path):
    whole, half = Trial(small_trial()), Trial(small_trial())
    whole.step()
    half.step()
    half.save(tmp_path)
    resumed = Trial(small_trial())
    resumed.load(tmp_path)
    for trial in (whole, resumed):
        while not trial.done:
            last = trial.step()
    assert torch.equal(whole.training.theta, resumed.training.theta)
    one, other = whole.finish(), resumed.finish()
    for name in one:
        if not name.startswith(("time/", "memory/")):
            assert one[name] == other[name], name
    assert last["diverged"] == 0
    assert [entry[:2] for entry in whole.percentiles] == [entry[:2] for entry in resumed.percentiles]


def test_a_finished_trial_writes_what_figures_are_drawn_from(tmp_path):
    trial = Trial(small_trial())
    while not trial.done:
        trial.step()
    trial.finish()
    trial.save(tmp_path)
    with np.load(tmp_path / "predictions.npz") as arrays:
        names = "x u p before after observed path_x path_steps path_predictions path_errors path_distances trained "
        names += "coordinates outputs parameters unknowns found truths time box collocation "
        names += "planes plane_before plane_after plane_exact plane_residual plane_residual_after"
        assert set(arrays) == set(names.split())
        assert arrays["p"][1] == 2.3
        assert len(arrays["path_steps"]) == len(arrays["path_predictions"])
    with (tmp_path / "percentiles.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["quantity"] for row in rows} == {
        "residual", "residual_abs", "parameter", "gradient", "projection_parameter_difference",
    }  # fmt: skip
    assert all(float(row["p0"]) <= float(row["p50"]) <= float(row["p100"]) for row in rows)


def test_the_same_seed_gives_the_same_trial_and_another_another():
    def trained(seed: int) -> dict[str, Any]:
        trial = Trial(small_trial(training__seed=seed))
        while not trial.done:
            trial.step()
        return trial.history[-1]

    one, same, other = map(trained, (0, 0, 1))
    assert one["validation/data_mse"] == same["validation/data_mse"] != other["validation/data_mse"]


def test_a_gpu_that_is_not_there_is_refused():
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="this process sees no GPU; write auto or cpu"):
            choose_device("cuda")
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(("cpu", "asked", "count"), [(1, "auto", 1), (0.5, "auto", 1), (4, "auto", 4), (4, 2, 2)])
def test_threads_follow_the_cores_of_a_trial(cpu: float, asked: Any, count: int) -> None:
    study = small_study(resources=Resources(cpu=cpu))
    assert threads(replace(study, training=replace(study.training, threads=asked))) == count


def test_projections_on_the_way_are_reported_with_their_epoch():
    settings = {"projection__every": 2, "projection__points": 10, "projection__max_steps": 2, "training__epochs": 5}
    trial, before = Trial(small_trial(**settings)), Trial(small_trial(training__epochs=5))
    while not trial.done:
        trial.step()
        before.step()
    projected = [f"projected/validation/{METRICS[0]}" in metrics for metrics in trial.history]
    assert projected == [False, True, False, True, False]
    assert all(isinstance(value, float) for metrics in trial.history for value in metrics.values())
    assert torch.equal(trial.training.theta, before.training.theta)


@pytest.mark.parametrize(("accept", "kept"), [("always", 1.0), ("if-better-on-validation", 0.0)])
def test_a_projection_that_harms_is_refused_if_the_study_says_so(accept, kept):
    harmful = {"projection__solver": "adam", "projection__learning_rate": 1.0, "projection__max_steps": 3}
    settings = harmful | {"projection__points": 10, "projection__accept": accept}
    metrics = run_trial(small_trial(**settings))
    assert metrics["projection/accepted"] == kept
    for split in PROJECTED:
        same = metrics[f"projected/{split}/data_mse"] == pytest.approx(metrics[f"{split}/data_mse"], rel=1e-9)
        assert same == (not kept)


def test_a_trial_that_cannot_be_compiled_says_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(graph: object, inputs: object, **options: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr("cnn_core.compilation.BACKEND", no_compiler)
    compiled.cache_clear()
    with pytest.raises(CompilationError, match=r"^compile: .*no compiler.*install a C\+\+ compiler.* compile: false$"):
        Trial(small_trial(training__compile=True))
    compiled.cache_clear()


def test_a_projection_that_cannot_be_is_refused_before_the_training() -> None:
    with pytest.raises(ValueError, match="write solutions: all"):
        Trial(small_trial(projection__solutions="general"))


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [("network__widths", [9, 9], "network"), ("data__validation__points", 7, "data.validation"),
     ("training__method__name", "batch", "training.method.name")],
)  # fmt: skip
def test_a_saved_trial_of_other_settings_is_refused(tmp_path: Path, setting: str, value: Any, name: str) -> None:
    saved = Trial(small_trial())
    saved.step()
    saved.save(tmp_path)
    with pytest.raises(CheckpointError, match=f"differs in {name}; begin a new one"):
        Trial(small_trial(**{setting: value})).load(tmp_path)
    longer = Trial(small_trial(training__epochs=5, projection__points=10))
    longer.load(tmp_path)
    assert longer.epoch == 1


def test_a_refused_projection_is_not_shown_as_the_network(tmp_path: Path) -> None:
    trial = Trial(small_trial())
    while not trial.done:
        trial.step()
    trial.finish()
    assert trial.projected is not None
    trial.projected = replace(trial.projected, kept=False)
    trial.save(tmp_path)
    with np.load(tmp_path / "predictions.npz") as arrays:
        assert "after" not in arrays and "path_errors" in arrays
