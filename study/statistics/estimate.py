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

Coverage of 95 % intervals in percent: `python -m benchmarks.coverage`, 4000 repetitions, lognormal errors, searches
that spread `between` times as much as the seeds of one.

COVERAGE_TABLE
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from study.statistics.bootstrap import RESAMPLES, bootstrap_interval
from study.statistics.middles import Middle, median
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
        interval, over = searches_interval(middle(runs), value, confidence=confidence), Over.SEARCHES
    else:
        interval = seeds_interval(runs[0], middle, confidence=confidence, resamples=resamples, seed=seed)
        over = Over.SEEDS
    return Estimate(undone(value), interval and (undone(interval[0]), undone(interval[1])), over)


def searches_interval(values: Decades, centre: float, *, confidence: float) -> tuple[float, float]:
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
    return bootstrap_interval(units, middle, confidence=confidence, resamples=resamples, seed=seed)
