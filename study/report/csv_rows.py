"""What the CSV files of a report say: flat rows with equal keys, every number with all its digits."""

from collections.abc import Iterable, Sequence
from typing import Any

from study.analysis.leaderboard import LeaderboardRow
from study.analysis.measured import OFF, UNKNOWN, errors_in, unknowns_in
from study.analysis.spread import Spread
from study.analysis.variants import CONSTRAINT, DATA, Variant
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord


def leaderboard_rows(rows: Iterable[LeaderboardRow], measured: Sequence[str]) -> list[dict[str, Any]]:
    """The leaderboard, with what is `measured` of errors and unknowns."""
    found, unknowns = set(errors_in(measured)), unknowns_in(measured)
    return [
        {"method": row.method, "projected": row.projected}
        | {str(status): row.counts[status] for status in TrialStatus}
        | {"best_trial": row.best.trial if row.best else None}
        | _values(row.best, measured)
        | (_spread_columns(DATA, row.data) if DATA in found else {})
        | (_spread_columns(CONSTRAINT, row.constraint) if CONSTRAINT in found else {})
        | {
            column: value
            for name in unknowns
            for column, value in _unknown_columns(f"{UNKNOWN}{name}", row.unknowns.get(name)).items()
        }
        | {"seconds_median": row.seconds, "cost_ratio": row.cost}
        for row in rows
    ]


def variant_rows(variants: Iterable[Variant], measured: Sequence[str]) -> list[dict[str, Any]]:
    """Variants, such as the Pareto set, with what is `measured` of errors and unknowns."""
    return [
        {"trial": variant.trial, "method": variant.method, "projected": variant.projected}
        | _values(variant, measured)
        | {"seconds": variant.seconds}
        for variant in variants
    ]


def trial_rows(records: Iterable[TrialRecord]) -> list[dict[str, Any]]:
    """Everything the journal knows of every trial, with the union of all values and metrics as columns."""
    rows = [
        {"trial": record.trial, "method": record.method, "status": str(record.status), "epochs": record.epoch}
        | {"started": record.started, "ended": record.ended, "error": record.error}
        | record.values
        | dict(record.latest)
        | {"status": str(record.status)}
        for record in records
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _values(variant: Variant | None, measured: Sequence[str]) -> dict[str, float | None]:
    """A network's errors and unknowns, and how far these are off."""
    unknowns = [f"{UNKNOWN}{name}{end}" for name in unknowns_in(measured) for end in ("", OFF)]
    names = (*errors_in(measured), *(name for name in unknowns if name in measured))
    return {name: variant.value(name) if variant else None for name in names}


def _unknown_columns(name: str, values: Spread | None) -> dict[str, float | int | None]:
    return _spread_columns(name, values) | {f"{name} deviation": values.deviation if values else None}


def _spread_columns(name: str, values: Spread | None) -> dict[str, float | int | None]:
    low, high = values.interval if values and values.interval else (None, None)
    return {
        f"{name} median": values.median if values else None,
        f"{name} low": low,
        f"{name} high": high,
        f"{name} values": values.count if values else 0,
    }
