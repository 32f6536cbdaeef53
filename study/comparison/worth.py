"""Is it worth it? On each problem the best that training with constraints, and that projecting, has come to.

For either way that entry speaks whose runs with fresh seeds have the smallest median validation error, so that no test
error picks it. It stands beside the baseline of the smallest median test error, a choice that flatters the baseline.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from study.comparison.result import Comparison, EntryResult
from study.comparison.sentences import NEARLY
from study.comparison.standing import Standing
from study.comparison.verdict import Verdict
from study.statistics.comparison import Decision

HALF, SURE = 0.5, 0.95
"""It is worth it from this ratio of test errors on, if a run has the smaller error with this probability."""


MOST_NAMED = 5
"""So many contestants are called by their names."""


class Way(StrEnum):
    """How constraints come into a network: by its training, or by a projection, after any training or none."""

    TRAINED = "training with constraints"
    PROJECTED = "projection"

    @property
    def judged_as(self) -> str:
        """What its networks are judged as."""
        return "trained" if self is Way.TRAINED else "projected"


@dataclass(frozen=True)
class Champion:
    """Who speaks for a way on a problem, and how it stands there beside the best baseline."""

    way: Way
    standing: Standing

    @property
    def halves_error(self) -> bool:
        """Whether it at least halves the error, surely enough; that of a baseline whose median run failed, if its own
        did not."""
        best, ratio = self.standing.best, self.standing.error_ratio
        halved = math.isfinite(self.standing.median.value) if ratio is None else ratio <= HALF
        return best is not None and halved and best.improvement.value >= SURE


def champions(comparison: Comparison, verdict: Verdict) -> Iterator[Champion]:
    """Of each way on each problem, as far as there is a baseline, and an entry whose median run did not fail."""
    for way in Way:
        for problem in comparison.problems:
            values = {
                entry.label: median(_validation(comparison, entry))
                for entry in problem.entries
                if _way(comparison, entry) is way
            }
            label = min(values, key=values.__getitem__, default="")
            if values.get(label, math.inf) < math.inf:
                standing = next(one for one in verdict.problems[problem.name] if one.label == label)
                if standing.best is not None:
                    yield Champion(way, standing)


def worth_in_short(comparison: Comparison, found: Sequence[Champion]) -> Iterator[str]:
    """A sentence for each way that has somebody who speaks for it."""
    for way in Way:
        if own := [one for one in found if one.way is way]:
            names = [problem.name for problem in comparison.problems]
            yield f"{way.capitalize()}{_whose(comparison, way)} {_claim(own, names)}{_price(own)}{_doubt(own)}."


def _whose(comparison: Comparison, way: Way) -> str:
    """Who trains with constraints: penalties are among the baselines, mostly, and who reads this may not know it."""
    entries = [entry for problem in comparison.problems for entry in problem.entries]
    names = dict.fromkeys(entry.contestant for entry in entries if _way(comparison, entry) is way)
    return f" ({', '.join(names)})" if way is Way.TRAINED and len(names) <= MOST_NAMED else ""


def _claim(own: Sequence[Champion], problems: Sequence[str]) -> str:
    worth = [one.standing.problem for one in own if one.halves_error]
    does = "at least halves" if worth else "is not shown to halve"
    if len(problems) == 1:
        where = problems[0]
    elif 0 < len(worth) < len(problems):
        where = f"{len(worth)} of {len(problems)} problems ({', '.join(worth)})"
    else:
        where = f"{'all' if worth else 'any of the'} {len(problems)} problems"
    return f"{does} the error of the best tuned baseline on {where}"


def _price(own: Sequence[Champion]) -> str:
    """Where what halves the error obeys the constraints less than the baseline does."""
    worth = [one.standing for one in own if one.halves_error]
    larger = [one.problem for one in worth if (one.constraint_ratio or 0.0) > NEARLY]
    where = f" on {', '.join(larger)}" if len(larger) < len(worth) else ""
    return f", with a larger constraint error{where}" if larger else ""


def _doubt(own: Sequence[Champion]) -> str:
    """Where what is claimed is what medians say, and no test."""
    worth = [one for one in own if one.halves_error]
    undecided = [one.standing.problem for one in worth if one.standing.decision is Decision.UNDECIDED]
    where = f" on {', '.join(undecided)}" if len(undecided) < len(worth) else ""
    return f", by medians; no test decides it{where}" if undecided else ""


def _way(comparison: Comparison, entry: EntryResult) -> Way | None:
    """None for a baseline, and what no constraint made. Who trains nothing has good runs without a training."""
    if comparison.is_baseline(entry.label):
        return None
    done = [run for run in entry.confirmed if not run.failed]
    solves = bool(done) and not any(run.training_seconds for run in done)
    if entry.projected or solves:
        return Way.PROJECTED
    return None if entry.free else Way.TRAINED


def _validation(comparison: Comparison, entry: EntryResult) -> list[float]:
    """Of all runs that there should be; inf for what is missing."""
    values = [run.validation for run in entry.confirmed]
    return values + [math.inf] * (comparison.studies * comparison.seeds - len(values))
