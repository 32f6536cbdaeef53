"""Ending a study before its last trial: the user's Ctrl-C, a SIGTERM, or the time limit.

Everything here comes down to SIGUSR1, at which Tune ends its loop in order: its state saved, running trials resumable.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

BY_USER = "stopping; this takes some seconds (Ctrl-C again ends at once)"
TIME_IS_UP = "the time is up; stopping"


class Stopping:
    """While entered, the first SIGINT or SIGTERM, or the end of `hours`, ends the study in order; the next, at once."""

    def __init__(self, hours: float | None, *, say: Callable[[str], None]) -> None:
        self.deadline = None if hours is None else time.monotonic() + hours * 3600
        self.say = say
        self.requested = self.announced = self.by_user = False

    def __enter__(self) -> "Stopping":
        ours = threading.current_thread() is threading.main_thread()
        signals: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1) if ours else ()
        self.before = {number: signal.getsignal(number) for number in signals}
        for number in (signal.SIGINT, signal.SIGTERM) if ours else ():
            signal.signal(number, self._signalled)
        return self

    def __exit__(self, *exception: object) -> None:
        while self.before:  # once: the second signal has done it already
            signal.signal(*self.before.popitem())

    def check(self) -> None:
        """Called often; ends the study when its time is up, and says that it ends."""
        if self.deadline is not None and not self.requested and time.monotonic() > self.deadline:
            self._end()
        if self.requested and not self.announced:
            self.announced = True
            self.say(BY_USER if self.by_user else TIME_IS_UP)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.by_user = True
        if self.requested:
            self.__exit__()  # what comes next is for whoever listened before, as this is
            if callable(outer := signal.getsignal(number)):
                outer(number, frame)
            raise KeyboardInterrupt
        self._end()

    def _end(self) -> None:
        self.requested = True
        if not callable(signal.getsignal(signal.SIGUSR1)):  # Tune does not listen yet
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGUSR1)
