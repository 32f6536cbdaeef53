"""Locks that go with their process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BusyError(ValueError):
    """Another process is at it; one line."""


@contextmanager
def locked(file: Path, *, busy: str) -> Iterator[None]:
    """While entered, no other process has this lock, a file that is made if it is missing.

    Raises BusyError, which says `busy`, if one has.
    """
    with _held(os.open(file, os.O_RDWR | os.O_CREAT, 0o666), busy):
        yield


@contextmanager
def locked_folder(folder: Path, *, busy: str) -> Iterator[None]:
    """The same with a folder as the lock. Raises OSError if there is none."""
    with _held(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), busy):
        yield


def is_free(folder: Path) -> bool:
    """Whether no process has locked this folder."""
    try:
        with locked_folder(folder, busy=""):
            return True
    except BusyError:
        return False


@contextmanager
def _held(descriptor: int, busy: str) -> Iterator[None]:
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(busy) from None
        yield
    finally:
        os.close(descriptor)
