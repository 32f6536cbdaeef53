"""The unknowns that were found, as a table: their values, how far off they are, how they spread over seeds."""

import math
from collections.abc import Mapping, Sequence

from study.analysis.findings import Analysis
from study.analysis.leaderboard import LeaderboardRow
from study.analysis.measured import OFF, UNFIT, UNKNOWN, misfit, unfitted, unknowns_in
from study.analysis.spread import Spread
from study.journal.events import TrialStatus
from study.report.text_table import Column, TextTable, format_error, format_value

VALUE = (
    Column("method", "training method", numeric=False),
    Column("unknown", "a parameter that nobody gives", numeric=False),
    Column("best\ntrial", "the best trial's name"),
    Column("value", "what the best trial found"),
)
ERROR = Column("rel.\nerror", "how far that is from the true value, relative to it")
MISFIT = Column("misfit", "data error of the best trial over what errors of measurement leave; about 1 where it fits")
OVER_SEEDS = (
    Column("n", "completed trials"),
    Column("median", "median of the values that they found"),
    Column("median's\n95 %", "distribution-free interval of that median, no error bar"),
    Column("std.\ndev.", "half of what lies between their 16 % and 84 % quantiles"),
)
ERROR_BAR = {
    "rows": "Each trial had rows of its own, drawn with replacement from those of the training data.",
    "errors": "Each trial had values of its own, with errors of measurement added once more.",
}
TO_QUOTE = (
    "The standard deviation is an error bar, of data and training together. It belongs to the value that the study "
    "found which this one repeats: values of here have errors of measurement twice."
)


def unknowns_table(analysis: Analysis, *, seeds: bool) -> TextTable:
    """What the best trial of every method found; with `seeds`, which chose nothing, the median and its interval, too.

    Projected networks have rows of their own where projections have moved the unknowns.
    """
    bootstrap, found = analysis.study.data.train.bootstrap, [row for row in analysis.leaderboard if _finds(row)]
    names = unknowns_in(analysis.measured)
    errors = [name for name in names if f"{UNKNOWN}{name}{OFF}" in analysis.measured]
    fits = {_label(row): misfit(row.best.metrics) if row.best else None for row in found}
    fits = fits if any(times is not None for times in fits.values()) else {}
    beside = (*((ERROR,) if errors else ()), *((MISFIT,) if fits else ()), *(OVER_SEEDS if seeds else ()))
    rows = [_cells(row, name, errors=bool(errors), fits=fits, seeds=seeds) for row in found for name in names]
    columns = (*VALUE, *beside)
    notes = [f"Of the best trial by {analysis.metric}; the true values chose nothing."] if errors else []
    measured = analysis.study.data.train.file is not None
    notes += misfit_notes(analysis) if fits or not measured else _unexplained(found)
    notes += _left_out(analysis)
    if seeds:
        notes.append("Medians over completed trials; fewer than 6 have no 95 % interval and no standard deviation.")
        notes += [] if bootstrap is None else [ERROR_BAR[bootstrap], TO_QUOTE]
        if bootstrap is None and measured:
            notes.append("Errors of measurement are in none of these: confirm … --bootstrap says what they do.")
    moved = any(row.sought for row in found)
    title = "Unknowns that were found" if moved or analysis.study.trains else "Unknowns as they began"
    return TextTable(title, columns, rows, notes, "No trial has ended an epoch yet.")


def misfit_notes(analysis: Analysis) -> list[str]:
    """Of each method whose best network is farther from its data than errors of measurement are."""
    bootstrap = analysis.study.data.train.bootstrap
    rows = [row for row in analysis.leaderboard if row.best and _finds(row)]
    far = {_label(row): unfitted(row.best.metrics, bootstrap=bootstrap) for row in rows if row.best}
    doubt = ", and its unknowns are not to be trusted" if unknowns_in(analysis.measured) else ""
    return [
        f"The best trial of {method} has {times:.3g} times the data error that errors of measurement leave: {UNFIT}"
        f"{doubt}."
        for method, times in far.items()
        if times is not None
    ]


def _unexplained(rows: Sequence[LeaderboardRow]) -> list[str]:
    """What the best networks leave of their data, where errors of measurement are not known."""
    errors = {_label(row): row.best.value("train/data_mse") for row in rows if row.best}
    return [
        f"Errors of measurement are not known; those that {method} takes for them have the root mean square "
        f"{math.sqrt(error):.2g}."
        for method, error in errors.items()
        if error is not None
    ]


def _left_out(analysis: Analysis) -> list[str]:
    """How many networks found unknowns with which they break the PDE."""
    done = [one for one in analysis.variants if one.sought and one.status is TrialStatus.COMPLETED]
    astray = sum(one.astray for one in done)
    if not astray:
        return []
    return [
        f"{astray} of {len(done)} networks are in no median: they did not meet the projection's tolerance, or obey the "
        "PDE at its points alone; take more points, or a smaller network."
    ]


def _finds(row: LeaderboardRow) -> bool:
    """Whether its unknowns are its own, and not those that stood before a projection."""
    return row.sought or not row.projected


def _cells(
    row: LeaderboardRow, name: str, *, errors: bool, fits: Mapping[str, float | None], seeds: bool
) -> Sequence[str]:
    best, key = row.best, f"{UNKNOWN}{name}"
    own = best if best is not None and (best.sought or not row.sought) else None
    value, error = (None, None) if own is None else (own.value(key), own.value(f"{key}{OFF}"))
    return (
        _label(row),
        name,
        best.trial if best else "–",
        format_value(value),
        *((format_error(error),) if errors else ()),
        *((format_value(fits[_label(row)]),) if fits else ()),
        *(_spread(row.unknowns.get(name)) if seeds else ()),
    )


def _label(row: LeaderboardRow) -> str:
    return f"{row.method} + projection" if row.projected else row.method


def _spread(values: Spread | None) -> tuple[str, str, str, str]:
    if values is None:
        return "0", "–", "–", "–"
    interval = "n < 6" if values.interval is None else " … ".join(map(format_value, values.interval))
    return str(values.count), format_value(values.median), interval, format_value(values.deviation)
