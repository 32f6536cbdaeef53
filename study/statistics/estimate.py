"""The median or interquartile mean of a contestant's errors, and how sure it is.

The estimate is that of all R · K runs. For its interval the searches count, since the runs of one search have its
configuration in common: each search's own median (or interquartile mean) is one value, and the interval is Student's

    estimate ± t_{R−1} s/√R,    in decades, s the standard deviation of the R values.

It holds whatever the shares of searches and seeds in the spread are, and where searches spread differently, as
Ibragimov & Müller 2010 (t-statistic based correlation and heterogeneity robust inference, Journal of Business &
Economic Statistics 28) show for any R ≥ 2, if the R values are about normal in decades. Resampling does not: of three
searches even all 27 resamples lie between the least and the largest, which hold the median with 75 % at most.

One search says nothing of other searches. Then the interval is a bootstrap of its seeds, and tells of this search's
configuration only; fewer than FEWEST_SEEDS have none. `over` says which of the two it is.

Coverage of 95 % intervals in percent, by `python -m benchmarks.coverage`: 2000 repetitions, so ± 0.5; K = 10; lognormal
errors; searches that spread `between` times as much as the seeds of one. "Resampled" draws searches and seeds in them,
"pooled" draws runs, for a percentile interval.

    R   between   median: here, resampled, pooled   interquartile mean: the same
    1   –           96.6     92.3     92.3            97.1     92.5     92.5
    2   0           95.5     96.9     93.5            95.8     96.8     93.9
    2   0.5         94.8     86.0     79.4            93.9     85.0     77.3
    2   1           94.6     73.0     62.4            94.5     70.5     58.1
    2   3           94.9     56.8     49.0            94.7     56.2     43.6
    3   0           94.9     97.4     95.0            95.2     97.3     94.3
    3   0.5         95.6     90.1     80.7            95.4     89.2     78.0
    3   1           95.1     82.7     61.9            95.1     80.8     58.5
    3   3           94.5     74.8     50.9            94.5     74.8     46.8
    5   0           94.3     98.4     94.5            94.8     98.4     94.2
    5   0.5         94.5     93.5     79.9            94.8     92.4     77.7
    5   1           95.2     90.2     64.7            95.3     89.0     60.0
    5   3           94.6     89.5     52.0            95.5     88.0     47.9
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from study.statistics.bootstrap import RESAMPLES, bootstrap_interval
from study.statistics.middles import Middle, median, of_all
from study.statistics.runs import Decades, decades, undone

FEWEST_SEEDS = 6
"""The whole range of fewer values holds their median with less than 95 %."""


class Over(StrEnum):
    """What varies between what was measured and what an interval is about."""

    SEARCHES = "searches"
    """Another search, and other seeds."""
    SEEDS = "seeds"
    """Other seeds of the same searches' configurations."""


@dataclass(frozen=True)
class Estimate:
    """A value and its interval; None where there are too few runs for one."""

    value: float
    interval: tuple[float, float] | None
    over: Over


def estimate(
    errors: ArrayLike,
    middle: Middle = median,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The middle of errors (R, K) of one contestant on one problem, as an error.

    inf for failed runs; an interval is (0, inf) where one of a few searches failed with most of its seeds. ValueError,
    one line, for nan and negative numbers. `resamples` and `seed` are those of the bootstrap for R = 1.
    """
    runs = decades(errors)
    value = float(middle(runs.ravel()))
    if len(runs) > 1:
        interval, over = _searches_interval(middle(runs), value, confidence=confidence), Over.SEARCHES
    else:
        interval = seeds_interval(runs[0], middle, confidence=confidence, resamples=resamples, seed=seed)
        over = Over.SEEDS
    return Estimate(undone(value), interval and (undone(interval[0]), undone(interval[1])), over)


def _searches_interval(values: Decades, centre: float, *, confidence: float) -> tuple[float, float]:
    """centre ± t_{R−1} s/√R for values (R,) of searches."""
    reach = t.ppf((1.0 + confidence) / 2.0, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(centre - reach), float(centre + reach)


def seeds_interval(
    values: Decades, middle: Middle, *, confidence: float, resamples: int, seed: int
) -> tuple[float, float] | None:
    """The bootstrap's interval of the middle of values (K,) of one search's seeds; None for too few."""
    if len(values) < FEWEST_SEEDS:
        return None
    units = values.reshape(1, -1, 1)
    return bootstrap_interval(units, of_all(middle), confidence=confidence, resamples=resamples, seed=seed)
