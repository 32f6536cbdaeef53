"""What searches found for their budget, by entry: validation values against CPU seconds and against trials."""

import math

import numpy as np

from study.comparison.result import EntryResult, SearchResult
from study.statistics.budget import Curve, best_by_seconds, best_by_trials
from study.statistics.hypervolume import SMALLEST


def best_after_seconds(entry: EntryResult) -> Curve | None:
    """The best value so far against CPU seconds; None where no search has a trial."""
    histories = [history(search) for search in entry.searches if search.trials]
    return best_by_seconds(histories) if histories else None


def best_after_trials(entry: EntryResult) -> Curve | None:
    """The expected best of so many trials, its mean in decades; None where no search has a trial.

    Values below `SMALLEST` count as that: 0 has no logarithm.
    """
    logs = [
        [math.log10(max(tried.value, SMALLEST)) for tried in search.trials]
        for search in entry.searches
        if search.trials
    ]
    if not logs:
        return None
    curve = best_by_trials(logs)
    return Curve(curve.budget, *(_undone(row) for row in (curve.middle, curve.low, curve.high)))


def history(search: SearchResult) -> list[tuple[float, float]]:
    """CPU seconds and validation value of every trial."""
    return [(tried.cpu_seconds, tried.value) for tried in search.trials]


def _undone(logs: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(np.power(10.0, logs).tolist())
