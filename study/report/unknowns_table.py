"""The unknowns that training found, as a table: their values, how far off they are, how they spread over seeds."""

from collections.abc import Sequence

from search_spaces.bootstrap import Bootstrap
from study.analysis.findings import Analysis
from study.analysis.leaderboard import LeaderboardRow
from study.analysis.measured import OFF, UNKNOWN, moved_unknowns, unfitted, unknowns_in
from study.analysis.spread import Spread
from study.report.text_table import Column, TextTable, format_error, format_value

VALUE = (
    Column("method", "training method", numeric=False),
    Column("unknown", "a parameter that nobody gives", numeric=False),
    Column("best\ntrial", "the best trial's name"),
    Column("value", "what the best trial found"),
)
ERROR = Column("rel.\nerror", "how far that is from the true value, relative to it")
OVER_SEEDS = (
    Column("n", "completed trials"),
    Column("median", "median of the values that they found"),
    Column("95 %\ninterval", "distribution-free interval of that median"),
    Column("std.\ndev.", "half of what lies between their 16 % and 84 % quantiles"),
)
ERROR_BAR = {
    "rows": "Each training had rows of its own, drawn with replacement from those of the training data",
    "errors": "Each training had values of its own, with errors of measurement added once more",
}


def unknowns_table(analysis: Analysis, *, seeds: bool) -> TextTable:
    """What the best trial of every method found; with `seeds`, which chose nothing, the median and its interval, too.

    Projected networks have rows of their own where projections have moved the unknowns.
    """
    moved = moved_unknowns(analysis.measured)
    names = unknowns_in(analysis.measured)
    errors = [name for name in names if f"{UNKNOWN}{name}{OFF}" in analysis.measured]
    columns = (*VALUE, *((ERROR,) if errors else ()), *(OVER_SEEDS if seeds else ()))
    rows = [
        _cells(row, name, errors=bool(errors), seeds=seeds)
        for row in analysis.leaderboard
        if moved or not row.projected
        for name in names
    ]
    notes = [f"Of the best trial by {analysis.metric}; the true values chose nothing."] if errors else []
    rows_of = [row for row in analysis.leaderboard if row.best and (moved or not row.projected)]
    far = {_label(row): unfitted(row.best.metrics) for row in rows_of if row.best}
    notes += [
        f"The best trial of {method} has {times:.3g} times the data error that errors of measurement leave: it does "
        "not fit its data yet, or these are larger than the file says, and its values are not to be trusted."
        for method, times in far.items()
        if times is not None
    ]
    if seeds:
        notes.append("Medians over completed trials; fewer than 6 have no 95 % interval and no standard deviation.")
        notes += _error_bar(analysis.study.data.train.bootstrap)
    found = "Unknowns that were found" if moved else "Unknowns that training found"
    title = found if moved or analysis.study.trains else "Unknowns as they began"
    return TextTable(title, columns, rows, notes, "No trial has ended an epoch yet.")


def _cells(row: LeaderboardRow, name: str, *, errors: bool, seeds: bool) -> Sequence[str]:
    best, key = row.best, f"{UNKNOWN}{name}"
    value, error = (None, None) if best is None else (best.value(key), best.value(f"{key}{OFF}"))
    return (
        _label(row),
        name,
        best.trial if best else "–",
        format_value(value),
        *((format_error(error),) if errors else ()),
        *(_spread(row.unknowns.get(name)) if seeds else ()),
    )


def _label(row: LeaderboardRow) -> str:
    return f"{row.method} + projection" if row.projected else row.method


def _error_bar(bootstrap: Bootstrap | None) -> list[str]:
    """What the standard deviation is: an error bar where the data were drawn anew."""
    if bootstrap is None:
        return ["Over seeds of the training alone: errors of measurement are not in it (confirm … --bootstrap)."]
    return [f"{ERROR_BAR[bootstrap]}: the standard deviation is an error bar, of data and training together."]


def _spread(values: Spread | None) -> tuple[str, str, str, str]:
    if values is None:
        return "0", "–", "–", "–"
    interval = "n < 6" if values.interval is None else " … ".join(map(format_value, values.interval))
    return str(values.count), format_value(values.median), interval, format_value(values.deviation)
