"""The tables of a comparison's page, as HTML."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from statistics import median

from study.analysis.measured import OFF, UNKNOWN, unknowns_in
from study.comparison.fronts import front, hypervolumes, points
from study.comparison.gains import Gain
from study.comparison.interval_plots import SIGNS
from study.comparison.result import (
    PROJECTED,
    Comparison,
    Confirmed,
    EntryResult,
    Links,
    ProblemResult,
    SearchResult,
    Source,
)
from study.comparison.sentences import number, too_wide
from study.comparison.standing import Standing
from study.comparison.verdict import Verdict
from study.comparison.worth import Champion
from study.report.html_parts import grid
from study.report.text_table import Column, format_error, format_value
from study.statistics.estimate import Estimate
from study.statistics.middles import median_error

ENTRY = Column("entry", "a contestant, as trained or as projected", numeric=False)
NOTHING = "–"


def worth_table(verdict: Verdict, found: Iterable[Champion]) -> str:
    """Who speaks for each way, beside the best baseline of its problem."""
    columns = [
        Column("judged as", "as it was trained with constraints, or as projected", numeric=False),
        Column("problem", "where", numeric=False),
        Column("contestant", "the one with the smallest median validation error of its fresh runs", numeric=False),
        Column("error", "median test error over searches and seeds"),
        Column("best baseline", "the one with the smallest median test error", numeric=False),
        Column("its\nerror", "median test error over searches and seeds"),
        Column("error\nratio", "ratio of the medians"),
        Column("probability of\nimprovement", "that a run of the contestant has the smaller test error, with interval"),
        Column("constraint\nratio", "ratio of the medians"),
        Column("CPU s\nratio", "of one network: training and projection"),
    ]
    medians = {(name, one.label): one.median.value for name, among in verdict.problems.items() for one in among}
    return grid(columns, [_champion(one, medians) for one in found])


def _champion(champion: Champion, medians: Mapping[tuple[str, str], float]) -> list[str]:
    one, best = champion.standing, champion.standing.best
    assert best is not None
    shown = ratio(one.error_ratio)
    return [
        champion.way.judged_as,
        escape(one.problem),
        escape(one.label.removesuffix(PROJECTED)),
        error(one.median.value),
        escape(best.baseline),
        error(medians[one.problem, best.baseline]),
        f"<strong>{shown}</strong>" if champion.halves_error else shown,
        _share(best.improvement.value) + _below(best.improvement, _share),
        ratio(one.constraint_ratio),
        ratio(one.cost_ratio),
    ]


def errors_table(comparison: Comparison, problems: Mapping[str, Sequence[Standing]], labels: Sequence[str]) -> str:
    """Medians with intervals, a problem's smallest in bold: a row for each entry, a column for each problem."""
    columns = [ENTRY, *(Column(one.name, f"median of {one.error}") for one in comparison.problems)]
    smallest = {name: standings[0].median.value for name, standings in problems.items() if standings}
    return grid(columns, _by_problem(problems, labels, lambda standing: _median(standing, smallest)))


def improvements_table(
    comparison: Comparison, problems: Mapping[str, Sequence[Standing]], labels: Sequence[str]
) -> str:
    """The probability of improvement beside the best baseline, with intervals: rows and columns as for errors."""
    columns = [ENTRY, *(Column(one.name, "probability of a smaller error") for one in comparison.problems)]
    return grid(columns, _by_problem(problems, labels, _improvement))


def gains_table(comparison: Comparison, found: Iterable[Gain], labels: Iterable[str]) -> str:
    """What projecting changed: a row for each contestant, a column for each problem; empty if nothing is projected."""
    cells = {(gain.problem, gain.contestant): _gain(gain) for gain in found}
    names = [problem.name for problem in comparison.problems]
    rows = [
        [escape(label), *(cells.get((name, label), NOTHING) for name in names)]
        for label in labels
        if any(own == label for _, own in cells)
    ]
    columns = [
        Column("contestant", "whose networks as trained were projected", numeric=False),
        *(Column(name, "test error after the projection over that before") for name in names),
    ]
    return grid(columns, rows) if rows else ""


