"""What the CSV files of a report say: flat rows with equal keys, every number with all its digits."""

from collections.abc import Iterable
from typing import Any

from study.analysis.leaderboard import LeaderboardRow
from study.analysis.spread import Spread
from study.analysis.variants import CONSTRAINT, DATA, ERRORS, Variant
from study.journal.journal import TrialRecord, TrialStatus


def leaderboard_rows(rows: Iterable[LeaderboardRow]) -> list[dict[str, Any]]:
    """The leaderboard."""
    return [
        {"method": row.method, "projected": row.projected}
        | {str(status): row.counts[status] for status in TrialStatus}
        | {"best_trial": row.best.trial if row.best else None}
        | {name: row.best.value(name) if row.best else None for name in ERRORS}
        | _spread_columns(DATA, row.data)
        | _spread_columns(CONSTRAINT, row.constraint)
        | {"seconds_median": row.seconds, "cost_ratio": row.cost}
        for row in rows
    ]


def variant_rows(variants: Iterable[Variant]) -> list[dict[str, Any]]:
    """Variants, such as the Pareto set."""
    return [
        {"trial": variant.trial, "method": variant.method, "projected": variant.projected}
        | {name: variant.value(name) for name in ERRORS}
        | {"seconds": variant.seconds}
        for variant in variants
    ]


def trial_rows(records: Iterable[TrialRecord]) -> list[dict[str, Any]]:
    """Everything the journal knows of every trial, with the union of all values and metrics as columns."""
    rows = [
        {"trial": record.trial, "method": record.method, "status": str(record.status), "epochs": len(record.history)}
        | {"started": record.started, "ended": record.ended, "error": record.error}
        | record.values
        | dict(record.latest)
        | {"status": str(record.status)}
        for record in records
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _spread_columns(name: str, values: Spread | None) -> dict[str, float | int | None]:
    low, high = values.interval if values and values.interval else (None, None)
    return {
        f"{name} median": values.median if values else None,
        f"{name} low": low,
        f"{name} high": high,
        f"{name} values": values.count if values else 0,
    }
