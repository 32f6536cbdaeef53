"""What counts as one independent observation when two contestants are compared: a search, or, of one search, a seed."""

from collections.abc import Sequence

from study.statistics.estimate import Over
from study.statistics.runs import Decades


def varying(a: Decades, b: Decades) -> Over:
    """SEARCHES if both have several, which are independent; SEEDS if both have one, whose seeds are pairs.

    ValueError, one line, for several searches against one, or one search each with different numbers of seeds.
    """
    if len(a) > 1 and len(b) > 1:
        return Over.SEARCHES
    if len(a) != len(b):
        raise ValueError(
            f"comparison: {len(a)} searches against {len(b)}; write several of both, or one of both, and a search that "
            "found nothing as a row of inf"
        )
    if a.shape != b.shape:
        raise ValueError(
            f"comparison: one search with {a.shape[1]} seeds against one with {b.shape[1]}; write the same of both"
        )
    return Over.SEEDS


def degrees_of_freedom(variances: Sequence[float], counts: Sequence[int]) -> float:
    """Welch & Satterthwaite's, of a sum of the variances of means of so many; the fewest where nothing varies."""
    if sum(variances) == 0:
        return min(counts) - 1
    return sum(variances) ** 2 / sum(one**2 / (count - 1) for one, count in zip(variances, counts, strict=True))
