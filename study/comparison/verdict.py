"""The verdict of a comparison: how every entry stands on each problem, and on all of them, beside tuned baselines.

A *baseline* is a contestant, as trained, that the comparison names as such. Of each entry one thing is claimed on a
problem: that it is better than every baseline, if all ratios of errors say so, or else worse than at least one. "Better
than every" needs each comparison to hold, so its p is the largest of theirs (an intersection–union test, Berger 1982,
Technometrics 24); that of "worse than at least one" is the smallest after Holm's correction for the baselines. The
claims of all entries on a problem are corrected by Holm in turn, so that any of them is false with a probability of
5 % at most; of 400 made-up problems with six entries that do not differ, 1.8 % had a claim, with three searches of each
and with five. What the runs cannot tell is undecided.

All this holds where medians of searches are about normal in decades. Where searches come to one of two ends, three
decades apart, three of one entry all come to the good end and three of a baseline to the bad one often enough: of 100
problems with 10 baselines and 16 entries that do not differ 58 had a false "worse", with five searches 10, and none a
false "better". And so many claims need much: an entry that is 10 (100) times better than 10 baselines, among 26, with
searches that spread 0.15 decades and five seeds, was called better in 0 (12) % of 50 with three searches, in 56 (100) %
with five.

Of all problems together the same is claimed by `study.statistics.strata`, a test of ranks that takes nothing for
normal, and corrected likewise for all entries.

The *best* baseline is the one with the smallest median test error. That chooses by test data, which flatters the
baseline, never the entry.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from study.comparison.result import PROJECTED, Comparison, EntryResult, ErrorTable, ProblemResult
from study.comparison.standing import Against, Claim, Overall, Seconds, Standing
from study.statistics.aggregate import aggregate
from study.statistics.comparison import LEVEL, Decision, compare, decide
from study.statistics.estimate import Estimate, estimate
from study.statistics.failures import failure_rate
from study.statistics.holm import holm
from study.statistics.middles import interquartile_mean, median_error
from study.statistics.strata import Together, compare_together


@dataclass(frozen=True)
class Verdict:
    """All standings by problem, the smallest median first, and each entry's overall, the best first."""

    problems: dict[str, tuple[Standing, ...]]
    overall: tuple[Overall, ...]


@dataclass(frozen=True)
class Tables:
    """The test errors on one problem by entry, and those of the constraints, as far as they are measured."""

    errors: dict[str, ErrorTable]
    constraint: dict[str, ErrorTable]


class Beside(NamedTuple):
    """An entry beside one baseline: below 0 it is the better one; p by itself, and corrected for all baselines."""

    excess: float
    p_value: float
    corrected: float


def judge(comparison: Comparison) -> Verdict:
    """The verdict, from the test errors of the runs with fresh seeds alone."""
    tables = {problem.name: _tables(comparison, problem) for problem in comparison.problems}
    problems = {
        problem.name: _standings(problem, tables[problem.name], comparison.baselines) for problem in comparison.problems
    }
    together = _claims(_together(comparison, tables))
    overall = [_overall(comparison, problems, tables, label, together.get(label)) for label in comparison.labels]
    return Verdict(problems, tuple(sorted(overall, key=_rank)))


def _tables(comparison: Comparison, problem: ProblemResult) -> Tables:
    errors, constraint = (
        {one.label: one.errors(metric, studies=comparison.studies, seeds=comparison.seeds) for one in problem.entries}
        for metric in (problem.error, problem.constraint or "")
    )
    return Tables(errors, constraint if problem.trades_off else {})


def _standings(problem: ProblemResult, tables: Tables, baselines: Sequence[str]) -> tuple[Standing, ...]:
    ranked = sorted(
        (name for name in tables.errors if name in baselines), key=lambda name: _middle(tables.errors[name])
    )
    against = {label: _against(label, tables.errors, ranked) for label in tables.errors}
    claims = _claims({label: [_beside(one) for one in among] for label, among in against.items()})
    standings = [
        _standing(problem, tables, entry, against[entry.label], claims.get(entry.label)) for entry in problem.entries
    ]
    return tuple(sorted(standings, key=lambda standing: standing.median.value))


def _beside(against: Against) -> Beside:
    return Beside(against.ratio.value - 1, against.p_value, against.corrected)


def _against(label: str, errors: Mapping[str, ErrorTable], baselines: Sequence[str]) -> tuple[Against, ...]:
    """The entry beside every other baseline, in their order."""
    compared = {name: compare(errors[label], errors[name]) for name in baselines if name != label}
    decided = decide(compared)
    return tuple(
        Against(name, one.ratio, one.improvement, one.p_value, decided[name].p_value, decided[name].decision)
        for name, one in compared.items()
    )


def _together(comparison: Comparison, tables: Mapping[str, Tables]) -> dict[str, list[Beside]]:
    """Every entry beside the other baselines on all problems on which both took part.

    Where it has several problems in common with none of them, there is nothing to claim of problems together. One that
    was refused elsewhere counts, too, before it is called better than every baseline.
    """
    found: dict[str, list[Beside]] = {}
    for label in comparison.labels:
        pairs = [
            [(one.errors[label], one.errors[name]) for one in tables.values() if {label, name} <= set(one.errors)]
            for name in comparison.baselines
            if name != label
        ]
        several = [compare_together(pair) for pair in pairs if len(pair) > 1]
        corrected = holm([one.p_value for one in several])
        found[label] = [Beside(0.5 - one.share, one.p_value, p) for one, p in zip(several, corrected, strict=True)]
        if several:
            found[label] += [_once(compare_together(pair)) for pair in pairs if len(pair) == 1]
    return found


