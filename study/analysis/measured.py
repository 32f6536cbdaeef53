"""What there is to show of trials, by the names of their metrics: which errors, conditions and unknowns they have.

A problem without an exact solution and without observations has no data errors; one with conditions has the mean square
of each (`<split>/<condition>_mse`); one with unknowns has their values (`unknown/<name>`) and, where the true ones are
known, their relative errors (`unknown/<name>_error`). Data whose errors of measurement are known have the data error
that these alone leave (`noise/<split>`).
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from cnn_core.metrics import METRICS
from search_spaces.bootstrap import Bootstrap
from study.analysis.variants import CONSTRAINT, DATA, ERRORS, PROJECTED
from study.journal.record import TrialRecord

UNKNOWN, OFF, MEAN_SQUARE = "unknown/", "_error", "_mse"
"""How the metrics of unknowns begin, how their errors end, and how mean squares do."""

NOISE, FAR, UNFITTED = "noise/", 4.0, 2.0
"""A data error is far from what the errors of measurement leave, and hardly theirs: 15 values are so 1 time in 80."""

UNFIT = "the network does not fit its data, the PDE does not hold, or errors are larger than the file says"
"""What a data error far from that says, which does not tell these apart."""

FEWEST_EPOCHS, MOVING = 10, 0.01
"""An unknown that changes by more in the last tenth of so many epochs has not been found yet."""

TRADE_OFF = (DATA, CONSTRAINT)
"""The two errors that the Pareto set weighs against each other."""


def metrics_of(records: Iterable[TrialRecord]) -> tuple[str, ...]:
    """The names of all that these trials have measured, in the order in which they come."""
    return tuple(dict.fromkeys(name for record in records for name in record.latest))


def errors_in(names: Collection[str]) -> tuple[str, ...]:
    """Of the errors that tables say of a network those that there are, as trained or projected."""
    return tuple(name for name in ERRORS if name in names or f"{PROJECTED}{name}" in names)


def has_trade_off(names: Collection[str]) -> bool:
    """Whether both errors of the trade-off are measured, so that there is one."""
    return set(TRADE_OFF) <= set(errors_in(names))


def unknowns_in(names: Collection[str]) -> tuple[str, ...]:
    """The unknowns that trials find."""
    known = [name.removeprefix(UNKNOWN) for name in names if name.startswith(UNKNOWN)]
    return tuple(name for name in known if not (name.endswith(OFF) and name.removesuffix(OFF) in known))


def moved_unknowns(names: Collection[str]) -> bool:
    """Whether a projection has moved unknowns, so that those of the projected network are its own."""
    return any(name.startswith(f"{PROJECTED}{UNKNOWN}") for name in names)


def as_projected(metrics: Mapping[str, float | str]) -> dict[str, float | str]:
    """A trial's metrics, where those of its projected network stand in place of the trained one's."""
    return dict(metrics) | {
        name.removeprefix(PROJECTED): value for name, value in metrics.items() if name.startswith(PROJECTED)
    }


def still_moving(history: Sequence[Mapping[str, float | str]]) -> dict[str, float]:
    """By how much unknowns changed in the last tenth of the epochs, relative to their values, where that is much."""
    if len(history) < FEWEST_EPOCHS:
        return {}
    before, last = history[-1 - len(history) // 10], history[-1]
    changes = {
        name: abs(float(last[f"{UNKNOWN}{name}"]) / (float(before[f"{UNKNOWN}{name}"]) or math.nan) - 1)
        for name in unknowns_in(last)
    }
    return {name: change for name, change in changes.items() if change > MOVING}


def unfitted(metrics: Mapping[str, float | str], bootstrap: Bootstrap | None = None) -> float | None:
    """The `misfit` of the training's data, where it is hardly due to errors of measurement.

    Where a `bootstrap` has added errors, half of what they leave is theirs, and they are as large as they should be.
    """
    times, most = misfit(metrics), (UNFITTED + 1) / 2 if bootstrap == "errors" else UNFITTED
    return times if times is not None and times > most else None


def misfit(metrics: Mapping[str, float | str]) -> float | None:
    """How many times what errors of measurement leave the training's data error is, where they are known."""
    error, noise = metrics.get("train/data_mse"), metrics.get(f"{NOISE}train")
    return None if error is None or not noise else float(error) / float(noise)


def conditions_in(names: Collection[str], split: str) -> tuple[str, ...]:
    """What has a mean square of its own on a split, beside the sum over all: residuals of the PDE, and conditions."""
    mean_squares = [name for name in names if name.startswith(f"{split}/") and name.endswith(MEAN_SQUARE)]
    own = [name.removeprefix(f"{split}/") for name in mean_squares]
    return tuple(name.removesuffix(MEAN_SQUARE) for name in own if name not in METRICS)
