"""The course of a search: after so many CPU seconds, its best validation value so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

History = Sequence[tuple[float, float]]
"""A search's trials as they ended: cumulative CPU seconds, validation value (that of the trial, or the best so far)."""


@dataclass(frozen=True)
class Course:
    """When a search had which best value: `best` (N,) falls, `seconds` (N,) rises; inf before the first trial ended."""

    seconds: NDArray[np.float64]
    best: NDArray[np.float64]

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """The best value after so many seconds, (n,) → (n,). After its last trial a search keeps what it has."""
        ended = np.searchsorted(self.seconds, seconds, side="right")
        return np.concatenate([[np.inf], self.best])[ended]

    def reached(self, target: float) -> float:
        """The seconds until the best value is at most `target`; inf if it never is."""
        there = np.flatnonzero(self.best <= target)
        return float(self.seconds[there[0]]) if len(there) else np.inf


def course(history: History) -> Course:
    """The course of a search; ValueError, one line, for nan and for seconds that are negative or not finite.

    A trial that failed has the value inf and spent its seconds all the same.
    """
    table = np.asarray(history, dtype=float).reshape(-1, 2)
    for number, (seconds, value) in enumerate(table):
        if np.isnan(value) or not 0 <= seconds < np.inf:
            raise ValueError(
                f"history: trial {number} is ({seconds}, {value}); write finite seconds from 0 on, and inf for a trial "
                "that failed"
            )
    ordered = table[np.argsort(table[:, 0], kind="stable")]
    return Course(ordered[:, 0], np.minimum.accumulate(ordered[:, 1]))
