"""The verdict in words: one sentence for each entry, which says no more than the runs do."""

import math
from collections.abc import Iterator, Sequence

from study.comparison.standing import Overall, Standing
from study.statistics.comparison import LEVEL, Decision
from study.statistics.estimate import Estimate

MOST_NAMES = 2
"""So many problems are called by their names."""

NEARLY = 1.05
"""Ratios nearer to 1 are 1 in two digits."""

MANY = 10
"""Entries among which three or four searches decide little."""

WIDEST, TOO_WIDE = 1e6, "interval too wide to tell"
"""Intervals are told whose ends are at most so many times each other."""

CLAIMS = {
    Decision.BETTER: "better than every {other}tuned baseline",
    Decision.UNDECIDED: "undecided",
    Decision.WORSE: "worse than at least one",
}
"""In the order in which they are said."""


def sentence(overall: Overall) -> str:
    """What a colleague would quote of this entry: where it is better, by how much, and at which cost."""
    nothing = ["takes part in no problem"]
    parts = [_decisions(overall), *_together(overall), *_sizes(overall)] if overall.standings else nothing
    return f"{overall.label}: {'; '.join([*parts, *absence(overall)])}."


def absence(overall: Overall) -> Iterator[str]:
    """In which problems it does not take part, and why; without what one would write to change that."""
    by_reason: dict[str, list[str]] = {}
    for problem, reason in overall.refused.items():
        by_reason.setdefault(reason.partition("; ")[0], []).append(problem)
    if by_reason:
        reasons = [f"{_listed(problems)} ({reason})" for reason, problems in by_reason.items()]
        yield f"absent from {_listed(reasons)}"


def undecidable(baselines: Sequence[str], studies: int, seeds: int, entries: int) -> Iterator[str]:
    """What a comparison of so many entries, searches of each problem and seeds cannot tell, known before it runs."""
    if not baselines:
        yield "There is no baseline, so nothing is called better or worse."
    if studies == 1:
        yield "One search of each: intervals and decisions are about the settings that it found, not about others."
    if studies == 1 and 2.0 ** (1 - seeds) * entries > LEVEL:
        yield (
            f"{seeds} seeds of one search decide nothing on a single problem among {entries} entries: there are too "
            "few of them."
        )
    if studies == 2:
        yield (
            "Two searches of each can decide nothing on a single problem, however far apart they are; three can, five "
            "do so more often."
        )
    if studies in (3, 4) and entries > MANY:
        yield (
            "Few searches decide little among so many entries: a factor of 10 may well stay undecided, which it does "
            "less with five. The ratios and their intervals say how far apart entries are."
        )


def _decisions(overall: Overall) -> str:
    """Better than every tuned baseline on 4 of 6 problems, undecided on 1 (burgers), worse than at least one on 1."""
    decided = {decision: overall.problems(decision) for decision in CLAIMS}
    other = "other " if overall.baseline else ""
    if not any(decided.values()):
        return f"no {other}tuned baseline to compare it with"
    if len(overall.standings) == 1:
        claim = next(decision for decision, names in decided.items() if names)
        return _alone(claim, other=other, problem=overall.standings[0].problem)
    total = sum(map(len, decided.values()))
    said = [(claim.format(other=other), decided[decision]) for decision, claim in CLAIMS.items() if decided[decision]]
    if said[0][0] == CLAIMS[Decision.WORSE]:
        said[0] = f"worse than at least one {other}tuned baseline", said[0][1]
    return ", ".join(f"{claim} on {_count(names, total, first=not index)}" for index, (claim, names) in enumerate(said))


def _together(overall: Overall) -> Iterator[str]:
    """What is claimed of all problems at once."""
    if overall.together is not None and overall.together.decision is not Decision.UNDECIDED:
        other = "other " if overall.baseline else ""
        claim = CLAIMS[overall.together.decision].format(other=other)
        least = f" {other}tuned baseline" * (overall.together.decision is Decision.WORSE)
        yield f"over all problems together {claim}{least}"


