"""The trade-off between error and constraint error on a problem: a point for each search, and the Pareto set."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from study.comparison.result import EntryResult, ProblemResult, SearchResult
from study.statistics.hypervolume import SMALLEST, hypervolume
from study.statistics.middles import median_error


@dataclass(frozen=True)
class Point:
    """What a search chose: the medians over its fresh seeds of the two test errors."""

    label: str
    number: int
    search: SearchResult
    error: float
    constraint: float

    @property
    def errors(self) -> tuple[float, float]:
        """Both."""
        return self.error, self.constraint


def points(problem: ProblemResult) -> tuple[Point, ...]:
    """All of a problem's points whose medians did not fail, by entry and search; none where nothing trades off."""
    if not problem.trades_off:
        return ()
    found = [
        _point(problem, entry, number, search)
        for entry in problem.entries
        for number, search in enumerate(entry.searches, start=1)
        if search.confirmed
    ]
    return tuple(point for point in found if all(map(math.isfinite, point.errors)))


def _point(problem: ProblemResult, entry: EntryResult, number: int, search: SearchResult) -> Point:
    error, constraint = (
        median_error(run.error(metric) for run in search.confirmed)
        for metric in (problem.error, problem.constraint or "")
    )
    return Point(entry.label, number, search, error, constraint)


def front(among: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both errors, by rising error."""
    found: list[Point] = []
    for point in sorted(among, key=lambda point: point.errors):
        if not found or point.constraint < found[-1].constraint:
            found.append(point)
    return found


def hypervolumes(among: Sequence[Point]) -> dict[str, float]:
    """Entry → square decades that its points dominate, up to the largest error of any point in either direction."""
    labels = dict.fromkeys(point.label for point in among)
    if not labels:
        return {}
    reference = tuple(max(max(errors), 2 * SMALLEST) for errors in zip(*(point.errors for point in among), strict=True))
    return {
        label: hypervolume(
            (point.errors for point in among if point.label == label), reference=(reference[0], reference[1])
        )
        for label in labels
    }
