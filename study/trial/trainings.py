"""Trainings that several trials of a study have in common, since these differ in their projections alone: done once.

A trial that has ended leaves its name under that of its training, in `TRAININGS` beside the trials' folders. Whoever
has the same training takes it over from that trial's checkpoint, with all epochs and seconds, and only projects.
"""

import hashlib
from contextlib import suppress
from typing import Any

import torch
from pyarrow.fs import FileSystem

from cnn_core.checkpoint import CheckpointError
from search_spaces.contestants import of_trial
from search_spaces.schema import Choice, Integer, Study
from study.trial import trial_folder
from study.trial.files import CHECKPOINT
from study.trial.identity import settings_of, training_of
from study.trial.trial import Trial

TRAININGS = "trainings"


def may_repeat(study: Study, values: dict[str, Any]) -> bool:
    """Whether other trials of the study, with other projections, may have the training of the one with these values."""
    plain = of_trial(study, values)
    if plain.projection is None or not plain.trains or plain.projection.every or "projection.every" in plain.search:
        return False
    others = [one.distribution for path, one in plain.search.items() if not path.startswith("projection.")]
    return len(others) < len(plain.search) and all(isinstance(one, Choice | Integer) for one in others)


def offer(trial: Trial, folder: str, name: str) -> None:
    """Say that the training of this trial, which has ended, is in the folder of this name, if the storage takes it."""
    with suppress(OSError):
        files, path = FileSystem.from_uri(f"{folder}/{TRAININGS}")
        files.create_dir(path, recursive=True)
        trial_folder.write(files, f"{path}/{_name(_training(trial.study))}", name.encode())


def take_over(trial: Trial, folder: str) -> Trial:
    """This new trial as another one has trained it; as it is where none has, or what that left cannot be used."""
    training = _training(trial.study)
    try:
        state = _found(training, folder, device=trial.device)
    except (OSError, CheckpointError, ValueError):
        return trial
    if state is None or training_of(state["settings"]) != training:
        return trial
    try:
        trial.take_over(state)
    except ValueError:
        return Trial(trial.study, trial.model.problem)
    return trial


def _found(training: str, folder: str, *, device: torch.device) -> dict[str, Any] | None:
    files, path = FileSystem.from_uri(f"{folder}/{TRAININGS}/{_name(training)}")
    with files.open_input_stream(path) as stream:
        other = stream.read().decode()
    return trial_folder.read(f"{folder}/{other}", CHECKPOINT, device=device)


def _training(study: Study) -> str:
    return training_of(settings_of(study))


def _name(training: str) -> str:
    return hashlib.sha256(training.encode()).hexdigest()[:16]
