"""What projecting changed: the error of each network that was judged as trained beside its own after a projection.

The network is the same, so that neither its seed nor its training is part of the difference, and it was chosen by what
it was worth before: the choice does not flatter its projection.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from study.comparison.result import Comparison, EntryResult, ProblemResult
from study.comparison.sentences import number
from study.comparison.verdict import quotient
from study.statistics.middles import median_error


@dataclass(frozen=True)
class Gain:
    """After over before, of all fresh runs of a contestant that have an error before; inf where the projection failed.

    `constraint_ratio` is the median for the constraint error. `unknown` counts the other runs: whose training or
    projection ended in an error, or diverged before it.
    """

    problem: str
    contestant: str
    ratios: tuple[float, ...]
    constraint_ratio: float
    unknown: int

    @property
    def lower(self) -> int:
        """How many networks have a smaller test error after their projection."""
        return sum(ratio < 1 for ratio in self.ratios)

    @property
    def higher(self) -> int:
        """How many have a larger one. The others were not moved, or back."""
        return sum(ratio > 1 for ratio in self.ratios)


def gains(comparison: Comparison) -> Iterator[Gain]:
    """By problem, of all contestants whose trained networks were projected.

    Problems whose error is that of the constraints themselves are left out: projecting is lowering it.
    """
    for problem in comparison.problems:
        for entry in problem.entries if problem.trades_off else ():
            if gain := _gain(problem, entry):
                yield gain


def gains_in_short(comparison: Comparison, found: Sequence[Gain]) -> Iterator[str]:
    """A sentence for all of them together, if there is any."""
    if not found:
        return
    names = [problem.name for problem in comparison.problems]
    by_problem = {name: [ratio for one in found if one.problem == name for ratio in one.ratios] for name in names}
    medians = [f"{number(median_error(ratios))} × on {name}" for name, ratios in by_problem.items() if ratios]
    networks, lower = sum(map(len, by_problem.values())), sum(one.lower for one in found)
    failed = sum(one.unknown for one in found)
    others = f" ({failed} more failed)" if failed else ""
    yield (
        f"Projecting lowers the test error of {lower} of {networks} trained networks{others}; error after over before, "
        f"in the median: {', '.join(medians)}."
    )


def _gain(problem: ProblemResult, entry: EntryResult) -> Gain | None:
    known = [run for run in entry.confirmed if run.after and run.error(problem.error) < math.inf]
    if not known or problem.constraint is None:
        return None
    ratios, constraint = (
        [quotient(run.error_after(metric), run.error(metric)) for run in known]
        for metric in (problem.error, problem.constraint)
    )
    unknown = len(entry.confirmed) - len(known)
    return Gain(problem.name, entry.label, tuple(ratios), median_error(constraint), unknown)