def _once(together: Together) -> Beside:
    """Beside a baseline of one common problem: being worse there says nothing of all, but forbids to be better."""
    return Beside(0.5 - together.share, together.p_value, 1.0)


def _claims(beside: Mapping[str, Sequence[Beside]]) -> dict[str, Claim]:
    """Each entry's claim that has baselines to be compared with, corrected for all of them."""
    tentative = {label: _tentative(among) for label, among in beside.items() if among}
    corrected = holm([claim.p_value for claim in tentative.values()])
    return {
        label: Claim(claim.decision if p_value <= LEVEL else Decision.UNDECIDED, p_value)
        for (label, claim), p_value in zip(tentative.items(), corrected, strict=True)
    }


def _tentative(among: Sequence[Beside]) -> Claim:
    """What would be claimed of an entry alone."""
    if all(one.excess < 0 for one in among):
        return Claim(Decision.BETTER, max(one.p_value for one in among))
    worse = [one.corrected for one in among if one.excess > 0]
    return Claim(Decision.WORSE, min(worse)) if worse else Claim(Decision.UNDECIDED, 1.0)


def _standing(
    problem: ProblemResult, tables: Tables, entry: EntryResult, against: tuple[Against, ...], claim: Claim | None
) -> Standing:
    errors, constraint, seconds = tables.errors[entry.label], tables.constraint.get(entry.label), seconds_of(entry)
    best = problem.by_label[against[0].baseline] if against else None
    return Standing(
        problem=problem.name,
        label=entry.label,
        median=estimate(errors),
        mean=estimate(errors, interquartile_mean),
        constraint=estimate(constraint) if constraint else None,
        failures=failure_rate(errors),
        seconds=seconds,
        against=against,
        claim=claim,
        error_ratio=_measured(errors, tables.errors[best.label]) if best else None,
        constraint_ratio=_measured(constraint, tables.constraint[best.label]) if constraint and best else None,
        cost_ratio=_known(seconds.network, seconds_of(best).network) if best else None,
    )


def seconds_of(entry: EntryResult) -> Seconds:
    """Medians over the runs with fresh seeds, and over the searches."""
    return Seconds(
        training=_median(run.training_seconds for run in entry.confirmed),
        projection=_median(run.projection_seconds for run in entry.confirmed),
        tuning=_median(search.cpu_seconds for search in entry.searches),
    )


def _measured(own: ErrorTable, best: ErrorTable) -> float | None:
    """The ratio of medians; None where that of the best baseline failed, beside which nothing can be said."""
    return None if _middle(best) == math.inf else quotient(_middle(own), _middle(best))


def _known(seconds: float, best: float) -> float | None:
    """The ratio of costs; None where no network was trained with fresh seeds."""
    return None if math.isnan(seconds) or math.isnan(best) else quotient(seconds, best)


def quotient(value: float, other: float) -> float:
    """value / other; 1 where both are 0 or both inf."""
    if value == other:
        return 1.0
    return value / other if other else math.inf


def _overall(
    comparison: Comparison,
    problems: Mapping[str, Sequence[Standing]],
    tables: Mapping[str, Tables],
    label: str,
    together: Claim | None,
) -> Overall:
    own = tuple(one for standings in problems.values() for one in standings if one.label == label)
    failed = [value == math.inf for one in own for row in tables[one.problem].errors[label] for value in row]
    contestant = label.removesuffix(PROJECTED)
    return Overall(
        label=label,
        baseline=comparison.is_baseline(label),
        standings=own,
        refused={one.name: one.refused[contestant] for one in comparison.problems if contestant in one.refused},
        together=together,
        ratio=_ratio(own, tables),
        constraint_ratio=_over_problems(one.constraint_ratio for one in own),
        cost_ratio=_over_problems(one.cost_ratio for one in own),
        failures=sum(failed) / len(failed),
    )


def _ratio(standings: Iterable[Standing], tables: Mapping[str, Tables]) -> Estimate | None:
    """Errors over the best baseline's median, on all problems where there is one."""
    known = [(tables[one.problem].errors, one.label, one.best.baseline) for one in standings if one.best]
    own, best = [errors[label] for errors, label, _ in known], [errors[baseline] for errors, _, baseline in known]
    return aggregate(own, best) if known else None


def _rank(overall: Overall) -> tuple[int, int, float]:
    """More problems on which it is better, then fewer on which it is worse, then smaller errors."""
    better, worse = (len(overall.problems(decision)) for decision in (Decision.BETTER, Decision.WORSE))
    return (
        -better,
        worse,
        overall.ratio.value if overall.ratio else _median(one.median.value for one in overall.standings),
    )


def _over_problems(ratios: Iterable[float | None]) -> float | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return _median(known) if known else None


def _middle(table: ErrorTable) -> float:
    return median_error(error for row in table for error in row)


def _median(values: Iterable[float]) -> float:
    listed = list(values)
    return median(listed) if listed else math.nan
