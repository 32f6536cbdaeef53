"""What projecting changed: the errors of each network after its projection beside its own before.

The network is the same, so that neither its seed nor its training is part of the difference. Whoever was to be chosen
as projected was chosen by what it is worth after its projection.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from cnn_core.metrics import WORST
from study.comparison.result import Comparison, EntryResult, ProblemResult
from study.comparison.sentences import number
from study.comparison.verdict import quotient


@dataclass(frozen=True)
class Gain:
    """After over before, of all fresh runs of a projected entry that had a test error before: the median, the extremes.

    `constraint_ratio` is the median for the constraint error; None where that is not apart from the error.
    """

    problem: str
    label: str
    ratios: tuple[float, ...]
    constraint_ratio: float | None

    @property
    def ratio(self) -> float:
        """The median; inf where most projections failed."""
        return median(self.ratios)

    @property
    def improved(self) -> int:
        """How many runs have a smaller test error than before."""
        return sum(ratio < 1 for ratio in self.ratios)


def gains(comparison: Comparison) -> Iterator[Gain]:
    """By problem, of all entries that are networks which were trained and then projected."""
    for problem in comparison.problems:
        for entry in problem.entries:
            if ratios := _ratios(entry, problem.error):
                yield Gain(problem.name, entry.label, ratios, _constraint_ratio(problem, entry))


def in_short(comparison: Comparison, found: Sequence[Gain]) -> Iterator[str]:
    """A sentence for all of them together, if there is any."""
    if not found:
        return
    ratios = {
        problem.name: [ratio for one in found if one.problem == problem.name for ratio in one.ratios]
        for problem in comparison.problems
    }
    medians = [f"{number(median(own))} × on {name}" for name, own in ratios.items() if own]
    runs, improved = sum(map(len, ratios.values())), sum(one.improved for one in found)
    yield (
        f"Projecting a trained network lowers its test error in {improved} of {runs} runs with fresh seeds; medians of "
        f"after over before: {', '.join(medians)}."
    )


def _constraint_ratio(problem: ProblemResult, entry: EntryResult) -> float | None:
    ratios = _ratios(entry, problem.constraint) if problem.trades_off and problem.constraint else ()
    return median(ratios) if ratios else None


def _ratios(entry: EntryResult, metric: str) -> tuple[float, ...]:
    return tuple(
        quotient(run.error(metric), before)
        for run in entry.confirmed
        if (before := run.before.get(metric, math.inf)) < WORST
    )
