"""How values spread: their median and how sure it is."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

import numpy as np

ONE_DEVIATION = (0.1587, 0.8413)
"""Between which quantiles values lie that are no more than one standard deviation from their mean, if normal."""


@dataclass(frozen=True)
class Spread:
    """The median of `count` values, and its 95 % interval, which fewer than six values do not have.

    `deviation` is half of what lies between their 16 % and 84 % quantiles: their standard deviation, if they are
    normal, and hardly another one where a few of many are far off. Fewer than six have none.
    """

    median: float
    interval: tuple[float, float] | None
    count: int
    deviation: float | None = None


def spread(values: Iterable[float]) -> Spread | None:
    """Median and its distribution-free 95 % interval, between two order statistics; None without values.

    (x_(k), x_(n+1−k)) holds the median with probability 1 − 2 P(B ≤ k − 1), B binomial (n, 1/2); k is the largest
    that leaves 95 %. For n < 6 even the whole range holds it less often, so there is no interval.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    count, below = len(ordered), _left_out(len(ordered))
    interval = (ordered[below - 1], ordered[count - below]) if below else None
    return Spread(median(ordered), interval, count, _deviation(ordered) if below else None)


def _deviation(ordered: Sequence[float]) -> float:
    low, high = np.quantile(ordered, ONE_DEVIATION, method="median_unbiased")  # right for normal values, also for few
    return float(high - low) / 2


@lru_cache  # the methods of a study have the same few counts, and several errors each
def _left_out(count: int) -> int:
    """The largest k with P(B ≤ k − 1) ≤ 0.025, B binomial (`count`, 1/2); 0 if there is none."""
    below, tail = 0, _probability(0, count)
    while tail <= 0.025:
        below += 1
        tail += _probability(below, count)
    return below


def _probability(heads: int, count: int) -> float:
    """P(B = heads), by logarithms: of a thousand trials 2^−count is no float, nor is the number of ways."""
    ways = math.lgamma(count + 1) - math.lgamma(heads + 1) - math.lgamma(count - heads + 1)
    return math.exp(ways - count * math.log(2))
