"""Runs of contestants whose truth is known."""

import numpy as np
from numpy.typing import NDArray

INF = float("inf")


def drawn(generator: np.random.Generator, searches: int, between: float, *, seeds: int = 10) -> NDArray[np.float64]:
    """Lognormal errors (R, K) with the middle 1; searches spread `between` times as much as their seeds."""
    of_searches = between * generator.standard_normal((searches, 1))
    return 10.0 ** (of_searches + generator.standard_normal((searches, seeds)))


def holds(interval: tuple[float, float] | None, true: float) -> bool:
    assert interval is not None
    return interval[0] <= true <= interval[1]
