"""The probability of improvement: how often a run of one contestant is better than one of another.

    θ = P(a < b) + ½ P(a = b)

over all pairs of a run of a and a run of b. Searches of two contestants are independent, and search 1 of one has
nothing to do with search 1 of the other, so no runs are paired where there are several searches. Two failed runs are
equal.

For the interval, let pᵣ be the share of pairs that are won in search r of a, and q_s that of search s of b. Then
var θ = s²(p)/Rₐ + s²(q)/R_b (DeLong's variance, with searches for units as in Obuchowski 1997), and n = θ(1 − θ)/var θ
is how many independent pairs say as much. The interval is Wilson's for a share of n, with Student's t for z, as surveys
do with n of this kind (Korn & Graubard 1998); it stays between 0 and 1. Where all pairs are won, or none, n is the
number of searches. With one search each, seeds are the units; both had the same ones, so pₖ and qₖ come in pairs.

References: Agarwal et al. 2021, arXiv:2108.13264; DeLong et al. 1988, Biometrics 44; Obuchowski 1997, Nonparametric
analysis of clustered ROC curve data, Biometrics 53; Korn & Graubard 1998, Confidence intervals for proportions with
small expected number of positive counts estimated from survey data, Survey Methodology 24.

Coverage of 95 % intervals in percent, as in `study/statistics/estimate.py`; a and b are `shift` of the seeds' standard
deviations apart, θ is in brackets. The lowest is where three searches spread most; one search has too wide ones.

    R   shift   between 0       between 0.5     between 1       between 3
    1   0       97.4  (0.50)
    1   1       96.1  (0.76)
    1   2       98.7  (0.92)
    3   0       96.7  (0.50)    96.8  (0.50)    96.2  (0.50)    94.3  (0.50)
    3   1       95.9  (0.76)    96.4  (0.74)    95.4  (0.69)    93.5  (0.59)
    3   2       96.1  (0.92)    95.7  (0.90)    93.8  (0.84)    91.6  (0.67)
    5   0       96.2  (0.50)    96.2  (0.50)    95.5  (0.50)    96.0  (0.50)
    5   1       95.5  (0.76)    95.4  (0.74)    95.3  (0.69)    96.1  (0.59)
    5   2       96.5  (0.92)    94.8  (0.90)    93.0  (0.84)    95.4  (0.67)
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from study.statistics.degrees import degrees_of_freedom
from study.statistics.estimate import Estimate, Over
from study.statistics.runs import Decades, decades
from study.statistics.units import varying


def probability_of_improvement(errors: ArrayLike, baseline: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """P(a < b) + ½ P(a = b) for errors (Rₐ, Kₐ) of a and (R_b, K_b) of the baseline b: above ½, a is better.

    ValueError, one line, where `varying` refuses the two. One search with one seed has no interval.
    """
    a, b = decades(errors), decades(baseline)
    over = varying(a, b)
    won = np.sign(b - a[:, :, None, None]) / 2 + 0.5
    share = float(np.mean(won))
    if a.size == b.size == 1:
        return Estimate(share, None, over)
    variance, degrees, units = _seeds(won[0, :, 0, :]) if over is Over.SEEDS else _searches(won)
    pairs = share * (1.0 - share) / variance if variance > 0 and 0 < share < 1 else units
    return Estimate(share, _wilson(share, pairs, float(t.ppf((1.0 + confidence) / 2.0, degrees))), over)


def _searches(won: Decades) -> tuple[float, float, int]:
    """var θ, its degrees of freedom and the fewest units, for pairs of (searches, seeds, searches, seeds)."""
    rows, columns = won.mean(axis=(1, 2, 3)), won.mean(axis=(0, 1, 3))
    variances = [float(np.var(shares, ddof=1)) / len(shares) for shares in (rows, columns)]
    return sum(variances), degrees_of_freedom(variances, (len(rows), len(columns))), min(len(rows), len(columns))


def _seeds(won: Decades) -> tuple[float, float, int]:
    """The same for pairs of (seeds, the same seeds)."""
    count = len(won)
    return float(np.var(won.mean(axis=1) + won.mean(axis=0), ddof=1)) / count, count - 1, count


def _wilson(share: float, pairs: float, quantile: float) -> tuple[float, float]:
    extra = quantile**2 / pairs
    centre = (share + extra / 2) / (1 + extra)
    reach = np.sqrt(extra * (share * (1 - share) + extra / 4)) / (1 + extra)
    return max(0.0, float(centre - reach)), min(1.0, float(centre + reach))
