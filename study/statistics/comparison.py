"""Whether one contestant is better than another on a problem: better, worse, or what the runs cannot decide.

Several searches: runs of one search are no independent observations, and searches of two contestants are no pairs. So
each search's median (or interquartile mean) is one value, in decades, and Welch's t-test compares Rₐ with R_b of them.
Of three searches each no test that goes by ranks or permutations alone can decide anything: the smallest p-value that
there is for 3 against 3 is 0.1. What decides is that medians in decades are taken for about normal, with spreads of
their own (Welch 1947; Ibragimov & Müller 2016, Inference with few heterogeneous clusters, Review of Economics and
Statistics 98, who take the fewest degrees of freedom where Welch estimates them).

Where searches come to one of two ends, as when some fail altogether, all of one side come to the good one and all of
the other to the bad one by chance with 2^(1 − Rₐ − R_b) at most: 3 % for 3 against 3. Fewer than six searches in all
decide nothing, therefore.

One search each: the runs with the same seed are pairs, and Wilcoxon's signed-rank test compares them. What it decides
is which of these two configurations is better, not which contestant.

Over problems: `signed_rank` of one number a problem, which are pairs (Demšar 2006, Statistical comparisons of
classifiers over multiple data sets, JMLR 7). Fewer than six problems decide nothing.

How often, in percent, two contestants that do not differ are told apart at 5 %, by `python -m benchmarks.coverage`:
2000 repetitions, so ± 0.5; K = 10; searches that spread `between` times as much as seeds; one contestant's ten times as
much as the other's; searches that end in one of two places, and that fail altogether, with ½ each. In brackets what
Wilcoxon's test of all runs does, paired by search and seed.

    R    between 0    between 0.5    between 1     between 3     uneven        two ends      failing
    1    4.6  (4.6)
    2    0    (4.4)   0   (22.9)     0   (42.0)    0   (59.4)    0   (58.6)    0   (62.8)    0   (62.5)
    3    3.8  (5.9)   3.6 (23.3)     3.4 (42.1)    3.4 (54.7)    5.0 (54.8)    3.1 (58.1)    3.0 (58.1)
    5    3.9  (4.6)   4.3 (23.4)     4.8 (41.8)    5.1 (53.1)    5.6 (52.7)    2.2 (49.8)    2.1 (50.7)
    10   4.9  (5.5)   5.8 (23.3)     5.6 (39.0)    5.2 (50.6)    4.8 (50.2)    3.8 (49.3)    3.7 (49.7)

How often, in percent, contestants are told apart that differ by a factor of 2 (4), where seeds spread 0.3 decades:

    R    between 0    between 0.5    between 1
    3    59 (99)      26 (73)        11 (34)
    5    95 (100)     58 (99)        24 (71)
    10   100 (100)    92 (100)       51 (98)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t, wilcoxon

from study.statistics.bootstrap import RESAMPLES
from study.statistics.degrees import degrees_of_freedom
from study.statistics.estimate import Estimate, Over, seeds_interval
from study.statistics.holm import holm
from study.statistics.improvement import probability_of_improvement
from study.statistics.middles import Middle, median
from study.statistics.runs import Decades, decades, undone
from study.statistics.units import varying

LEVEL = 0.05


class Decision(StrEnum):
    """What is known of a contestant against the baseline."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """A contestant against the baseline: errors by errors, the probability of improvement, a two-sided p-value."""

    ratio: Estimate
    improvement: Estimate
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """A decision, and the p-value after Holm's correction that it was taken by."""

    decision: Decision
    p_value: float


def compare(
    errors: ArrayLike,
    baseline: ArrayLike,
    middle: Middle = median,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Errors (Rₐ, Kₐ) of a contestant against those (R_b, K_b) of the baseline, on one problem.

    The ratio is that of the searches' middles, each averaged in decades; of one search each, the middle of the ratios
    by seed. Below 1, the contestant is better. Failed runs, inf, are the worst there is; two of them are equal.
    `resamples` and `seed` are those of the ratio's bootstrap for one search. ValueError, one line, where `varying`
    refuses the two.
    """
    a, b = decades(errors), decades(baseline)
    over = varying(a, b)
    if over is Over.SEARCHES:
        value, interval, p_value = _welch(middle(a), middle(b), confidence)
    else:
        pairs = (a - b)[0]
        value, p_value = float(middle(pairs)), _signed_rank(pairs)
        interval = seeds_interval(pairs, middle, confidence=confidence, resamples=resamples, seed=seed)
    ratio = Estimate(undone(value), interval and (undone(interval[0]), undone(interval[1])), over)
    return Comparison(ratio, probability_of_improvement(errors, baseline, confidence=confidence), p_value)


def decide(comparisons: Mapping[str, Comparison], *, level: float = LEVEL) -> dict[str, Verdict]:
    """The verdict of each of all comparisons that belong together, such as those on one problem, by Holm's correction.

    If nothing differs, any of them is called better or worse with the probability `level` at most.
    """
    adjusted = holm([comparison.p_value for comparison in comparisons.values()])
    return {
        name: Verdict(_decision(comparison.ratio.value, p_value <= level), p_value)
        for (name, comparison), p_value in zip(comparisons.items(), adjusted, strict=True)
    }


def signed_rank(errors: ArrayLike, baseline: ArrayLike) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test on pairs (n,), such as medians on n problems.

    Pairs must be independent: seeds of one search are, seeds of several are not. Equal pairs count as Pratt has it.
    """
    a, b = decades(errors, axes=("pair",)), decades(baseline, axes=("pair",))
    if len(a) != len(b):
        raise ValueError(f"comparison: {len(a)} errors against {len(b)}; write pairs")
    return _signed_rank(a - b)


def _decision(ratio: float, decided: bool) -> Decision:
    if not decided or ratio == 1:
        return Decision.UNDECIDED
    return Decision.BETTER if ratio < 1 else Decision.WORSE


def _signed_rank(differences: Decades) -> float:
    if not differences.any():
        return 1.0
    _, p_value = np.asarray(wilcoxon(differences, zero_method="pratt"))
    return float(p_value)


def _welch(a: Decades, b: Decades, confidence: float) -> tuple[float, tuple[float, float], float]:
    """The difference of means in decades, its interval and the two-sided p-value of its being 0."""
    by_chance = 2.0 ** (1 - len(a) - len(b))
    least = by_chance if by_chance > LEVEL else 0.0
    a, b = a - b[0], b - b[0]  # equal values have a variance of exactly 0
    variances = [float(np.var(values, ddof=1)) / len(values) for values in (a, b)]
    difference, error = float(np.mean(a) - np.mean(b)), float(np.sqrt(sum(variances)))
    if error == 0:
        return difference, (difference, difference), 1.0 if difference == 0 else least
    degrees = degrees_of_freedom(variances, (len(a), len(b)))
    reach = float(t.ppf((1.0 + confidence) / 2.0, degrees)) * error
    p_value = float(2.0 * t.sf(abs(difference) / error, degrees))
    return difference, (difference - reach, difference + reach), max(p_value, least)
