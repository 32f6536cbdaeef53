"""What the user's own code must leave as it found it: the streams of this process, and torch's default device."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from search_spaces.errors import StudyFileError


@contextmanager
def left_as_it_was(block: str, name: str) -> Iterator[None]:
    """While entered, the user's code runs. What it puts in place of a stream is taken away again.

    Raises StudyFileError if it closed one, or set a default device, where our own tensors would be, too.
    """
    streams, device = {"stdout": sys.stdout, "stderr": sys.stderr}, _default_device()
    opened = {stream: file for stream, file in streams.items() if not getattr(file, "closed", False)}
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams.values()
        changed = _default_device()
        if changed != device:
            torch.set_default_device(None if device == "cpu" else device)
    for stream, file in opened.items():
        if getattr(file, "closed", False):
            raise StudyFileError(f"{block}.name: {name} closes sys.{stream}, where we write, too; take that out of it")
    if changed != device:
        raise StudyFileError(
            f"{block}.name: {name} sets torch's default device to {changed}; take torch.set_default_device out of it, "
            "and write training.device"
        )


def _default_device() -> str:
    try:
        return str(torch.get_default_device())
    except (RuntimeError, AssertionError):  # of one that this machine does not have
        return "one that is not there"
