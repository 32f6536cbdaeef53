"""Locks that go with their process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(file: Path, busy: Exception) -> Iterator[None]:
    """While entered, no other process has this lock, a file that is made if it is missing. Raises `busy` if one has."""
    with _held(os.open(file, os.O_RDWR | os.O_CREAT, 0o666), busy):
        yield


@contextmanager
def alone_in(folder: Path, busy: Exception) -> Iterator[None]:
    """The same with a folder as the lock. Raises OSError if there is none."""
    with _held(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), busy):
        yield


def is_free(folder: Path) -> bool:
    """Whether no process is alone in this folder."""
    try:
        with alone_in(folder, BlockingIOError()):
            return True
    except BlockingIOError:
        return False


@contextmanager
def _held(descriptor: int, busy: Exception) -> Iterator[None]:
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(descriptor)
