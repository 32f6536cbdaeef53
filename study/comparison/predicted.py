"""Which predictions speak for a problem: those of the best entry and of the best baseline, as their runs left them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from study.comparison.result import Comparison, Confirmed, EntryResult, ProblemResult, Source
from study.comparison.standing import Standing
from study.report.predictions import Arrays, as_solved, read_predictions

Predictions = Callable[[Source], Path | None]
"""From a run to the file of its predictions, which may not be there."""


def no_predictions(source: Source) -> None:
    """Where the runs' files are not at hand."""


def shown_predictions(
    comparison: Comparison, problem: ProblemResult, standings: Sequence[Standing], predictions: Predictions
) -> dict[str, Arrays]:
    """Label → predictions of the best entry that is no baseline and of the best baseline, as far as there are any.

    `standings` begin with the best. Of an entry it is the run in the middle of all by test error, or the nearest to it
    that has left its predictions; both are of the same wave.
    """
    found: dict[str, Arrays] = {}
    for kind in (False, True):
        best = next((one.label for one in standings if comparison.is_baseline(one.label) is kind), None)
        arrays = None if best is None else _of_entry(problem.by_label[best], problem.error, predictions)
        if best is not None and arrays is not None and all(_same_wave(arrays, other) for other in found.values()):
            found[best] = arrays
    return found


def _of_entry(entry: EntryResult, metric: str, predictions: Predictions) -> Arrays | None:
    ranked = sorted(entry.confirmed, key=lambda run: run.error(metric))
    nearest = sorted(range(len(ranked)), key=lambda place: abs(place - (len(ranked) - 1) / 2))
    for run in (ranked[place] for place in nearest):
        path = None if run.failed else predictions(run.source)
        if path is not None and path.exists() and _drawable(arrays := read_predictions(path)):
            return as_solved(arrays) if _projects(entry, run) else arrays
    return None


def _projects(entry: EntryResult, run: Confirmed) -> bool:
    """Whether a projection made this network; it makes all of one that trains nothing."""
    return entry.projected or not run.training_seconds


def _drawable(arrays: Arrays) -> bool:
    """Whether there is something on a grid; files of old have points only."""
    return "plane_before" in arrays


def _same_wave(one: Arrays, other: Arrays) -> bool:
    """Also where one network has another precision, and with it the wave's parameters."""
    alike = len(one["p"]) == len(other["p"]) and np.allclose(one["p"], other["p"], rtol=1e-5)
    return alike and np.array_equal(one["planes"], other["planes"])
