"""Checkpoints: one file with tensors, numbers and strings, written whole or not at all."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

FORMAT = 2


class CheckpointError(ValueError):
    """A checkpoint, at `path`, that cannot be used; `reason` says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def save(state: dict[str, Any], path: Path) -> None:
    """Write `state` to `path`; an existing file is replaced only once the new one is complete. Raises OSError."""
    content, partial = BytesIO(), path.with_name(path.name + ".partial")
    torch.save({"format": FORMAT, **state}, content)  # to a file, torch would tell a full disk as something else
    try:
        partial.write_bytes(content.getbuffer())
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def load(path: Path, *, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read what `save` wrote. Runs no code from the file. Raises CheckpointError saying what is wrong with it."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise CheckpointError(path, "this is no file")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(path, "there is no such checkpoint") from None
    except Exception as error:
        raise CheckpointError(path, f"this is not a checkpoint of ours ({type(error).__name__})") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(path, "unknown checkpoint format; it was written by another version")
    return state