def _alone(decision: Decision, *, other: str, problem: str) -> str:
    if decision is Decision.UNDECIDED:
        return f"neither better than every {other}tuned baseline nor worse than one on {problem}: undecided"
    return (
        CLAIMS[decision].format(other=other)
        + (f" {other}tuned baseline" * (decision is Decision.WORSE))
        + f" on {problem}"
    )


def _count(names: Sequence[str], total: int, *, first: bool) -> str:
    if total == 1:
        return f"{names[0]} alone"
    if len(names) == total:
        return f"all {total} problems"
    count = f"{len(names)} of {total} problems" if first else str(len(names))
    return f"{count} ({', '.join(names)})" if len(names) <= MOST_NAMES else count


def _sizes(overall: Overall) -> Iterator[str]:
    """Errors, failures and cost beside the best baseline's."""
    medians = [standing.median.value for standing in overall.standings]
    if min(medians) == math.inf:
        yield "its median run failed"
    elif overall.ratio:
        yield _errors(overall.ratio, exact=0 in medians) + _range(overall.standings)
    elif len(overall.standings) == 1:
        yield f"median error {_error(overall.standings[0].median)}"
    if overall.constraint_ratio is not None:
        yield _constraint(overall.constraint_ratio)
    if overall.failures:
        yield f"{_percent(overall.failures)} of its runs failed"
    if overall.cost_ratio is not None and math.isfinite(overall.cost_ratio):
        yield f"costs {number(overall.cost_ratio)} × the CPU seconds"


def _errors(ratio: Estimate, *, exact: bool) -> str:
    if ratio.value == math.inf:
        return "its median run failed"
    if ratio.value == 0 and not exact:
        return "the best baseline's median run failed"
    return f"median error {number(ratio.value)} × the best baseline's{_interval(ratio)}"


def _range(standings: Sequence[Standing]) -> str:
    """Between which ratios of medians that lies, by problem; nothing where two digits tell them not apart."""
    ratios = [(one.error_ratio, one.problem) for one in standings if one.error_ratio is not None]
    known = sorted((ratio, problem) for ratio, problem in ratios if 0 < ratio < math.inf)
    if not known or number(known[0][0]) == number(known[-1][0]):
        return ""
    (least, best), (most, worst) = known[0], known[-1]
    return f", from {number(least)} × on {best} to {number(most)} × on {worst}"


def _error(middle: Estimate) -> str:
    return f"{number(middle.value)}{_interval(middle)}"


def _interval(estimate: Estimate) -> str:
    if estimate.interval is None:
        return " (too few runs for an interval)"
    low, high = estimate.interval
    return f" ({TOO_WIDE})" if too_wide(estimate) else f" (95 % interval {number(low)} to {number(high)})"


def too_wide(estimate: Estimate) -> bool:
    """Whether its interval holds almost any error, or ratio, as that of two searches that differ does."""
    low, high = estimate.interval or (1.0, 1.0)
    return (low, high) == (0.0, math.inf) or 0 < low * WIDEST < high < math.inf


def _constraint(ratio: float) -> str:
    if ratio == 0:
        return "no constraint error"
    if ratio == math.inf:
        return "constraint error not measured, since runs failed"
    if 1 / NEARLY < ratio < NEARLY:
        return "the same constraint error"
    size = f"{number(1 / ratio)} × smaller" if ratio < 1 else f"{number(ratio)} × larger"
    return f"constraint error {size}"


def _listed(names: Sequence[str]) -> str:
    """a, b and c."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def number(value: float) -> str:
    """In two digits, as one says it: 0.21, 2.1, 340, 1.2e6."""
    if value == math.inf:
        return "∞"
    if not value:
        return "0"
    short = f"{value:.1e}"
    exponent = int(short.partition("e")[2])
    if not -4 <= exponent <= 5:
        return f"{short.partition('e')[0]}e{exponent}"
    rounded = float(short)
    return f"{rounded:.0f}" if exponent >= 1 else f"{rounded:.{1 - exponent}f}"
