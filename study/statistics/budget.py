"""What a search finds for its budget: the best value against the number of trials, and against CPU seconds.

A curve is the median over searches with the range of them as its band: a few searches have no narrower one that could
be relied on.

Of N trials with the values v₍₁₎ ≤ … ≤ v₍N₎, the smallest of n that are drawn without replacement has the mean

    Σᵢ v₍ᵢ₎ C(N − i, n − 1) / C(N, n),

an unbiased estimate of what n trials come to (Tang et al. 2020, Showing your work doesn't always work, ACL,
arXiv:2004.13705); that of draws with replacement (Dodge et al. 2019) is biased. It takes trials for draws from one
distribution, as a random search makes them. A sampler that learns makes better ones later: then the best
value so far, against trials or seconds, is what was found, and the estimate is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.statistics.histories import History, course


@dataclass(frozen=True)
class Curve:
    """Values against a budget: the median over searches, and their lowest and highest; each (n,)."""

    budget: tuple[float, ...]
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def expected_best(values: Sequence[float]) -> list[float]:
    """The expected smallest of n of these N values, for n = 1 … N: unbiased, in the scale that they are given in.

    A mean of errors over decades is that of the largest; give their logarithms for a mean in decades. A failed trial
    is inf, and so is every mean that has a share in one. ValueError without values, for nan and for −inf.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    if not len(ordered) or np.isnan(ordered).any() or ordered[0] == -np.inf:
        raise ValueError(
            f"expected best: got {list(values)}; write at least one value, and inf for a trial that failed"
        )
    return [_mean(weights, ordered[: len(weights)]) for weights in _weights(len(ordered))]


def _mean(weights: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """The weighted mean; what weighs nothing is no part of it, where it is inf, either."""
    counted = weights > 0
    return float(weights[counted] @ values[counted])


def _weights(count: int) -> Iterator[NDArray[np.float64]]:
    """For n = 1 … N, the probabilities that the smallest of n is the i-th of all, i = 1 … N − n + 1."""
    for draws in range(1, count + 1):
        later = np.arange(count - draws + 1)  # P(i + 1) = P(i) · (N − i − n + 1) / (N − i), P(1) = n / N
        steps = (count - later[1:] - draws + 1) / (count - later[1:])
        yield draws / count * np.concatenate([[1.0], np.cumprod(steps)])


def best_by_trials(searches: Sequence[Sequence[float]]) -> Curve:
    """The expected best of n trials, n = 1 … the fewest trials that a search has; values as for `expected_best`."""
    _some(searches)
    fewest = min(map(len, searches))
    found = np.array([expected_best(values)[:fewest] for values in searches])
    return _curve(np.arange(1.0, fewest + 1), found)


def best_by_seconds(searches: Sequence[History]) -> Curve:
    """The best value so far after so many CPU seconds, at every moment at which a trial of any search ended.

    Trials cost what they cost: each search's curve is a step at the end of each of its trials, inf before the first
    one; between two moments the curve is level. After its last trial a search keeps its value, as it would if nothing
    more were spent.
    """
    _some(searches)
    courses = [course(history) for history in searches]
    moments = np.unique(np.concatenate([one.seconds for one in courses]))
    return _curve(moments, np.array([one.at(moments) for one in courses]))


def _some(searches: Sequence[object]) -> None:
    if not len(searches):
        raise ValueError("budget: there is no search")


def _curve(budget: NDArray[np.float64], found: NDArray[np.float64]) -> Curve:
    rows = budget, np.median(found, axis=0), found.min(axis=0), found.max(axis=0)
    return Curve(*(tuple(row.tolist()) for row in rows))
