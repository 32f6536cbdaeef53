"""One number for many problems: the interquartile mean of a contestant's normalised errors on all of them.

Normalised errors are errors over one reference error of each problem, such as that of a baseline; 0.1 is ten times
better. The mean is in decades. Problems are what they are, so the interval tells of other searches on these problems,
not of other problems: a bootstrap with problems for strata and searches for units (seeds, where there is one search).

Coverage of 95 % intervals in percent, by `python -m benchmarks.coverage` as in `study/statistics/estimate.py`, of
problems whose middles lie two of the seeds' standard deviations apart:

                   one search   R = 3, between 0   R = 3, between 1   R = 5, between 0   R = 5, between 1
    2 problems        95.2            95.7               96.0               95.0               95.9
    3 problems        95.5            96.3               95.7               94.8               94.3
    5 problems        95.5            96.8               96.0               95.5               94.7
"""

import numpy as np
from numpy.typing import ArrayLike

from study.statistics.bootstrap import RESAMPLES, bootstrap_interval
from study.statistics.estimate import Estimate, Over, estimate
from study.statistics.middles import Middle, interquartile_mean
from study.statistics.runs import decades, undone


def aggregate(
    errors: ArrayLike,
    middle: Middle = interquartile_mean,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The middle of normalised errors (P, R, K) over problems, searches and seeds, every run with the same weight.

    Of one problem it is what `estimate` says. Runs that are missing are inf, like those that failed: a contestant
    without any on a problem did not solve it. One search with one seed has no interval. ValueError, one line, for nan,
    negative numbers, and problems with different numbers of runs.
    """
    runs = decades(errors, axes=("problem", "search", "seed"))
    if len(runs) == 1:
        return estimate(np.asarray(errors)[0], middle, confidence=confidence, resamples=resamples, seed=seed)
    _, searches, seeds = runs.shape
    units, over = (runs, Over.SEARCHES) if searches > 1 else (runs.swapaxes(1, 2), Over.SEEDS)
    value = undone(float(middle(runs.ravel())))
    if searches == seeds == 1:
        return Estimate(value, None, over)
    low, high = bootstrap_interval(units, middle, confidence=confidence, resamples=resamples, seed=seed)
    return Estimate(value, (undone(low), undone(high)), over)
