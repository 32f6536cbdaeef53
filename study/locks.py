"""Locks that go with their process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(path: Path, busy: Exception) -> Iterator[None]:
    """While entered, no other process has this lock, which is a folder, or a file that is made if it is missing.

    Raises `busy` if one has it.
    """
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(descriptor)


def is_free(path: Path) -> bool:
    """Whether no process has this lock."""
    try:
        with alone(path, BlockingIOError()):
            return True
    except BlockingIOError:
        return False
