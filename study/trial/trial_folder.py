"""What a trial leaves in its folder, on a disk or at a URI, and how it goes on from there wherever it starts again.

The folder holds the newest checkpoint and, until the trial has ended, the one before. A file appears under its name
once it is whole. A checkpoint that cannot be read, or is another trial's, is told and passed over: the one before it is
used, and without any the trial begins anew. Nothing that is read here can run code.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import torch
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, copy_files

from cnn_core.checkpoint import CheckpointError
from cnn_core.problems import Problem
from search_spaces.schema import Study
from study.trial import saved
from study.trial.files import CHECKPOINT, CHECKPOINT_BEFORE
from study.trial.identity import code_changes, differences, settings_of
from study.trial.trial import Trial

PARTIAL = ".partial"


def begin(study: Study, folder: str, problem: Problem | None = None) -> tuple[Trial, list[str]]:
    """The trial as its newest usable checkpoint left it, or a new one; and a line about each that is not usable.

    A line, too, if its code has changed since. `problem` is the study's, where it is built already.
    """
    unusable, own, trial = [], settings_of(study), Trial(study, problem)
    for name in (CHECKPOINT, CHECKPOINT_BEFORE):
        try:
            if (state := read(folder, name, device=trial.device)) is None:
                continue
            if others := differences(state["settings"], own):
                reason = f"this checkpoint is of another trial, which differs in {', '.join(others)}"
            else:
                trial.restore(state)
                changes = code_changes(state["settings"], own)
                return trial, [*unusable, *(f"{folder}/{name}: {change}" for change in changes)]
        except CheckpointError as error:
            reason = error.reason
        except ValueError as error:  # of another network
            reason, trial = str(error), Trial(study, problem)
        unusable.append(f"{folder}/{name}: {reason}; it is not used")
    return trial, unusable


def save(trial: Trial, folder: str) -> None:
    """Write down the trial as it is; after its end all of its files, the checkpoint last."""
    files, path = FileSystem.from_uri(folder)
    files.create_dir(path, recursive=True)
    with _scratch() as scratch:
        trial.save(scratch)
        for name in sorted((file.name for file in scratch.iterdir()), key=lambda name: name == CHECKPOINT):
            partial = f"{path}/{name}.{uuid4().hex}{PARTIAL}"
            copy_files(str(scratch / name), partial, LocalFileSystem(), files)
            if name == CHECKPOINT and _exists(files, f"{path}/{CHECKPOINT}"):
                _move(files, f"{path}/{CHECKPOINT}", f"{path}/{CHECKPOINT_BEFORE}")
            _move(files, partial, f"{path}/{name}")
    if trial.done:
        _tidy(files, path)


def fetch(folder: str, target: Path) -> None:
    """Bring the files of an ended trial, if there are any. Raises OSError if that cannot be."""
    files, path = FileSystem.from_uri(folder)
    if _exists(files, path):
        target.mkdir(parents=True, exist_ok=True)
        copy_files(path, str(target), files, LocalFileSystem())


def read(folder: str, name: str, *, device: torch.device) -> dict[str, Any] | None:
    """The state in a checkpoint, if there is one. Raises CheckpointError where it cannot be used."""
    with _scratch() as scratch:
        return saved.read(scratch / name, device=device) if _fetch(folder, name, scratch / name) else None


def write(files: FileSystem, path: str, content: bytes) -> None:
    """Write a file, whole or not at all."""
    partial = f"{path}.{uuid4().hex}{PARTIAL}"
    with files.open_output_stream(partial) as stream:
        stream.write(content)
    _move(files, partial, path)


def _fetch(folder: str, name: str, target: Path) -> bool:
    files, path = FileSystem.from_uri(folder)
    if not _exists(files, f"{path}/{name}"):
        return False
    copy_files(f"{path}/{name}", str(target), files, LocalFileSystem())
    return True


def _move(files: FileSystem, source: str, target: str) -> None:
    files.move(source, target)


def _exists(files: FileSystem, path: str) -> bool:
    return files.get_file_info(path).type is not FileType.NotFound


def _tidy(files: FileSystem, path: str) -> None:
    """Remove what only a trial in progress needs, and what killed processes left."""
    for file in files.get_file_info(FileSelector(path)):
        if file.base_name == CHECKPOINT_BEFORE or file.base_name.endswith(PARTIAL):
            files.delete_file(file.path)


@contextmanager
def _scratch() -> Iterator[Path]:
    with TemporaryDirectory(prefix="cnn-study-") as folder:
        yield Path(folder)


def make_folder(save: Path) -> None:
    """Make the folder that a trial will be saved in, before any work is done for it. Raises ValueError.

    A trial that is there already stays.
    """
    try:
        save.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--save: {save} cannot be made ({error.strerror}); write another folder") from None
    if not os.access(save, os.W_OK):
        raise ValueError(f"--save: {save} is read-only; write another folder")
    if (save / CHECKPOINT).exists():
        raise ValueError(f"--save: {save} holds a trial already; write another folder")
