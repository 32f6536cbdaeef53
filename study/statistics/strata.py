"""Whether one contestant is better than another on several problems together: van Elteren's stratified rank test.

Each problem is a stratum: the middles of Rₐ and R_b searches are ranked among themselves, ties in between. The sum of
a's ranks, over N + 1 for the N = Rₐ + R_b searches of the problem, is added up over all problems. If nothing differs on
any of them, a's middles are as likely to be any Rₐ of the N as any others. So the sum's distribution is known exactly:
nothing is taken for normal, and an error that is a thousand times another's counts no more than one that is twice it.
What differs on some problems only, or in both directions, is found the less.

Of one search each, every problem has a winner, and this is the sign test: fewer than six problems decide nothing. Of
three searches, two problems can.

Reference: van Elteren 1960, On the combination of independent two-sample tests of Wilcoxon, Bulletin of the
International Statistical Institute 37.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy.stats import rankdata

from study.statistics.middles import Middle, median
from study.statistics.runs import decades


@dataclass(frozen=True)
class Together:
    """`share` is the probability that a search of a finds the smaller error, ties half, averaged over problems."""

    share: float
    p_value: float


def compare_together(problems: Sequence[tuple[ArrayLike, ArrayLike]], middle: Middle = median) -> Together:
    """Errors (Rₐ, Kₐ) of a contestant and (R_b, K_b) of a baseline on each problem; the p-value is two-sided.

    Failed runs, inf, are the worst there is. ValueError, one line, for what is no table of errors, or for no problem.
    """
    if not problems:
        raise ValueError("problems: there is none on which both took part; write at least one")
    strata = [_ranks(middle(decades(a)), middle(decades(b))) for a, b in problems]
    unit = math.lcm(*(len(ranks) + 1 for _, ranks in strata))
    found, sums = 0, Counter({0: 1})
    for own, ranks in strata:
        weight = unit // (len(ranks) + 1)
        found += weight * sum(ranks[:own])
        sums = _added(sums, {weight * value: count for value, count in _subset_sums(ranks, own).items()})
    total = sums.total()
    expected = sum(value * count for value, count in sums.items())
    far = abs(found * total - expected)
    return Together(
        share=sum(_share(*stratum) for stratum in strata) / len(strata),
        p_value=sum(count for value, count in sums.items() if abs(value * total - expected) >= far) / total,
    )


def _ranks(a: Iterable[float], b: Iterable[float]) -> tuple[int, list[int]]:
    """How many are a's, and twice the ranks of all, a's first: whole numbers, with ties, too."""
    own = list(a)
    return len(own), [round(2 * rank) for rank in rankdata([*own, *b])]


def _share(own: int, ranks: Sequence[int]) -> float:
    """The probability that one of the first `own` is smaller than one of the others, by twice the ranks."""
    others = len(ranks) - own
    above = sum(ranks[:own]) / 2 - own * (own + 1) / 2
    return 1 - above / (own * others)


def _subset_sums(values: Sequence[int], size: int) -> Counter[int]:
    """How many of the subsets of so many values have each sum."""
    by_size = [Counter({0: 1}), *(Counter() for _ in range(size))]
    for value in values:
        for count in range(size, 0, -1):
            for before, ways in list(by_size[count - 1].items()):
                by_size[count][before + value] += ways
    return by_size[size]


def _added(sums: Counter[int], others: dict[int, int]) -> Counter[int]:
    """How many pairs have each sum."""
    found: Counter[int] = Counter()
    for value, count in sums.items():
        for other, times in others.items():
            found[value + other] += count * times
    return found
