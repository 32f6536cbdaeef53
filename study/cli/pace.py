"""How long what is left of a comparison will take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import mean

from study.report.text_table import format_duration


class Pace:
    """By what was seen since this began: a search takes as long as the mean one did, and so does what confirms one."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._seen: dict[bool, list[float]] = {False: [], True: []}

    @contextmanager
    def taking(self, *, confirms: bool, whole: bool) -> Iterator[None]:
        """While a search, or what confirms one, is run; a `whole` one tells how long others take."""
        began = time.monotonic()
        yield
        if whole:
            self._seen[confirms].append(time.monotonic() - began)

    def left(self, place: int, *, confirms: bool) -> str:
        """In words, behind what is said of the study that is next; nothing before one of each kind was seen.

        The next one stands in the round `place`, from 1 on, behind which none has begun.
        """
        confirmations = self._rounds - place + 1
        counts = {False: confirmations - confirms, True: confirmations}
        kinds = [(counts[kind], seen) for kind, seen in self._seen.items() if counts[kind]]
        if not all(seen for _, seen in kinds):
            return ""
        return f"; about {format_duration(sum(count * mean(seen) for count, seen in kinds))} left for all"
