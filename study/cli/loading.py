"""Slow imports, which commands do inside their functions: torch, Ray and MLflow take seconds."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from study.cli.exit_codes import INTERRUPTED


@contextmanager
def loading() -> Iterator[None]:
    """Around imports, before there is anything to lose: Ctrl-C ends the program at once, with the exit code for it.

    As an exception it would get lost in C++ code that is just being loaded, or abort it with a message of its own.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # in the background Ctrl-C is ignored, and stays so
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
