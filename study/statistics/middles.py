"""The middle of many values: the median, and the interquartile mean.

The interquartile mean is the mean of the middle half. It uses more of the values than the median and is hardly less
robust; of n values that four does not divide, the outermost ones count in part.

Reference: Agarwal et al. 2021, Deep reinforcement learning at the edge of the statistical precipice, arXiv:2108.13264.
"""

from collections.abc import Callable, Iterable

import numpy as np

from study.statistics.runs import Decades, decades, undone

Middle = Callable[[Decades], Decades]
"""(…, n) → (…)."""


def median(values: Decades) -> Decades:
    """The median over the last axis, (…, n) → (…)."""
    return np.median(values, axis=-1)


def interquartile_mean(values: Decades) -> Decades:
    """The mean over the last axis between the first and the third quartile, (…, n) → (…)."""
    shares = np.linspace(0.0, 1.0, values.shape[-1] + 1).clip(0.25, 0.75)
    return np.sort(values, axis=-1) @ (2.0 * np.diff(shares))


def median_error(errors: Iterable[float]) -> float:
    """The median of errors, or of their ratios; of an even number that between the two in the middle, in decades."""
    ordered = sorted(errors)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else undone(float(median(decades([[low, high]])[0])))


def of_all(middle: Middle) -> Middle:
    """The middle of everything in the last two axes, (…, S, n) → (…)."""
    return lambda values: middle(values.reshape(*values.shape[:-2], -1))
