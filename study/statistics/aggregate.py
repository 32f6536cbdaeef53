"""One number for many problems: how many times a reference's error a contestant's is, over all its runs on all of them.

Every run's error counts in units of the reference's middle on its problem, such as the median of a baseline; 0.1 is
ten times better. Problems are what they are, so the interval tells of other searches on these problems, not of other
problems: a bootstrap whose strata are the contestant and the reference on each problem and whose units are searches
(seeds, where there is one search). Both vary in it: a reference that was lucky makes everybody look worse.

Coverage of 95 % intervals in percent where nothing differs, of the median and (in brackets) the interquartile mean, by
`python -m benchmarks.coverage` as in `study/statistics/estimate.py`; searches spread as much as seeds (`between` 1);
`uneven` is a contestant that spreads 20 times less than the reference. Over several problems the interval of the median
is a little too wide.

                 one search     R = 3          uneven         R = 5          uneven
    1 problem    93.5 (95.6)    96.4 (96.2)    94.9 (94.7)    94.8 (95.4)    94.8 (95.1)
    2 problems   98.4 (97.3)    97.4 (96.8)    95.9 (96.1)    97.7 (97.1)    96.7 (96.4)
    3 problems   98.3 (96.8)    97.0 (96.2)    96.8 (96.3)    97.0 (95.6)    98.1 (96.7)
    5 problems   99.2 (97.9)    97.5 (97.0)    98.1 (97.9)    97.7 (96.8)    98.9 (97.8)
"""

import numpy as np
from numpy.typing import ArrayLike

from study.statistics.bootstrap import RESAMPLES, bootstrap_interval
from study.statistics.comparison import compare
from study.statistics.estimate import Estimate, Over
from study.statistics.middles import Middle, median, of_all
from study.statistics.runs import Decades, decades, undone

AXES = ("problem", "search", "seed")


def aggregate(
    errors: ArrayLike,
    reference: ArrayLike,
    middle: Middle = median,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The middle of errors (P, R, K) over the reference's, of the same shape: over problems, searches and seeds.

    Every run has the same weight. Of one problem the interval is as wide as that of `compare`. Runs that are missing
    are inf, like those that failed: a contestant without any on a problem did not solve it; beside a reference that
    failed, too, it counts as equal. One search with one seed has no interval. ValueError, one line, for nan, negative
    numbers, and problems with different numbers of runs.
    """
    runs = np.stack([decades(errors, axes=AXES), decades(reference, axes=AXES)])
    _, problems, searches, seeds = runs.shape

    def ratio(strata: Decades) -> Decades:
        """(…, 2 P, n) → (…)."""
        own, others = np.split(strata, 2, axis=-2)
        return of_all(middle)(own - middle(others)[..., None])

    units = runs.reshape(2 * problems, searches, seeds)
    over = Over.SEARCHES if searches > 1 else Over.SEEDS
    centre = float(ratio(units.reshape(2 * problems, -1)))
    if problems == 1:
        interval = _beside(np.asarray(errors)[0], np.asarray(reference)[0], middle, centre, confidence=confidence)
    elif searches == seeds == 1:
        interval = None
    else:
        units = units if searches > 1 else units.swapaxes(1, 2)
        interval = bootstrap_interval(units, ratio, confidence=confidence, resamples=resamples, seed=seed)
    return Estimate(undone(centre), interval and (undone(interval[0]), undone(interval[1])), over)


def _beside(
    errors: ArrayLike, reference: ArrayLike, middle: Middle, centre: float, *, confidence: float
) -> tuple[float, float] | None:
    """The interval of the ratio on one problem, in decades, around the ratio of all runs."""
    found = compare(errors, reference, middle, confidence=confidence).ratio
    if found.interval is None:
        return None
    low, value, high = (float(decades([[end]])[0, 0]) for end in (found.interval[0], found.value, found.interval[1]))
    return centre + low - value, centre + high - value