def _gain(gain: Gain) -> str:
    middle, ends = number(median_error(gain.ratios)), f"{number(min(gain.ratios))} to {number(max(gain.ratios))}"
    shown = f"<strong>{middle}</strong>" if gain.lower == len(gain.ratios) else middle
    return f"{shown}<br><small>{ends}</small>"


def _by_problem(
    problems: Mapping[str, Sequence[Standing]], labels: Sequence[str], cell: Callable[[Standing | None], str]
) -> list[list[str]]:
    found = {(one.problem, one.label): one for standings in problems.values() for one in standings}
    return [[escape(label), *(cell(found.get((problem, label))) for problem in problems)] for label in labels]


def _improvement(standing: Standing | None) -> str:
    if standing is None or standing.best is None:
        return NOTHING
    share = standing.best.improvement
    return _share(share.value) + _below(share, _share)


def _share(value: float) -> str:
    return f"{value:.2f}"


def _median(standing: Standing | None, smallest: Mapping[str, float]) -> str:
    if standing is None:
        return NOTHING
    middle = standing.median
    shown = error(middle.value)
    if middle.value == smallest[standing.problem] < math.inf:
        shown = f"<strong>{shown}</strong>"
    return f"{shown}{SIGNS[standing.decision]}{_below(middle, error)}"


def _below(estimate: Estimate, form: Callable[[float], str]) -> str:
    """Its interval, below it."""
    return f"<br><small>{ends}</small>" if (ends := interval(estimate, form)) else ""


def error(value: float) -> str:
    """An error, or that the run failed."""
    return "failed" if value == math.inf else format_error(value)


def interval(estimate: Estimate, form: Callable[[float], str]) -> str:
    """From here to there; nothing where there is none, a dash where all of it failed, words where it says nothing."""
    if estimate.interval is None:
        return ""
    if estimate.interval[0] == math.inf:
        return NOTHING
    if too_wide(estimate):
        return "too wide"
    return " to ".join("∞" if end == math.inf else form(end) if end else "0" for end in estimate.interval)


def ratio(value: float | None) -> str:
    """In two digits; a dash where it is not known."""
    return NOTHING if value is None else number(value)


def front_table(problem: ProblemResult, links: Links) -> str:
    """The Pareto set by its numbers in the plot, and what each of its entries' own points dominate."""
    among = points(problem)
    dominated = hypervolumes(among)
    columns = [
        Column("#", "the number in the plot"),
        ENTRY,
        Column("search", "which of the searches"),
        Column("trial", "the trial that it chose", numeric=False),
        Column("error", f"median of {problem.error} over the seeds"),
        Column("constraint\nerror", f"median of {problem.constraint} over the seeds"),
        Column("hypervolume", "square decades that the entry's points dominate"),
    ]
    rows = [
        [
            str(index),
            escape(point.label),
            str(point.number),
            _source(point.search.chosen, links),
            error(point.error),
            error(point.constraint),
            f"{dominated[point.label]:.2f}",
        ]
        for index, point in enumerate(front(among), start=1)
    ]
    return grid(columns, rows)


def hypervolume_table(comparison: Comparison, labels: Iterable[str]) -> str:
    """Square decades that an entry's points dominate, by problem."""
    shown = [problem for problem in comparison.problems if problem.trades_off]
    dominated = {problem.name: hypervolumes(points(problem)) for problem in shown}
    columns = [ENTRY, *(Column(one.name, "hypervolume of the entry's points, in square decades") for one in shown)]
    rows = [
        [escape(label), *(f"{dominated[one.name].get(label, 0.0):.2f}" for one in shown)]
        for label in labels
        if any(label in found for found in dominated.values())
    ]
    return grid(columns, rows)


def unknowns_table(comparison: Comparison) -> str:
    """The unknowns that were found; empty if no problem has any. Most projections leave them as they are."""
    columns = [
        Column("problem", "where", numeric=False),
        Column("contestant", "whose networks", numeric=False),
        Column("unknown", "a parameter that nobody gives", numeric=False),
        Column("runs", "that did not fail"),
        Column("value", "median over searches and seeds; below it the smallest and the largest, which is no interval"),
        Column("rel.\nerror", "median of |value − truth| / |truth|, where the truth is known"),
        Column("misfit", "median test data_mse over what errors of measurement leave; far above 1 the value is none"),
    ]
    rows = [
        [escape(problem.name), escape(entry.label), escape(name), *_found(entry, name), _misfit(problem, entry)]
        for problem in comparison.problems
        for entry in problem.entries
        if entry.seeks or not (entry.projected or entry.free)
        for name in unknowns_in(dict.fromkeys(metric for run in entry.confirmed for metric in run.unknowns))
    ]
    return grid(columns, rows) if rows else ""


