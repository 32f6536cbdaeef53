"""The hypervolume of two errors: how much of the plane is dominated, in square decades."""

from collections.abc import Iterable

import numpy as np

from study.statistics.runs import decades

SMALLEST = 1e-32
"""Mean squares below are rounding, in float64."""


def hypervolume(
    points: Iterable[tuple[float, float]], *, reference: tuple[float, float], smallest: float = SMALLEST
) -> float:
    """The area that is worse than some point and better than `reference`, in log₁₀ of both errors.

    Points need not be a Pareto set; those that are not better than the reference in both errors add nothing, as do
    failed ones, which are inf. Errors below `smallest` count as that: an error of exactly 0 would be worth infinitely
    much. ValueError for a reference that is not above `smallest` or not finite, and for errors that are none.
    """
    if not all(smallest < error < np.inf for error in reference) or smallest <= 0:
        raise ValueError(
            f"hypervolume: the reference {reference} must be finite and above the smallest error {smallest}"
        )
    listed = list(points)
    if not listed:
        return 0.0
    right, top = np.log10(reference)
    area, height = 0.0, top
    for x, y in sorted(map(tuple, np.maximum(decades(listed, axes=("point", "error")), np.log10(smallest)))):
        if x < right and y < height:
            area += (right - x) * (height - y)
            height = y
    return float(area)
