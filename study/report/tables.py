"""The tables that people read, as text: the same cells in the terminal and in the report."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from search_spaces.contestants import Asked, plain_studies
from search_spaces.counts import some
from study.analysis.findings import Analysis
from study.analysis.importance import BEST_SHARE, FEWEST_TRIALS, importances
from study.analysis.leaderboard import BASELINE, LeaderboardRow
from study.analysis.measured import errors_in, unknowns_in
from study.analysis.spread import Spread
from study.analysis.variants import CONSTRAINT, DATA, Variant
from study.journal.budget import Budget
from study.journal.events import TrialStatus
from study.report.text_table import METHOD, Column, TextTable, format_error, one_digit
from study.report.unknowns_table import misfit_notes, unknowns_table

FLAT_MARK = "*"
MISSED_MARK = "†"

SEED = "training.seed"
RELATIVE = "test/relative_l2"

SHOWN_AS_IT_IS = 100.0
"""Relative errors from 0.1 to this are shown with two digits behind the point."""

ERROR_COLUMNS = {
    DATA: Column("val.\ndata", "mean square of u − u* on validation data"),
    CONSTRAINT: Column(
        "val.\nconstr.", "sum over equations and conditions of the mean squares of their scaled residuals"
    ),
    "test/data_mse": Column("test\ndata", "mean square of u − u* on test data"),
    "test/constraint_mse": Column("test\nconstr.", "the same sum on test points"),
    RELATIVE: Column("test\nrel.L2", "|u − u*| / |u*| on test data; 1 for u = 0"),
}
"""What tables say of a network, as far as it is measured."""

ENDINGS = {
    TrialStatus.RUNNING: "run.",
    TrialStatus.COMPLETED: "done",
    TrialStatus.PRUNED: "pruned",
    TrialStatus.DIVERGED: "div.",
    TrialStatus.FAILED: "fail.",
    TrialStatus.STOPPED: "stop.",
    TrialStatus.LOST: "lost",
}
"""Headings so short that a table with all of them fits a terminal of 80 columns."""

FLAT_NOTE = (
    f"{FLAT_MARK} hardly nearer to the data than u = 0: a projection that flattened the network, "
    "or training that learned little."
)


def leaderboard_table(analysis: Analysis) -> TextTable:
    """The best trial of every method, with its errors, and what the method costs."""
    cost = any(row.cost is not None for row in analysis.leaderboard)
    columns = (
        METHOD,
        Column("best\ntrial", "the best trial's name"),
        *_columns(analysis).values(),
        *([Column("cost", f"median time of a trial in units of {BASELINE}'s")] if cost else []),
    )
    rows = [
        (
            _name(row, missed=row.best is not None and row.best.missed),
            row.best.trial if row.best else "–",
            *_errors(row.best, _columns(analysis)),
            *(["–" if row.cost is None else f"×{_short(row.cost)}"] if cost else []),
        )
        for row in analysis.leaderboard
    ]
    notes = ["Chosen on the validation split among completed trials; test metrics were used for no choice."]
    notes += _notes(analysis, [row.best for row in analysis.leaderboard if row.best])
    notes += [] if unknowns_in(analysis.measured) else misfit_notes(analysis)
    title = f"Best trial of every method by {analysis.metric}"
    return TextTable(title, columns, rows, notes, "No trial has ended yet.")


def spread_table(analysis: Analysis) -> TextTable:
    """How the validation errors of a method's trials spread."""
    rows = analysis.leaderboard
    return _spread_table(analysis, "validation", [row.data for row in rows], [row.constraint for row in rows])


def seeds_table(analysis: Analysis) -> TextTable:
    """How the test errors spread over the seeds of one and the same settings, in a study that confirms another."""
    rows = analysis.leaderboard
    return _spread_table(analysis, "test", [row.test_data for row in rows], [row.test_constraint for row in rows])


