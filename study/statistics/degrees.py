"""Degrees of freedom of a sum of variances that are estimated from few values each: Welch and Satterthwaite's.

References: Satterthwaite 1946, An approximate distribution of estimates of variance components, Biometrics Bulletin 2;
Welch 1947, Biometrika 34.
"""

from collections.abc import Sequence


def degrees_of_freedom(variances: Sequence[float], counts: Sequence[int]) -> float:
    """(Σ v)²/Σ v²/(n − 1) for variances v from n ≥ 2 values each; the fewest n − 1 where nothing varies."""
    if sum(variances) == 0:
        return min(counts) - 1
    return sum(variances) ** 2 / sum(one**2 / (count - 1) for one, count in zip(variances, counts, strict=True))
