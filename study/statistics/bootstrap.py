"""The stratified bootstrap, with an interval that is wide enough for few units.

Strata are kept as they are (problems, in rliable); the units of each, searches or seeds, are drawn with replacement. A
percentile interval of few units is too short for two reasons: of n units a resample varies less than those of another
experiment would, by √((n − 1)/n), and where a normal distribution has 2.5 % beyond z = 1.96 standard deviations,
Student's t has more. So both of its ends are moved away from the estimate by the factor

    √(n/(n − 1)) · t/z.

The degrees of freedom of t are n − 1 if one stratum makes nearly all the variance and S (n − 1) if all S make the same
of it: Welch and Satterthwaite's, from the variances of resamples of one stratum alone.

Hesterberg's expanded percentiles make up for the same two, but end at the least and the largest resample, which are too
near where there are few. What is left is asymmetric as percentiles are, and goes to inf only where that many resamples
do.

References: Davison & Hinkley 1997, Bootstrap methods and their application; Hesterberg 2015, What teachers should know
about the bootstrap, The American Statistician 69; Agarwal et al. 2021, arXiv:2108.13264 (rliable).
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import norm, t

from study.statistics.degrees import degrees_of_freedom
from study.statistics.runs import Decades

Statistic = Callable[[Decades], Decades]
"""(…, S strata, values of each) → (…)."""

RESAMPLES = 5000
RESAMPLES_OF_ONE = 100
"""Of one stratum alone."""


def bootstrap_interval(
    units: Decades, statistic: Statistic, *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """The interval of a statistic of `units`, (S strata, n units, m values in each), n ≥ 2."""
    strata, count, _ = units.shape
    generator = np.random.default_rng(seed)
    found = statistic(_drawn(units, generator.integers(count, size=(resamples, strata, count))))
    tail, centre = (1.0 - confidence) / 2.0, float(statistic(units.reshape(strata, -1)))
    ends = np.quantile(found, [tail, 1.0 - tail], method="closest_observation")
    degrees = _degrees_of_freedom(units, statistic, generator)
    stretch = t.ppf(tail, degrees) / norm.ppf(tail) * np.sqrt(count / (count - 1))
    low, high = centre + stretch * (ends - centre)
    return float(low), float(high)


def _drawn(units: Decades, places: np.ndarray) -> Decades:
    """The values of the units at `places` (B, S, n) of each stratum: (B, S, n · m)."""
    return units[np.arange(len(units))[:, None], places].reshape(*places.shape[:2], -1)


def _degrees_of_freedom(units: Decades, statistic: Statistic, generator: np.random.Generator) -> float:
    strata, count, _ = units.shape
    if strata == 1:
        return count - 1
    variances = []
    for stratum in range(strata):
        places = np.tile(np.arange(count), (RESAMPLES_OF_ONE, strata, 1))
        places[:, stratum] = generator.integers(count, size=(RESAMPLES_OF_ONE, count))
        variances.append(float(np.var(statistic(_drawn(units, places)))))
    return degrees_of_freedom(variances, [count] * strata)