def _spread_table(
    analysis: Analysis, split: str, data: Sequence[Spread | None], constraint: Sequence[Spread | None]
) -> TextTable:
    """Of these errors, one for each row of the leaderboard, those that are measured."""
    named = (("data", "data", data), ("constr.", "constraint", constraint))
    shown = [(short, long, spreads) for short, long, spreads in named if any(spreads)]
    columns = [METHOD, Column("n", "networks of completed and diverged trials, each once")]
    for short, long, _ in shown:
        columns.append(Column(f"median\n{short}", f"median of the {split} {long} error"))
        columns.append(Column("95 %\ninterval", "distribution-free interval of that median"))
    missed = {(variant.method, variant.projected) for variant in analysis.variants if variant.missed}
    rows: list[tuple[str, ...]] = []
    for index, row in enumerate(analysis.leaderboard):
        values = [spreads[index] for _, _, spreads in shown]
        count = max((one.count for one in values if one), default=0)
        cells = [cell for one in values for cell in _spread(one)]
        rows.append((_name(row, missed=(row.method, row.projected) in missed), str(count), *cells))
    notes = ["Over the networks of completed and diverged trials; a diverged one counts as worst."]
    if any(one and one.interval is None for _, _, spreads in shown for one in spreads):
        notes.append("Fewer than 6 trials have no 95 % interval.")
    notes += _missed_notes(analysis, missed=bool(missed))
    return TextTable(f"Median {split} errors of every method", columns, rows, notes, "No trial has ended yet.")


def trials_table(analysis: Analysis) -> TextTable:
    """How every method's trials ended, and how long they took."""
    seen = [status for status in TrialStatus if any(row.counts[status] for row in analysis.leaderboard)]
    trains = analysis.study.trains
    columns = (
        METHOD,
        *(Column(ENDINGS[status], f"trials {status}") for status in seen),
        Column("time", f"median seconds of a completed trial's {'training' if trains else 'projection'}"),
        *([Column("with\nproj.", "the same with the projection of all its waves")] if trains else []),
    )
    seconds = {(row.method, row.projected): row.seconds for row in analysis.leaderboard}
    rows = [
        (
            row.method,
            *(str(row.counts[status] or "–") for status in seen),
            _seconds(row.seconds),
            *([_seconds(seconds.get((row.method, True)))] if trains else []),
        )
        for row in analysis.leaderboard
        if not row.projected
    ]
    return TextTable("Trials and their time", columns, rows, [], "No trial has started yet.")


def pareto_table(analysis: Analysis) -> TextTable:
    """The completed networks that none beats in both validation errors."""
    columns = (
        Column("#", "the number in the plot"),
        Column("method", "training method", numeric=False),
        *([Column("proj.", "whether the network was projected", numeric=False)] if analysis.study.trains else []),
        Column("trial", "the trial's name", numeric=False),
        *_columns(analysis).values(),
    )
    rows = [
        (
            str(number),
            variant.method,
            *([_marked("yes", variant.missed) if variant.projected else ""] if analysis.study.trains else []),
            variant.trial,
            *_errors(variant, _columns(analysis)),
        )
        for number, variant in enumerate(analysis.pareto, start=1)
    ]
    return TextTable(
        "Pareto set of data error against constraint error",
        columns,
        rows,
        _notes(analysis, analysis.pareto),
        "No completed trial yet.",
    )


def importance_table(analysis: Analysis) -> TextTable:
    """How much every searched setting had to do with a trial's being among the best, by objective."""
    asked = Asked(analysis.study)
    found = importances(
        analysis.study,
        [replace(one, metrics={**asked.values(one.method, one.metrics)}) for one in analysis.records.values()],
    )
    columns = (
        Column("setting", "the searched setting", numeric=False),
        *(Column("\n".join(name.rsplit("/", 1)), f"share of the importance for {name}") for name in found),
    )
    names = list(next(iter(found.values()), {}))
    names.sort(key=lambda name: -sum(shares[name] for shares in found.values()))
    rows = [(name, *(f"{100 * shares[name]:.0f} %" for shares in found.values())) for name in names]
    notes = [
        f"Whether the best {100 * BEST_SHARE:.0f} % of the trials lie elsewhere than all of them (PED-ANOVA). Settings "
        f"that fewer than {FEWEST_TRIALS} trials had are left out."
    ]
    return TextTable("Which settings mattered", columns, rows, notes, "Too few trials, or settings, to say.")


