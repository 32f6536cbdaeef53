"""What a trial leaves, and how it goes on from it: with the figures of a trial that nothing interrupted."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pyarrow.fs import LocalFileSystem

from cnn_core import checkpoint
from cnn_core.methods import METHODS
from cnn_core.optimizers import OPTIMIZERS, WITHOUT_METRIC
from search_spaces.load import resolve
from search_spaces.schema import Study
from study.trial import trial_folder
from study.trial.trial import Trial, run_trial
from tests.study.small_study import small_study

ALIKE = 1e-12


def trial_of(method: str = "soft", optimizer: str = "adam", epochs: int = 4) -> Study:
    values = {"training.method.name": method, "training.optimizer.name": optimizer, "training.epochs": epochs}
    if method == "null-space" and optimizer in WITHOUT_METRIC:
        values["training.method.preconditioner"] = "identity"
    return resolve(small_study(), values)


def timeless(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if not name.startswith(("time/", "memory/"))}


def saved(study: Study, folder: Path, *, epochs: int) -> None:
    """A trial that saved itself after each of its epochs."""
    trial = Trial(study)
    for _ in range(epochs):
        trial.step()
        trial_folder.save(trial, str(folder))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_trial_ends_with_the_figures_of_an_uninterrupted_one(
    method: str, optimizer: str, tmp_path: Path
) -> None:
    study = trial_of(method, optimizer)
    saved(study, tmp_path, epochs=2)
    trial, unusable = trial_folder.begin(study, str(tmp_path))
    assert (trial.epoch, unusable) == (2, [])
    while not trial.done:
        trial.step()
    resumed, whole = timeless(trial.history[-1] | trial.finish()), timeless(run_trial(study))
    assert resumed.keys() == whole.keys()
    for name, value in whole.items():
        assert resumed[name] == (value if isinstance(value, str) else pytest.approx(value, rel=ALIKE, abs=0)), name


def test_a_trial_begins_anew_where_there_is_nothing(tmp_path: Path) -> None:
    trial, unusable = trial_folder.begin(trial_of(), str(tmp_path / "nothing"))
    assert (trial.epoch, unusable) == (0, [])


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def make_foreign(path: Path) -> None:
    state = checkpoint.load(path)
    checkpoint.save(state | {"settings": state["settings"].replace('"seed": 0', '"seed": 1')}, path)


SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (truncate, r"this is not a checkpoint of ours \(\w+\); it is not used"),
    "empty": (lambda path: path.write_bytes(b""), r"this is not a checkpoint of ours \(\w+\); it is not used"),
    "another version's": (
        lambda path: torch.save({"format": 1}, path),
        "unknown checkpoint format; it was written by another version; it is not used",
    ),
    "another trial's": (
        make_foreign,
        "this checkpoint is of another trial, which differs in training; it is not used",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_the_checkpoint_before_is_used_where_the_newest_cannot_be(how: str, tmp_path: Path) -> None:
    spoil, message = SPOILT[how]
    saved(trial_of(), tmp_path, epochs=3)
    spoil(tmp_path / "checkpoint.pt")
    trial, [unusable] = trial_folder.begin(trial_of(), str(tmp_path))
    assert trial.epoch == 2
    assert re.fullmatch(f"{tmp_path}/checkpoint\\.pt: {message}", unusable)


def test_a_trial_begins_anew_where_no_checkpoint_can_be_used(tmp_path: Path) -> None:
    saved(trial_of(), tmp_path, epochs=2)
    for name in ("checkpoint.pt", "checkpoint.before.pt"):
        truncate(tmp_path / name)
    trial, unusable = trial_folder.begin(trial_of(), str(tmp_path))
    assert (trial.epoch, len(unusable)) == (0, 2)


def test_a_checkpoint_of_other_settings_of_the_study_is_its_own(tmp_path: Path) -> None:
    saved(trial_of(), tmp_path, epochs=1)
    longer = replace(trial_of(), tune=replace(trial_of().tune, trials=100))
    trial, unusable = trial_folder.begin(longer, str(tmp_path))
    assert (trial.epoch, unusable) == (1, [])


@pytest.mark.parametrize("moves", range(5))
def test_whenever_saving_is_killed_a_whole_checkpoint_is_left(
    moves: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(trial_of(), tmp_path, epochs=1)
    left = moves

    def move(files: LocalFileSystem, source: str, target: str) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        Path(source).rename(target)

    monkeypatch.setattr(trial_folder, "_move", move)
    with suppress(KeyboardInterrupt):
        saved(trial_of(), tmp_path, epochs=2)
    trial, unusable = trial_folder.begin(trial_of(), str(tmp_path))
    assert trial.epoch >= 1
    assert unusable == []


def test_a_finished_trial_leaves_nothing_but_its_files(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt.0123.partial").write_bytes(b"half of it")
    saved(trial_of(), tmp_path, epochs=4)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"checkpoint.pt", "trial.yaml", "predictions.npz", "percentiles.csv"}


def test_files_are_fetched_from_elsewhere_and_none_are_no_error(tmp_path: Path) -> None:
    saved(trial_of(), tmp_path / "there", epochs=1)
    trial_folder.fetch(str(tmp_path / "there"), tmp_path / "here")
    trial_folder.fetch(str(tmp_path / "nowhere"), tmp_path / "not here")
    assert {path.name for path in (tmp_path / "here").iterdir()} == {"checkpoint.pt", "trial.yaml"}
    assert not (tmp_path / "not here").exists()
