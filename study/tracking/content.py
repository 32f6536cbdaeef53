"""What MLflow is told about a study: names, parameters, tags, description. Pure functions of the journal.

An experiment holds all runs of one study file. In it a study is a parent run, with metrics of its own over the number
of trials that ended, and every trial a child run. Names are those of study files and metrics: `training.method.weight`
is a parameter, `validation/data_mse` a metric; `method`, `problem`, `projection`, `status` are tags to filter by.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from search_spaces.schema import Study
from search_spaces.space import planned
from study.analysis.findings import Analysis
from study.analysis.measured import OFF, UNKNOWN, errors_in, unknowns_in
from study.analysis.variants import Variant
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.report.looks import look
from study.tracking.names import fit

LONGEST_TEXT = 6000
"""MLflow's limit for a parameter; tags may be a little longer."""

STUDY_SECTIONS = ("study", "search", "contestants", "objectives", "tune", "resources", "edition")
"""Keys of a study file that say nothing about one trial."""

RUN_STATUS = {
    TrialStatus.COMPLETED: "FINISHED",
    TrialStatus.PRUNED: "FINISHED",
    TrialStatus.DIVERGED: "FINISHED",
    TrialStatus.FAILED: "FAILED",
    TrialStatus.STOPPED: "KILLED",
    TrialStatus.LOST: "FAILED",
}
"""MLflow's status of an ended trial; the tag `status` has ours."""

TABLE_COLUMNS = {
    "validation/data_mse": "validation: data",
    "validation/constraint_mse": "validation: constraint",
    "test/data_mse": "test: data",
    "test/constraint_mse": "test: constraint",
}
GAP = "&emsp;"
"""MLflow's tables have no space between columns."""

MOST_ROWS = 20


def run_name(trial: str, settings: Study, *, contestant: str | None = None) -> str:
    """A trial's name in tables and plots: its number and its contestant or method."""
    return f"{trial} {contestant or settings.method}"


def trial_parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings of one trial as flat text, without those of its study."""
    return _flat({key: value for key, value in settings.items() if key not in STUDY_SECTIONS})


def study_parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a study as flat text, without `tune.trials`: that may grow, and MLflow's parameters are final."""
    flat = _flat({key: value for key, value in settings.items() if key != "study"})
    return {path: text for path, text in flat.items() if path != "tune.trials"}


def trial_tags(
    trial: str, settings: Study, *, contestant: str | None = None, among: Sequence[str] = ()
) -> dict[str, str]:
    """What trials are filtered and grouped by, and their method's colour in all charts.

    A `contestant` is in the place of a method; its colour is its own `among` the others.
    """
    method = contestant or settings.method
    return {
        "trial": trial,
        "method": method,
        "problem": settings.problem.name,
        "projection": "none" if settings.projection is None else settings.projection.solver,
        "network": settings.network.name,
        "seed": str(settings.training.seed),
        "mlflow.runColor": look(method, among).colour,
    }


def study_tags(study: Study) -> dict[str, str]:
    """What studies are filtered by."""
    return {"problem": study.problem.name, "planned_trials": str(planned(study))}


def code_tags(provenance: Mapping[str, str]) -> dict[str, str]:
    """Which code the metrics come from, also as the commit that MLflow shows."""
    shown = {"mlflow.source.git.commit": provenance["git_commit"]} if "git_commit" in provenance else {}
    return dict(provenance) | shown


def last_metrics(record: TrialRecord) -> dict[str, float]:
    """The metrics that a trial ended with."""
    return {name: value for name, value in record.metrics.items() if not isinstance(value, str)}


def last_tags(record: TrialRecord) -> dict[str, str]:
    """How a trial ended: its statuses and its error."""
    statuses = {name: value for name, value in record.metrics.items() if isinstance(value, str)}
    error = {"error": record.error[:LONGEST_TEXT]} if record.error else {}
    return statuses | error | {"status": str(record.status)}


def description(analysis: Analysis, *, name: str, trials: int, links: Mapping[str, str]) -> str:
    """A study of so many `trials` in Markdown: where to look (`links`: title → address), what it searched and found."""
    study = analysis.study
    counts = {status: 0 for status in TrialStatus}
    for record in analysis.records.values():
        counts[record.status] += 1
    so_far = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    objectives = " and ".join(f"`{objective}` ({mode})" for objective, mode in study.objectives.items())
    best = [row.best for row in analysis.leaderboard if row.best]
    columns = _columns(analysis.measured)
    pareto = ["**Pareto set** of data error against constraint error", _table(analysis.pareto[:MOST_ROWS], columns)]
    parts = [
        "**See** " + " · ".join(f"[{title}]({address})" for title, address in links.items()),
        f"**{name}** on {study.problem.name}: {so_far or 'no trials yet'}, of {max(trials, len(analysis.records))} "
        f"planned. Objectives {objectives}, sampler {study.tune.sampler}, scheduler {study.tune.scheduler.name}.",
        f"**Best trial of every method**, by `{analysis.metric}`; errors are mean squares",
        _table(best, columns),
        *(pareto if analysis.may_trade_off else []),
        "Trials are the child runs of this one. To find some of them, filter the runs with, for instance, "
        f"``tags.method = 'soft' and metrics.`{analysis.metric}` < 0.1``. Test metrics chose nothing.",
    ]
    return "\n\n".join(parts)


def _flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Dotted path (one that MLflow takes) → value, lists as values between commas. What is null is left out."""
    return {fit(path): _text(value)[:LONGEST_TEXT] for path, value in _leaves(settings) if value is not None}


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def _columns(measured: Sequence[str]) -> dict[str, str]:
    """Metric → heading, of the errors and unknowns that are measured."""
    errors = errors_in(measured)
    found = {name: heading for name, heading in TABLE_COLUMNS.items() if name in errors}
    for name in unknowns_in(measured):
        found |= {f"{UNKNOWN}{name}": name} | {f"{UNKNOWN}{name}{OFF}": f"{name}: relative error"}
    return {name: heading for name, heading in found.items() if name in measured or name in errors}


def _table(variants: Iterable[Variant], columns: Mapping[str, str]) -> str:
    rows = [["trial", "method", *columns.values()], ["---"] * (2 + len(columns))]
    for variant in variants:
        values = [variant.value(column) for column in columns]
        method = variant.method + (" + projection" if variant.projected else "")
        rows.append([variant.trial, method, *("" if value is None else f"{value:.3g}" for value in values)])
    rows[0] = [f"{title}{GAP}" for title in rows[0]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) if len(rows) > 2 else "None yet."
