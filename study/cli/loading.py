"""Slow imports, which commands do inside their functions: torch, Ray and MLflow take seconds."""

from collections.abc import Iterator
from contextlib import contextmanager

from study.cli.interrupts import at_once


@contextmanager
def loading() -> Iterator[None]:
    """Around imports, before there is anything to lose: Ctrl-C ends the program at once, with the exit code for it.

    As an exception it would get lost in C++ code that is just being loaded, or abort it with a message of its own.
    """
    with at_once():
        yield
