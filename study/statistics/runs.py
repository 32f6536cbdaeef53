"""A contestant's runs on a problem: errors of R searches by K seeds, in decades.

The outer level is the search, which found a configuration; the inner one the seeds that its best was trained again
with. All statistics here count errors in decades, log₁₀ of them, since errors spread over many. A run that failed or
diverged is inf, the worst that there is, and is never left out; an error may be 0. Both are finite in decades, but
farther away than any error can be, so that a mean, a spread or an interval goes where its limit would.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Decades = NDArray[np.float64]

FAILED = 1e12
"""What inf is in decades. It outweighs NOTHING: the mean of a failed run and an exact one is a failed one."""

NOTHING = -1e8
"""What an error of 0 is in decades."""

MOST_DECADES = 400.0
"""Beyond this many decades no float is left: what lies there is inf, or 0."""


def decades(errors: ArrayLike, *, axes: Sequence[str] = ("search", "seed")) -> Decades:
    """log₁₀ of errors of shape (R, K), or what `axes` names; ValueError, one line, for what is no table of errors."""
    table = _table(errors, axes)
    wrong = np.argwhere(np.isnan(table) | (table < 0))
    if len(wrong):
        place = ", ".join(f"{axis} {number}" for axis, number in zip(axes, wrong[0], strict=True))
        raise ValueError(
            f"errors: {place} is {table[tuple(wrong[0])]}; an error is a number from 0 on, and a run without one is inf"
        )
    with np.errstate(divide="ignore"):
        return np.clip(np.log10(table), NOTHING, FAILED)


def undone(value: float) -> float:
    """The error of so many decades."""
    if abs(value) > MOST_DECADES:
        return np.inf if value > 0 else 0.0
    return float(np.float64(10.0) ** value) if value < np.log10(np.finfo(float).max) else np.inf


def _table(errors: ArrayLike, axes: Sequence[str]) -> NDArray[np.float64]:
    shape = " × ".join(f"{axis}{'es' if axis.endswith('ch') else 's'}" for axis in axes)
    try:
        table = np.asarray(errors, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"errors: no table of numbers, {shape}; write inf for a run that is missing") from None
    if table.ndim != len(axes) or table.size == 0:
        raise ValueError(f"errors: have the shape {table.shape}; write a table of {shape}, with at least one of each")
    return table
