"""Checkpoints that hold something else are refused in one line, whatever it is."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cnn_core.checkpoint import FORMAT, CheckpointError
from cnn_core.solvers import LeastSquaresSolver
from study.trial.files import CHECKPOINT
from study.trial.saved import REUSED
from study.trial.trial import Trial
from study.trial.trial_folder import begin
from tests.study.small_study import small_study, solve_and_save

WRONG: list[Any] = [5, "x", None, [1], [None], {1: 2}, float("nan"), -7, 10**30, torch.zeros(3), torch.zeros(2, 2)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trial = Trial(small_study(epochs=4))
    trial.step()
    trial.save(tmp_path)
    return tmp_path


def change(folder: Path, changed: Callable[[dict[str, Any]], Any]) -> None:
    state = torch.load(folder / CHECKPOINT, weights_only=True)
    torch.save(changed(state), folder / CHECKPOINT)


def refused(folder: Path) -> str:
    """The error, which both ways to go on give."""
    with pytest.raises((CheckpointError, ValueError)) as caught:
        Trial(small_study(epochs=4)).load(folder)
    assert "\n" not in str(caught.value)
    _, unusable = begin(small_study(epochs=4), folder.as_uri())
    assert len(unusable) == 1
    return str(caught.value)


@pytest.mark.parametrize("content", [torch.zeros(3), [1], 5, {}, {"format": FORMAT}, {"format": "2"}, None], ids=repr)
def test_another_object(folder: Path, content: Any) -> None:
    change(folder, lambda state: content)
    refused(folder)


STATE = ("settings", "training", "seconds", "history", "percentiles")
TRAINING = ("theta", "optimizer", "shuffler", "epoch", "status", "figures", "seconds")


@pytest.mark.parametrize("name", STATE)
def test_a_part_that_is_missing_or_of_another_kind(folder: Path, name: str) -> None:
    whole = torch.load(folder / CHECKPOINT, weights_only=True)
    change(folder, lambda state: {key: value for key, value in state.items() if key != name})
    assert f"this is not a trial's checkpoint ({name} is missing); begin a new trial" in refused(folder)
    fitting = {"seconds": {0, 7, 8}, "training": {5}}.get(
        name, set()
    )  # numbers, and a mapping, which says what it lacks
    for value in (value for index, value in enumerate(WRONG) if index not in fitting):
        torch.save(whole | {name: value}, folder / CHECKPOINT)
        assert f"({name} is not what it should be)" in refused(folder)


@pytest.mark.parametrize("name", TRAINING)
def test_a_part_of_the_training_that_is_missing_or_of_another_kind(folder: Path, name: str) -> None:
    whole = torch.load(folder / CHECKPOINT, weights_only=True)
    training = whole["training"]
    change(folder, lambda state: state | {"training": {k: v for k, v in training.items() if k != name}})
    assert f"(training.{name} is missing)" in refused(folder)
    for value in WRONG if name != "epoch" else WRONG[1:]:
        torch.save(whole | {"training": training | {name: value}}, folder / CHECKPOINT)
        refused(folder)


def test_seconds_of_another_trial_are_a_number_and_none_where_nobody_wrote_them(folder: Path) -> None:
    whole = torch.load(folder / CHECKPOINT, weights_only=True)
    for value in ("x", None, [1], {1: 2}, float("nan"), torch.zeros(3)):
        torch.save(whole | {REUSED: value}, folder / CHECKPOINT)
        assert "(reused is not what it should be)" in refused(folder)
    torch.save({key: value for key, value in whole.items() if key != REUSED}, folder / CHECKPOINT)
    (trial := Trial(small_study(epochs=4))).load(folder)
    assert (trial.epoch, trial.reused) == (1, 0.0)


def test_a_checkpoint_without_its_history(folder: Path) -> None:
    change(folder, lambda state: state | {"history": []})
    assert "the checkpoint has lost its history; begin a new trial" in refused(folder)


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    (folder / CHECKPOINT).unlink()
    os.mkfifo(folder / CHECKPOINT)
    with pytest.raises(CheckpointError, match="this is no file"):
        Trial(small_study(epochs=4)).load(folder)


def test_a_solve_of_another_network(tmp_path: Path) -> None:
    trial = solve_and_save(small_study(projection=LeastSquaresSolver(points=9, max_steps=1)), tmp_path)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    state["solved"][0]["theta"] = state["solved"][0]["theta"][:5]
    torch.save(state, tmp_path / CHECKPOINT)
    with pytest.raises(CheckpointError, match="solved is not what it should be"):
        Trial(trial.study).load(tmp_path)