def all_tables(analysis: Analysis) -> tuple[TextTable, ...]:
    """The tables of a study in the order in which they are read; none about what it does not measure."""
    confirms = all(SEED in plain.search for plain in plain_studies(analysis.study).values())
    alone = all({*plain.search} == {SEED} for plain in plain_studies(analysis.study).values())
    unknowns = [unknowns_table(analysis, seeds=alone)] if unknowns_in(analysis.measured) else []
    front = [pareto_table(analysis)] if analysis.may_trade_off else []
    seeds = [seeds_table(analysis)] if confirms else []
    return (
        leaderboard_table(analysis),
        *unknowns,
        *front,
        spread_table(analysis),
        *seeds,
        *([] if alone else [importance_table(analysis)]),
        trials_table(analysis),
    )


def counts_text(analysis: Analysis) -> str:
    """How many trials ended how, of how many planned."""
    statuses = [record.status for record in analysis.records.values()]
    counts = [f"{statuses.count(status)} {status}" for status in TrialStatus if status in statuses]
    of = Budget(analysis.study, analysis.records).at_most()
    return f"{len(statuses)} of {some(of, 'trial')}" + (f": {', '.join(counts)}" if counts else "")


def _name(row: LeaderboardRow, *, missed: bool) -> str:
    return _marked("  + projection" if row.projected else row.method, missed)


def _marked(text: str, missed: bool) -> str:
    return f"{text}{MISSED_MARK}" if missed else text


def _columns(analysis: Analysis) -> dict[str, Column]:
    """The columns of the errors that are measured, by metric."""
    measured = errors_in(analysis.measured)
    return {name: column for name, column in ERROR_COLUMNS.items() if name in measured}


def _errors(variant: Variant | None, names: Iterable[str]) -> list[str]:
    return [_error(variant, name) for name in names]


def _error(variant: Variant | None, name: str) -> str:
    value = None if variant is None else variant.value(name)
    if variant is None or value is None or name != RELATIVE:
        return format_error(value)
    shown = f"{value:.2f}" if 0.1 <= value < SHOWN_AS_IT_IS else one_digit(value)
    return f"{shown}{FLAT_MARK if variant.flat else ' '}"


def _notes(analysis: Analysis, variants: Sequence[Variant]) -> list[str]:
    notes = [FLAT_NOTE] if any(variant.flat for variant in variants) else []
    notes += _missed_notes(analysis, missed=any(variant.missed for variant in variants))
    split = analysis.study.data.validation
    total = math.prod(map(len, split.parameters.values()))
    waves = getattr(analysis.study.projection, "waves", "all")
    if isinstance(waves, int) and waves < total and any(variant.projected for variant in variants):
        notes.append(
            f"Only the first {waves} of {total} validation waves were projected (projection.waves): "
            "values with and without projection are not comparable."
        )
    return notes


def _missed_notes(analysis: Analysis, *, missed: bool) -> list[str]:
    """What the mark says, if it stands in a table."""
    if not missed:
        return []
    done = [one for one in analysis.variants if one.status is TrialStatus.COMPLETED]
    projected = [one for one in done if one.projected or not analysis.study.trains]
    count = sum(variant.missed for variant in projected)
    return [
        f"{MISSED_MARK} with projections that did not meet their tolerance, or obey the PDE at their points alone: so "
        f"in {count} of {len(projected)} trials."
    ]


def _spread(values: Spread | None) -> tuple[str, str]:
    if values is None:
        return "–", "–"
    interval = "n < 6" if values.interval is None else " … ".join(map(format_error, values.interval))
    return format_error(values.median), interval


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{_short(value)} s"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"
