"""Ctrl-C and SIGTERM, which mean the same to this program: it ends, with a line and the exit code 130."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 130

Handler = Callable[[int, FrameType | None], None]
Handlers = Mapping[int, Any]
"""What a signal does."""


class Interrupted(Exception):
    """The user has ended the program, and is told so in one line."""


@contextmanager
def interruptible(words: Callable[[], str] = lambda: "interrupted") -> Iterator[None]:
    """While entered, both are a KeyboardInterrupt, which leaves as Interrupted with `words`.

    One more, while the program ends, ends it at once: as an exception it would get lost in what is being closed.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        _listen(lambda *_: end_at_once(words()))
        raise KeyboardInterrupt

    before = _listen(interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(words()) from None
    except BaseException:
        _restore(before)
        raise
    else:
        _restore(before)


@contextmanager
def deferred(words: str) -> Iterator[Callable[[], bool]]:
    """While entered, the first is only noted, and answered with `words`; yields whether it was."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        _restore(before)
        noted.append(number)
        _say(words)

    before = _listen(note)
    try:
        yield lambda: bool(noted)
    finally:
        if not noted:
            _restore(before)


@contextmanager
def at_once() -> Iterator[None]:
    """While entered, both end the program where it stands."""
    before = _listen(lambda *_: end_at_once("interrupted"))
    try:
        yield
    finally:
        _restore(before)


def end_at_once(words: str) -> None:
    """End this process without closing anything."""
    _say(words)
    os._exit(INTERRUPTED)


def _listen(handler: Handler) -> Handlers:
    """Set the handler of both; returns what they were. What is ignored, as Ctrl-C in the background, stays so."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = (signal.SIGINT, signal.SIGTERM)
    before: Handlers = {
        number: found for number in numbers if (found := signal.getsignal(number)) is not signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, handler)
    return before


def _restore(before: Handlers) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


def _say(words: str) -> None:
    """Past Python's buffers: in a handler they may be in the middle of something."""
    try:
        os.write(2, f"{words}\n".encode())
    except OSError:  # nobody reads it
        return
