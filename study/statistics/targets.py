"""Time to a target, and performance profiles of it over problems.

The time of a contestant on a problem is the median over its searches of the CPU seconds until the best validation value
reaches the target; a search that never does has inf. ρ(τ) is the share of problems on which a contestant's time is at
most τ times the shortest of all contestants'; the score is its mean over 1 ≤ τ ≤ τₘₐₓ.

References: Dolan & Moré 2002, Benchmarking optimization software with performance profiles, Mathematical Programming
91; Dahl et al. 2023, Benchmarking neural network training algorithms (AlgoPerf), arXiv:2306.07179.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from study.statistics.histories import History, course

Times = Mapping[str, Mapping[str, float]]
"""Contestant → problem → seconds to its target. What is missing was never reached."""


@dataclass(frozen=True)
class Profile:
    """ρ as a step function: it is `shares[i]` from `factors[i]` on, and 0 before the first."""

    factors: tuple[float, ...]
    shares: tuple[float, ...]
    score: float


def seconds_to_target(searches: Sequence[History], target: float) -> float:
    """The median over searches of the seconds until the validation value is at most `target`; inf for never."""
    if not searches or np.isnan(target):
        raise ValueError(
            f"target: got {len(searches)} searches and the target {target}; write at least one and a number"
        )
    return float(np.median([course(history).reached(target) for history in searches]))


def profiles(times: Times, *, largest_factor: float = 4.0) -> dict[str, Profile]:
    """Contestant → its profile over all problems that any contestant has a time for, and its score up to a factor.

    A problem whose target nobody reached counts, for nobody. ValueError for times that are not above 0, and for a
    factor that is not above 1.
    """
    if not largest_factor > 1:
        raise ValueError(f"profiles: the largest factor is {largest_factor}; write a number above 1")
    problems = list(dict.fromkeys(problem for own in times.values() for problem in own))
    rows = [[_time(times, name, problem) for problem in problems] for name in times]
    table = np.array(rows, dtype=float).reshape(len(times), len(problems))
    best = table.min(axis=0, initial=np.inf)
    ratios = np.divide(table, best, out=np.full_like(table, np.inf), where=np.isfinite(best))
    return {name: _profile(row, largest_factor) for name, row in zip(times, ratios, strict=True)}


def _time(times: Times, contestant: str, problem: str) -> float:
    seconds = times[contestant].get(problem, np.inf)
    if not seconds > 0:
        raise ValueError(
            f"profiles: {contestant} has {seconds} s on {problem}; write seconds above 0, and inf for never"
        )
    return seconds


def _profile(ratios: np.ndarray, largest: float) -> Profile:
    factors = np.unique(ratios[np.isfinite(ratios)])
    shares = [float(np.mean(ratios <= factor)) for factor in factors]
    score = float(np.mean((largest - ratios).clip(min=0.0))) / (largest - 1.0) if len(ratios) else 0.0
    return Profile(tuple(factors.tolist()), tuple(shares), score)
