"""The CSV files beside a comparison's page: every figure with all its digits, and the MLflow runs that it is from."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from study.comparison.budget import best_after_seconds, best_after_trials
from study.comparison.fronts import front, hypervolumes, points
from study.comparison.gains import gains
from study.comparison.result import Comparison, EntryResult, SearchResult, Source
from study.comparison.sections import sections_by_entry
from study.comparison.standing import Standing
from study.comparison.targets import profiles_of, times_to_target
from study.comparison.verdict import Verdict
from study.comparison.worth import champions
from study.statistics.comparison import Decision
from study.statistics.estimate import Estimate
from study.statistics.middles import median_error

Row = dict[str, Any]


def all_rows(comparison: Comparison, verdict: Verdict) -> dict[str, list[Row]]:
    """Name of the file → its rows."""
    rows: dict[str, Callable[[], Iterator[Row]]] = {
        "worth.csv": lambda: _worth(comparison, verdict),
        "verdict.csv": lambda: _overall(verdict),
        "intervals.csv": lambda: _standings(comparison, verdict),
        "against.csv": lambda: _against(verdict),
        "gains.csv": lambda: _gains(comparison),
        "budget.csv": lambda: _budget(comparison),
        "targets.csv": lambda: _targets(comparison),
        "fronts.csv": lambda: _fronts(comparison),
        "sections.csv": lambda: _sections(comparison),
        "importance.csv": lambda: _importance(comparison),
        "settings.csv": lambda: _settings(comparison),
        "runs.csv": lambda: _runs(comparison),
        "trials.csv": lambda: _trials(comparison),
    }
    return {name: _alike(list(make())) for name, make in rows.items()}


def _alike(rows: Sequence[Row]) -> list[Row]:
    """All with the union of their columns."""
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _worth(comparison: Comparison, verdict: Verdict) -> Iterator[Row]:
    for one in champions(comparison, verdict):
        best = one.standing.best
        yield (
            {"way": str(one.way), "problem": one.standing.problem, "entry": one.standing.label}
            | {"median": one.standing.median.value, "best_baseline": best and best.baseline}
            | {"ratio_of_medians": one.standing.error_ratio}
            | _estimate("improvement", best and best.improvement)
            | {"constraint_ratio": one.standing.constraint_ratio, "cost_ratio": one.standing.cost_ratio}
            | {"halves_error": one.halves_error}
        )


def _overall(verdict: Verdict) -> Iterator[Row]:
    for one in verdict.overall:
        yield (
            {"entry": one.label, "baseline": one.baseline}
            | {str(decision): len(one.problems(decision)) for decision in Decision}
            | {"refused": " ".join(one.refused)}
            | {"together": one.together and str(one.together.decision)}
            | {"together_p_value": one.together and one.together.p_value}
            | _estimate("error_ratio", one.ratio)
            | {"constraint_ratio": one.constraint_ratio, "cost_ratio": one.cost_ratio, "failures": one.failures}
        )


def _standings(comparison: Comparison, verdict: Verdict) -> Iterator[Row]:
    for problem in comparison.problems:
        entries = problem.by_label
        for one in verdict.problems[problem.name]:
            yield (
                {"problem": problem.name, "entry": one.label, "metric": problem.error}
                | _estimate("median", one.median)
                | _estimate("interquartile_mean", one.mean)
                | _estimate("constraint_median", one.constraint)
                | _estimate("failures", one.failures)
                | _claim(one)
                | {"training_s": _known(one.seconds.training), "projection_s": _known(one.seconds.projection)}
                | {"tuning_s": one.seconds.tuning, "runs": _runs_of(entries[one.label])}
            )


def _known(seconds: float) -> float | None:
    """None where no network was trained with fresh seeds."""
    return None if math.isnan(seconds) else seconds


def _claim(one: Standing) -> Row:
    return {
        "decision": one.decision,
        "p": one.claim.p_value if one.claim else None,
        "best_baseline": one.best.baseline if one.best else None,
        **_estimate("ratio_of_searches", one.best.ratio if one.best else None),
        "constraint_ratio": one.constraint_ratio,
        "cost_ratio": one.cost_ratio,
    }


def _against(verdict: Verdict) -> Iterator[Row]:
    for standings in verdict.problems.values():
        for standing in standings:
            for one in standing.against:
                yield (
                    {"problem": standing.problem, "entry": standing.label, "baseline": one.baseline}
                    | _estimate("ratio_of_searches", one.ratio)
                    | _estimate("improvement", one.improvement)
                    | {"p": one.p_value, "p_corrected": one.corrected, "decision": one.decision}
                )


def _gains(comparison: Comparison) -> Iterator[Row]:
    for gain in gains(comparison):
        yield (
            {"problem": gain.problem, "contestant": gain.contestant, "runs": len(gain.ratios)}
            | {"lower": gain.lower, "higher": gain.higher, "unknown": gain.unknown}
            | {"error_after_over_before": median_error(gain.ratios)}
            | {"smallest": min(gain.ratios), "largest": max(gain.ratios)}
            | {"constraint_after_over_before": gain.constraint_ratio}
        )


def _estimate(name: str, estimate: Estimate | None) -> Row:
    low, high = estimate.interval if estimate and estimate.interval else (None, None)
    value, over = (estimate.value, estimate.over) if estimate else (None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_over": over}


def _budget(comparison: Comparison) -> Iterator[Row]:
    for problem in comparison.problems:
        for entry in problem.entries:
            for kind, curve in (("seconds", best_after_seconds(entry)), ("trials", best_after_trials(entry))):
                for budget, middle, low, high in (
                    zip(curve.budget, curve.middle, curve.low, curve.high, strict=True) if curve else ()
                ):
                    yield {
                        "problem": problem.name,
                        "entry": entry.label,
                        "budget_in": kind,
                        "budget": budget,
                        "best": middle,
                        "best_low": low,
                        "best_high": high,
                    }


def _targets(comparison: Comparison) -> Iterator[Row]:
    profiles: Mapping[str, Any] = profiles_of(comparison)
    for label, times in times_to_target(comparison).items():
        yield {"entry": label, "score": profiles[label].score} | {f"{name}_s": value for name, value in times.items()}


def _fronts(comparison: Comparison) -> Iterator[Row]:
    for problem in comparison.problems:
        among = points(problem)
        best, dominated = front(among), hypervolumes(among)
        for point in among:
            yield (
                {"problem": problem.name, "entry": point.label, "search": point.number}
                | {"error": point.error, "constraint": point.constraint, "pareto": point in best}
                | {"hypervolume_of_entry": dominated[point.label]}
                | _source(point.search.chosen)
                | {"runs": " ".join(run.source.run or "" for run in point.search.confirmed)}
            )


def _sections(comparison: Comparison) -> Iterator[Row]:
    for problem in comparison.problems:
        for label, sections in sections_by_entry(problem).items():
            for name, seconds in sections.items():
                yield {"problem": problem.name, "entry": label, "section": name, "median_s": seconds}


def _importance(comparison: Comparison) -> Iterator[Row]:
    for problem in comparison.problems:
        for contestant, shares in problem.importances.items():
            for name, share in shares.items():
                yield (
                    {"problem": problem.name, "contestant": contestant, "metric": problem.validation}
                    | {"setting": name, "importance": share}
                )


def _settings(comparison: Comparison) -> Iterator[Row]:
    for row, search in _searches(comparison):
        yield row | _source(search.chosen) | dict(search.settings)


def _runs(comparison: Comparison) -> Iterator[Row]:
    for row, search in _searches(comparison):
        for run in search.confirmed:
            yield (
                row
                | {"seed": run.seed, "failed": run.failed, "validation": run.validation}
                | dict(run.errors)
                | dict(run.unknowns)
                | {"training_s": run.training_seconds, "projection_s": run.projection_seconds}
                | _source(run.source)
            )


def _trials(comparison: Comparison) -> Iterator[Row]:
    for row, search in _searches(comparison):
        for tried in search.trials:
            yield row | {"cpu_s_so_far": tried.cpu_seconds, "validation": tried.value} | _source(tried.source)


def _searches(comparison: Comparison) -> Iterator[tuple[Row, SearchResult]]:
    for problem in comparison.problems:
        for entry in problem.entries:
            for index, search in enumerate(entry.searches, start=1):
                yield {"problem": problem.name, "entry": entry.label, "search": index}, search


def _source(source: Source | None) -> Row:
    return {
        "study": source.study if source else None,
        "trial": source.trial if source else None,
        "run": source.run if source else None,
    }


def _runs_of(entry: EntryResult) -> str:
    return " ".join(run.source.run or "" for run in entry.confirmed)
