"""What a comparison says first."""

import math
from collections.abc import Iterator, Sequence

from study.analysis.measured import FAR
from study.comparison.gains import gains, gains_in_short
from study.comparison.result import Comparison, ProblemResult
from study.comparison.sentences import number
from study.comparison.standing import Standing
from study.comparison.verdict import Verdict
from study.comparison.worth import champions, worth_in_short
from study.statistics.middles import median_error

RELATIVE, DATA = "test/relative_l2", "test/data_mse"

FAR_OFF = 0.5
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
        if why := _why_unlearned(problem, verdict.problems[problem.name]):
            yield f"On {problem.name} no entry is of use: {why}; ratios there compare failures."


def _why_unlearned(problem: ProblemResult, standings: Sequence[Standing]) -> str | None:
    error = min((one.median.value for one in standings), default=0.0)
    if error == math.inf:
        return "the median run of each failed"
    if problem.error == RELATIVE and error > FAR_OFF:
        return f"the smallest median of {RELATIVE} is {number(error)}, and zero everywhere has 1"
    if problem.noise is None:
        return None
    misfits = [median_error([run.error(DATA) for run in entry.confirmed] or [math.inf]) for entry in problem.entries]
    if (times := min(misfits) / problem.noise) > FAR:
        return f"the smallest median of {DATA} is {number(times)} times what errors of measurement leave"
    return None
