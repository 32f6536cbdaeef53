"""How soon each entry's searches reach what the best tuned baseline comes to, and on how many problems."""

import math
from statistics import median, median_high

from study.comparison.budget import history
from study.comparison.result import Comparison, EntryResult, ProblemResult
from study.statistics.targets import Profile, profiles, seconds_to_target

LARGEST_FACTOR = 4.0
"""Profiles and their scores go so far."""


def target(problem: ProblemResult, baselines: tuple[str, ...]) -> float:
    """The validation value that the best baseline's median search ends at; without baselines, the median entry's.

    Of an even number of searches the worse one of the two in the middle, so that the median time to it is known.
    """
    reached = {entry.label: _reached(entry) for entry in problem.entries}
    of_baselines = [value for label, value in reached.items() if label in baselines]
    if of_baselines:
        return min(of_baselines)
    return median(reached.values()) if reached else math.inf


def _reached(entry: EntryResult) -> float:
    best = [min((tried.value for tried in search.trials), default=math.inf) for search in entry.searches]
    return median_high(best) if best else math.inf


def times_to_target(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Entry → problem → CPU seconds of its median search until the target; inf for never."""
    targets = {problem.name: target(problem, comparison.baselines) for problem in comparison.problems}
    return {
        label: {
            problem.name: _seconds(entry, targets[problem.name])
            for problem in comparison.problems
            if (entry := problem.by_label.get(label))
        }
        for label in comparison.labels
    }


def _seconds(entry: EntryResult, level: float) -> float:
    if not entry.searches or math.isinf(level):
        return math.inf
    return seconds_to_target([history(search) for search in entry.searches], level)


def profiles_of(comparison: Comparison) -> dict[str, Profile]:
    """Entry → the share of problems whose target it reached in so many times the shortest time."""
    return profiles(times_to_target(comparison), largest_factor=LARGEST_FACTOR)