def _misfit(problem: ProblemResult, entry: EntryResult) -> str:
    return NOTHING if problem.noise is None else number(median_error(entry.data_errors) / problem.noise)


def _found(entry: EntryResult, name: str) -> list[str]:
    """How many runs found a value, which, and how far off."""
    known = [run.unknowns for run in entry.confirmed if not run.failed and f"{UNKNOWN}{name}" in run.unknowns]
    values = [one[f"{UNKNOWN}{name}"] for one in known]
    errors = [one[f"{UNKNOWN}{name}{OFF}"] for one in known if f"{UNKNOWN}{name}{OFF}" in one]
    if not values:
        return ["0", NOTHING, NOTHING]
    ends = f"<br><small>smallest {format_value(min(values))}, largest {format_value(max(values))}</small>"
    return [
        str(len(values)), format_value(median(values)) + ends, error(median_error(errors)) if errors else NOTHING
    ]  # fmt: skip


def targets_table(comparison: Comparison, times: Mapping[str, Mapping[str, float]], labels: Iterable[str]) -> str:
    """CPU seconds to each problem's target."""
    columns = [ENTRY, *(Column(one.name, "CPU seconds of the median search") for one in comparison.problems)]
    rows = [
        [escape(label), *(_seconds(times[label].get(problem.name)) for problem in comparison.problems)]
        for label in labels
        if label in times
    ]
    return grid(columns, rows)


def _seconds(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "never" if value == math.inf else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def settings_table(problem: ProblemResult, links: Links) -> str:
    """What each search chose."""
    columns = [
        ENTRY,
        Column("search", "which of the searches"),
        Column("trial", "the trial that it chose", numeric=False),
        Column("settings", "searched settings of that trial", numeric=False),
    ]
    rows = [
        [escape(entry.label), str(index), _source(search.chosen, links), _settings(search)]
        for entry in problem.entries
        for index, search in enumerate(entry.searches, start=1)
    ]
    return grid(columns, rows)


def _settings(search: SearchResult) -> str:
    told = "<br>".join(f"{escape(name)}: {escape(setting(value))}" for name, value in search.settings.items())
    return told or "–"


def setting(value: object) -> str:
    """A setting's value, as people write it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def runs_table(problem: ProblemResult, links: Links) -> str:
    """The runs behind every figure: those of the chosen trial, and with each fresh seed."""
    columns = [
        ENTRY,
        Column("search", "which of the searches"),
        Column("trial", "the trial that it chose", numeric=False),
        Column("runs by seed", "the same settings with fresh seeds", numeric=False),
    ]
    rows = [
        [
            escape(entry.label),
            str(index),
            _source(search.chosen, links),
            " ".join(_run(run, links) for run in search.confirmed),
        ]
        for entry in problem.entries
        for index, search in enumerate(entry.searches, start=1)
    ]
    return grid(columns, rows)


def _run(run: Confirmed, links: Links) -> str:
    text = f"{run.seed}{' (failed)' if run.failed else ''}"
    return _link(text, run.source, links)


def _source(source: Source | None, links: Links) -> str:
    return "none may be chosen" if source is None else _link(f"{source.study} {source.trial}", source, links)


def _link(text: str, source: Source, links: Links) -> str:
    address = links(source.run) if source.run else None
    return f'<a href="{escape(address)}">{escape(text)}</a>' if address else escape(text)


def refused_table(comparison: Comparison) -> str:
    """Which contestants a problem has no place for, and why; empty if there is none."""
    columns = [
        Column("problem", "a problem of the comparison", numeric=False),
        Column("contestant", "which it refused", numeric=False),
        Column("reason", "why", numeric=False),
    ]
    rows = [
        [escape(problem.name), escape(name), escape(reason)]
        for problem in comparison.problems
        for name, reason in problem.refused.items()
    ]
    return grid(columns, rows) if rows else ""
