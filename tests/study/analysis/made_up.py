"""Networks and trials with made-up metrics."""

from dataclasses import replace
from typing import Any

from study.analysis.variants import CONSTRAINT, DATA, Variant
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord


def variant(data: float, constraint: float, **changes: Any) -> Variant:
    metrics = {DATA: data, CONSTRAINT: constraint}
    return replace(Variant("0", "soft", False, TrialStatus.COMPLETED, metrics, 1.0), **changes)


def record(
    trial: str = "0", method: str = "soft", status: TrialStatus = TrialStatus.COMPLETED, **metrics: float
) -> TrialRecord:
    """A trial that ended at second `trial` + 1; a double underscore stands for the slash of a metric's name."""
    named: dict[str, float | str] = {name.replace("__", "/"): value for name, value in metrics.items()}
    return TrialRecord(trial, {}, method, status, started=float(trial), ended=float(trial) + 1, metrics=named)
