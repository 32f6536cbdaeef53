"""What counts as one independent observation when two contestants are compared: a search, or, of one search, a seed."""

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
