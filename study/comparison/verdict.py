"""The verdict of a comparison: how every entry stands on each problem, and on all of them, beside tuned baselines.

A *baseline* is a contestant, as trained, that the comparison names as such. An entry is *better* on a problem if the
test says so against every baseline, *worse* if it says so against at least one, else *undecided*: what the seeds cannot
tell is not told. The *best* baseline is the one with the smallest median test error. That chooses by test data, which
flatters the baseline, never the entry.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from study.comparison.estimates import failure_rate, holm, improvement, iqm, p_value, ratio
from study.comparison.estimates import median as median_estimate
from study.comparison.result import PROJECTED, Comparison, EntryResult, ErrorTable, ProblemResult
from study.comparison.standing import Against, Decision, Overall, Seconds, Standing


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


def judge(comparison: Comparison) -> Verdict:
    """The verdict, from the test errors of the runs with fresh seeds alone."""
    tables = {problem.name: _tables(problem, comparison.seeds) for problem in comparison.problems}
    problems = {
        problem.name: _standings(problem, tables[problem.name], comparison.baselines) for problem in comparison.problems
    }
    overall = [_overall(comparison, problems, tables, label) for label in comparison.labels]
    return Verdict(problems, tuple(sorted(overall, key=_rank)))


def _tables(problem: ProblemResult, seeds: int) -> Tables:
    errors = {entry.label: entry.errors(problem.error, seeds=seeds) for entry in problem.entries}
    metric = problem.constraint if problem.trades_off else None
    return Tables(errors, {one.label: one.errors(metric, seeds=seeds) for one in problem.entries} if metric else {})


def _standings(problem: ProblemResult, tables: Tables, baselines: Sequence[str]) -> tuple[Standing, ...]:
    ranked = sorted(
        (name for name in tables.errors if name in baselines), key=lambda name: _middle(tables.errors[name])
    )
    against = _comparisons(tables.errors, ranked)
    standings = [_standing(problem, tables, entry, against[entry.label]) for entry in problem.entries]
    return tuple(sorted(standings, key=lambda standing: standing.median.value))


def _comparisons(errors: Mapping[str, ErrorTable], baselines: Sequence[str]) -> dict[str, tuple[Against, ...]]:
    """Every entry against every other baseline, the best first; Holm corrects for all of them."""
    pairs = [(label, baseline) for label in errors for baseline in baselines if baseline != label]
    corrected = holm([p_value(errors[label], errors[baseline]) for label, baseline in pairs])
    found: dict[str, list[Against]] = {label: [] for label in errors}
    for (label, baseline), p in zip(pairs, corrected, strict=True):
        found[label].append(Against(baseline, improvement(errors[label], errors[baseline]), p))
    return {label: tuple(among) for label, among in found.items()}


def _standing(problem: ProblemResult, tables: Tables, entry: EntryResult, against: tuple[Against, ...]) -> Standing:
    errors, constraint, seconds = tables.errors[entry.label], tables.constraint.get(entry.label), seconds_of(entry)
    standing = Standing(
        problem=problem.name,
        label=entry.label,
        median=median_estimate(errors),
        iqm=iqm(errors),
        constraint=median_estimate(constraint) if constraint else None,
        failures=failure_rate(errors),
        seconds=seconds,
        against=against,
    )
    if not against:
        return standing
    best = against[0].baseline
    return replace(
        standing,
        best=best,
        ratio=ratio([(errors, tables.errors[best])]),
        constraint_ratio=quotient(_middle(constraint), _middle(tables.constraint[best])) if constraint else None,
        cost_ratio=quotient(seconds.network, seconds_of(problem.by_label[best]).network),
    )


def seconds_of(entry: EntryResult) -> Seconds:
    """Medians over the runs with fresh seeds, and over the searches."""
    return Seconds(
        training=_median(run.training_seconds for run in entry.confirmed),
        projection=_median(run.projection_seconds for run in entry.confirmed),
        tuning=_median(search.cpu_seconds for search in entry.searches),
    )


def quotient(value: float, other: float) -> float:
    """value / other; 1 where both are 0 or both inf."""
    if value == other:
        return 1.0
    return value / other if other else math.inf


def _overall(
    comparison: Comparison, problems: Mapping[str, Sequence[Standing]], tables: Mapping[str, Tables], label: str
) -> Overall:
    own = tuple(one for standings in problems.values() for one in standings if one.label == label)
    beside = [(tables[one.problem].errors, one.best) for one in own if one.best]
    failed = [value == math.inf for one in own for row in tables[one.problem].errors[label] for value in row]
    contestant = label.removesuffix(PROJECTED)
    return Overall(
        label=label,
        baseline=comparison.is_baseline(label),
        standings=own,
        refused={one.name: one.refused[contestant] for one in comparison.problems if contestant in one.refused},
        ratio=ratio([(errors[label], errors[best]) for errors, best in beside]) if beside else None,
        constraint_ratio=_over_problems(one.constraint_ratio for one in own),
        cost_ratio=_over_problems(one.cost_ratio for one in own),
        failures=sum(failed) / len(failed),
    )


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
    return _median(value for row in table for value in row)


def _median(values: Iterable[float]) -> float:
    listed = list(values)
    return median(listed) if listed else math.nan
