"""How values spread: their median and how sure it is."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median of `count` values, and its 95 % interval, which fewer than six values do not have."""

    median: float
    interval: tuple[float, float] | None
    count: int


def spread(values: Iterable[float]) -> Spread | None:
    """Median and its distribution-free 95 % interval, between two order statistics; None without values.

    (x_(k), x_(n+1−k)) holds the median with probability 1 − 2 P(B ≤ k − 1), B binomial (n, 1/2); k is the largest
    that leaves 95 %. For n < 6 even the whole range holds it less often, so there is no interval.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    count, below, tail = len(ordered), 0, 0.5 ** len(ordered)
    while tail <= 0.025:
        below += 1
        tail += math.comb(count, below) * 0.5**count
    interval = (ordered[below - 1], ordered[count - below]) if below else None
    return Spread(median(ordered), interval, count)
