"""What a comparison says first."""

import math
from collections.abc import Iterator

from study.analysis.measured import FAR
from study.comparison.gains import gains, gains_in_short
from study.comparison.result import SOLUTION, Comparison
from study.comparison.sentences import number
from study.comparison.verdict import Verdict
from study.comparison.worth import champions, worth_in_short
from study.statistics.middles import median_error

NO_BETTER_THAN_HALF = 0.5
"""A relative error from which on nobody would use a network."""


def headline(comparison: Comparison, verdict: Verdict) -> Iterator[str]:
    """A sentence each: where nobody solved the problem, whether training with constraints is worth it, projection is,
    and what that changes.

    Of a comparison that goes on they say that it is so far.
    """
    for said in (
        *_unlearned(comparison, verdict),
        *worth_in_short(comparison, list(champions(comparison, verdict))),
        *gains_in_short(comparison, list(gains(comparison))),
    ):
        yield said if comparison.ended is not None else f"So far, {said[0].lower()}{said[1:]}"


def _unlearned(comparison: Comparison, verdict: Verdict) -> Iterator[str]:
    """A sentence for each problem on which no entry came near to the truth, or to the data."""
    for problem in comparison.problems:
        error = min((one.median.value for one in verdict.problems[problem.name]), default=0.0)
        errors = [median_error(entry.data_errors) for entry in problem.entries]
        misfit = min(errors, default=0.0) / (problem.noise or math.inf)
        if error == math.inf:
            yield f"On {problem.name} the median run of every entry failed."
        elif problem.error == SOLUTION and error >= NO_BETTER_THAN_HALF and (problem.noise is None or misfit > FAR):
            yield (
                f"On {problem.name} no entry learned the solution: the smallest median relative error is "
                f"{number(error)}, and zero everywhere has 1; ratios there compare failures."
            )
        elif misfit > FAR:
            yield (
                f"On {problem.name} no entry comes down to the errors of measurement: the smallest median data error "
                f"is {number(misfit)} times what these leave."
            )
