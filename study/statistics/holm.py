"""Holm's correction: p-values of several comparisons, so that any false one has the probability of one alone.

Reference: Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
"""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: the largest (m − j) p₍ⱼ₎ with j ≤ i, from 0 by rising p; at most 1."""
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - rank) * p_values[place])
        adjusted[place] = min(1.0, largest)
    return adjusted
