"""How often runs fail: a share with its interval."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from study.statistics.estimate import Estimate, Over
from study.statistics.runs import FAILED, decades


def failure_rate(errors: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """The share of runs, (R, K), that are inf, with Clopper and Pearson's interval, which holds at least `confidence`.

    The interval is that of other seeds of the configurations that these searches found, so it is `over` seeds: failures
    of one search have a cause in common, and of what another search would find R of them say little. The configurations
    may fail with different probabilities; their mean is then held rather more often.
    """
    failed = decades(errors) == FAILED
    counted = binomtest(int(np.sum(failed)), failed.size)
    low, high = counted.proportion_ci(confidence_level=confidence, method="exact")
    return Estimate(float(counted.statistic), (float(low), float(high)), Over.SEEDS)
