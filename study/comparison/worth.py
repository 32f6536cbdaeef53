"""Is it worth it? On each problem the best that training with constraints, and that projecting, has come to.

For either way that entry speaks whose runs with fresh seeds have the smallest median validation error, so that no test
error picks it. It stands beside the baseline of the smallest median test error, a choice that flatters the baseline.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from study.comparison.result import Comparison, EntryResult
from study.comparison.standing import Standing
from study.comparison.verdict import Verdict

HALF, SURE = 0.5, 0.95
"""It is worth it from this ratio of test errors on, if a run has the smaller error with this probability."""


class Way(StrEnum):
    """How constraints come into a network: by its training, or by a projection, after any training or none."""

    TRAINED = "training with constraints"
    PROJECTED = "projection"


@dataclass(frozen=True)
class Champion:
    """Who speaks for a way on a problem, and how it stands there beside the best baseline."""

    way: Way
    standing: Standing

    @property
    def worth_it(self) -> bool:
        """Whether it at least halves the error, surely enough."""
        best, ratio = self.standing.best, self.standing.error_ratio
        return best is not None and ratio is not None and ratio <= HALF and best.improvement.value >= SURE


def champions(comparison: Comparison, verdict: Verdict) -> Iterator[Champion]:
    """Of each way on each problem, as far as somebody took it and there is a baseline."""
    for way in Way:
        for problem in comparison.problems:
            among = [entry for entry in problem.entries if _way(comparison, entry) is way and entry.confirmed]
            if among:
                label = min(among, key=_validation).label
                standing = next(one for one in verdict.problems[problem.name] if one.label == label)
                if standing.best is not None:
                    yield Champion(way, standing)


def in_short(found: Sequence[Champion]) -> Iterator[str]:
    """A sentence for each way that somebody took."""
    for way in Way:
        if own := [one for one in found if one.way is way]:
            yield f"{way.capitalize()} {_claim(own)}."


def _claim(own: Sequence[Champion]) -> str:
    worth = [one.standing.problem for one in own if one.worth_it]
    does = "at least halves" if worth else "does not halve"
    if len(own) == 1:
        where = own[0].standing.problem
    elif 0 < len(worth) < len(own):
        where = f"{len(worth)} of {len(own)} problems ({', '.join(worth)})"
    else:
        where = f"{'all' if worth else 'any of'} {len(own)} problems"
    return f"{does} the error of the best tuned baseline on {where}"


def _way(comparison: Comparison, entry: EntryResult) -> Way | None:
    """None for a baseline."""
    if entry.projected or not any(run.training_seconds for run in entry.confirmed):
        return Way.PROJECTED
    return None if comparison.is_baseline(entry.label) else Way.TRAINED


def _validation(entry: EntryResult) -> float:
    return median(run.validation for run in entry.confirmed)
