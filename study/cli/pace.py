"""How long what is left of a comparison will take."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from study.comparing.gather import finished
from study.comparing.question import Question
from study.report.text_table import format_duration


class Pace:
    """What is left, by what was seen since this began: a search takes as long as the mean one, and so does what
    confirms one.
    """

    def __init__(self, question: Question, runs: Path) -> None:
        self._open = [
            {name for name in names if not finished(runs / name)} for names in zip(*_pairs(question), strict=True)
        ]
        self._seen: list[list[float]] = [[], []]
        self._since = time.monotonic()

    def note(self, name: str) -> None:
        """A study has run until now, and counts for what is to come."""
        now = time.monotonic()
        for left, seen in zip(self._open, self._seen, strict=True):
            if name in left:
                left.discard(name)
                seen.append(now - self._since)
        self._since = now

    def left(self) -> str:
        """In words, behind what is said of the next study; nothing before one of each kind that is left was seen."""
        kinds = [(len(left), seen) for left, seen in zip(self._open, self._seen, strict=True) if left]
        if not all(seen for _, seen in kinds):
            return ""
        return f"; about {format_duration(sum(count * mean(seen) for count, seen in kinds))} left for all"


def _pairs(question: Question) -> Iterator[tuple[str, str]]:
    """Each search, and what confirms it."""
    for problem, number in question.rounds():
        yield question.called(problem, number), question.confirmed(problem, number)
