"""What a study found: tables from its journal.

A trial leaves one or two *variants*: the network as trained and, if the study projects, the same after projection. Both
carry their errors under the same names (`validation/data_mse`, `test/constraint_mse` …), so that they can be compared.

* Selection uses validation figures alone. Test figures are carried along and choose nothing.
* Only completed trials can be best or in the Pareto set, of those only ones that keep the study's bounds. Pruned and
  stopped ones were cut short.
* A diverged trial counts as the worst value in a median; leaving it out would flatter a method that often diverges.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from cnn_core.methods import METHODS
from cnn_core.metrics import WORST
from search_spaces.schema import Study
from study.journal.journal import TrialRecord, TrialStatus

DATA = "validation/data_mse"
CONSTRAINT = "validation/constraint_mse"
ERRORS = (DATA, CONSTRAINT, "validation/relative_l2", "test/data_mse", "test/constraint_mse", "test/relative_l2")
"""What tables say of a variant, in this order."""

BASELINE = "unconstrained"
"""The method whose training time is the unit of cost."""

NO_BETTER_THAN_ZERO = 0.9
"""From this relative error |u − u*| / |u*| on, a network is hardly nearer to the data than u = 0, where it is 1."""


@dataclass(frozen=True)
class Variant:
    """A trial's network as trained, or after projection. `seconds` includes the projection's where there was one."""

    trial: str
    method: str
    projected: bool
    status: TrialStatus
    figures: Mapping[str, float]
    seconds: float | None
    feasible: bool = True

    def figure(self, name: str) -> float | None:
        """A figure by its plain name; None where it was not measured or counts as the worst."""
        value = self.figures.get(name)
        return None if value is None or abs(value) >= WORST else value

    @property
    def moved(self) -> bool:
        """Whether this is another network than the trained one: not if its projection took no step or was refused."""
        return not self.projected or (
            self.figures.get("projection/steps") != 0 and self.figures.get("projection/accepted") != 0
        )

    @property
    def flat(self) -> bool:
        """Whether the network is hardly nearer to the test data than the zero function."""
        return (self.figure("test/relative_l2") or 0.0) >= NO_BETTER_THAN_ZERO


@dataclass(frozen=True)
class Spread:
    """The median of `count` values, and its 95 % interval, which fewer than six values do not have."""

    median: float
    interval: tuple[float, float] | None
    count: int


@dataclass(frozen=True)
class LeaderboardRow:
    """A method, with or without projection. Validation and test errors spread over its completed, diverged trials."""

    method: str
    projected: bool
    counts: Mapping[TrialStatus, int]
    best: Variant | None
    data: Spread | None
    constraint: Spread | None
    test_data: Spread | None
    test_constraint: Spread | None
    seconds: float | None
    cost: float | None


@dataclass(frozen=True)
class Analysis:
    """A study's tables, each may be empty. `metric` is the validation figure by which the best trials were chosen."""

    study: Study
    records: Mapping[str, TrialRecord]
    variants: Sequence[Variant]
    leaderboard: Sequence[LeaderboardRow]
    pareto: Sequence[Variant]
    metric: str
    mode: str

    def best_trials(self) -> dict[str, TrialRecord]:
        """The best trial of every method that has one, chosen as trained."""
        best = {row.method: row.best for row in self.leaderboard if not row.projected}
        return {method: self.records[variant.trial] for method, variant in best.items() if variant}


def analyse(study: Study, records: Mapping[str, TrialRecord]) -> Analysis:
    """All tables of a study, finished or not."""
    metric, mode = selection(study)
    variants = [
        replace(variant, feasible=keeps_bounds(study, variant))
        for record in records.values()
        for variant in variants_of(record)
    ]
    rows = leaderboard(variants, metric=metric, mode=mode)
    return Analysis(study, records, variants, rows, pareto_set(variants), metric, mode)


def keeps_bounds(study: Study, variant: Variant) -> bool:
    """Whether a network's own errors are within the study's bounds; `projected/…` ones are for projected networks."""
    for name, bound in study.bounds.items():
        split, _, _ = name.partition("/")
        if split == ("train" if variant.projected else "projected"):  # not measured of such a network
            continue
        value = variant.figure(name.removeprefix("projected/"))
        if value is None or value > bound:
            return False
    return True


def selection(study: Study) -> tuple[str, str]:
    """(figure, min or max) by which the best trials are chosen: the first objective measured on validation data."""
    for objective, mode in study.objectives.items():
        name = objective.removeprefix("projected/")
        if name.startswith("validation/"):
            return name, mode
    return DATA, "min"


def variants_of(record: TrialRecord) -> list[Variant]:
    """The trial as trained and, where it was projected, as projected. A running trial shows its last epoch."""
    metrics = record.metrics or (record.history[-1][2] if record.history else {})
    figures = {name: float(value) for name, value in metrics.items() if isinstance(value, int | float)}
    prefix = "projected/"
    projected = {name.removeprefix(prefix): value for name, value in figures.items() if name.startswith(prefix)}
    how = {name: value for name, value in figures.items() if name.startswith("projection/")}
    seconds = figures.get("time/train_s")
    variants = [Variant(record.trial, record.method, False, record.status, figures, seconds)]
    if projected:
        total = None if seconds is None else seconds + figures.get("time/projection_s", 0.0)
        variants.append(Variant(record.trial, record.method, True, record.status, projected | how, total))
    return variants


def leaderboard(variants: Iterable[Variant], *, metric: str = DATA, mode: str = "min") -> list[LeaderboardRow]:
    """A row per method and, below it, one for its projected networks; the method with the best trial first."""
    groups: dict[tuple[str, bool], list[Variant]] = {}
    for variant in variants:
        groups.setdefault((variant.method, variant.projected), []).append(variant)
    baseline = _seconds(groups.get((BASELINE, False), []))
    rows = {key: _row(group, metric=metric, mode=mode, baseline=baseline) for key, group in groups.items()}

    def rank(key: tuple[str, bool]) -> tuple[bool, float, int, str, bool]:
        method, projected = key
        trained = rows.get((method, False))
        best = trained.best.figure(metric) if trained and trained.best else None
        return best is None, _cost(best or 0.0, mode), _method_order(method), method, projected

    return [rows[key] for key in sorted(rows, key=rank)]


def pareto_set(variants: Iterable[Variant]) -> list[Variant]:
    """The completed variants that no other one beats in both errors, by rising data error.

    One variant beats another if it is nowhere worse and somewhere better; equal ones do not beat each other.
    """
    pairs = [
        ((data, constraint), variant)
        for variant in variants
        if variant.status is TrialStatus.COMPLETED
        and variant.moved
        and variant.feasible
        and (data := variant.figure(DATA)) is not None
        and (constraint := variant.figure(CONSTRAINT)) is not None
    ]
    front: list[tuple[tuple[float, float], Variant]] = []
    for errors, variant in sorted(pairs, key=lambda pair: pair[0]):
        if not front or errors[1] < front[-1][0][1] or errors == front[-1][0]:
            front.append((errors, variant))
    return [variant for _, variant in front]


def spread(values: Iterable[float]) -> Spread | None:
    """Median and its distribution-free 95 % interval, between two order statistics; None without values.

    (x_(k), x_(n+1−k)) holds the median with probability 1 − 2 P(B ≤ k − 1), B binomial (n, 1/2); k is the largest
    that leaves 95 %. For n < 6 even the whole range holds it less often, so there is no interval.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    count, below, tail = len(ordered), 0, 0.5 ** len(ordered)
    while tail <= 0.025:
        below += 1
        tail += math.comb(count, below) * 0.5**count
    interval = (ordered[below - 1], ordered[count - below]) if below else None
    return Spread(median(ordered), interval, count)


def best_so_far(analysis: Analysis) -> dict[str, list[float | None]]:
    """Per method, the best selected figure after each of its trials that ended, in the order in which they ended."""
    curves: dict[str, list[float | None]] = {}
    ended = [record for record in analysis.records.values() if record.status is not TrialStatus.RUNNING]
    for record in sorted(ended, key=lambda record: record.ended or record.started):
        curve = curves.setdefault(record.method, [])
        values = (curve[-1] if curve else None, _score(analysis, record))
        known = [value for value in values if value is not None]
        curve.append(min(known, key=lambda value: _cost(value, analysis.mode)) if known else None)
    return curves


def leaderboard_table(rows: Iterable[LeaderboardRow]) -> list[dict[str, Any]]:
    """The leaderboard as flat rows with equal keys."""
    return [
        {"method": row.method, "projected": row.projected}
        | {str(status): row.counts[status] for status in TrialStatus}
        | {"best_trial": row.best.trial if row.best else None}
        | {name: row.best.figure(name) if row.best else None for name in ERRORS}
        | _spread_columns(DATA, row.data)
        | _spread_columns(CONSTRAINT, row.constraint)
        | {"seconds_median": row.seconds, "cost_ratio": row.cost}
        for row in rows
    ]


def variant_table(variants: Iterable[Variant]) -> list[dict[str, Any]]:
    """Variants, such as the Pareto set, as flat rows with equal keys."""
    return [
        {"trial": variant.trial, "method": variant.method, "projected": variant.projected}
        | {name: variant.figure(name) for name in ERRORS}
        | {"seconds": variant.seconds}
        for variant in variants
    ]


def trial_table(records: Iterable[TrialRecord]) -> list[dict[str, Any]]:
    """Everything the journal knows of every trial, with the union of all values and figures as columns."""
    rows = [
        {"trial": record.trial, "method": record.method, "status": str(record.status), "epochs": len(record.history)}
        | {"started": record.started, "ended": record.ended, "error": record.error}
        | record.values
        | (record.metrics or (record.history[-1][2] if record.history else {}))
        | {"status": str(record.status)}
        for record in records
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _row(group: Sequence[Variant], *, metric: str, mode: str, baseline: float | None) -> LeaderboardRow:
    ranked = [
        (value, variant)
        for variant in group
        if variant.status is TrialStatus.COMPLETED
        and variant.feasible
        and (value := variant.figure(metric)) is not None
    ]
    best = min(ranked, key=lambda pair: _cost(pair[0], mode))[1] if ranked else None
    seconds = _seconds(group)
    return LeaderboardRow(
        method=group[0].method,
        projected=group[0].projected,
        counts={status: sum(variant.status is status for variant in group) for status in TrialStatus},
        best=best,
        data=spread(_values(group, DATA)),
        constraint=spread(_values(group, CONSTRAINT)),
        test_data=spread(_values(group, "test/data_mse")),
        test_constraint=spread(_values(group, "test/constraint_mse")),
        seconds=seconds,
        cost=seconds / baseline if seconds is not None and baseline else None,
    )


def _values(group: Sequence[Variant], name: str) -> list[float]:
    diverged = [WORST for variant in group if variant.status is TrialStatus.DIVERGED]
    completed = [variant.figures for variant in group if variant.status is TrialStatus.COMPLETED]
    return diverged + [figures[name] for figures in completed if name in figures]


def _seconds(group: Sequence[Variant]) -> float | None:
    seconds = [
        variant.seconds for variant in group if variant.status is TrialStatus.COMPLETED and variant.seconds is not None
    ]
    return median(seconds) if seconds else None


def _score(analysis: Analysis, record: TrialRecord) -> float | None:
    trained = variants_of(record)[0]
    counts = record.status is TrialStatus.COMPLETED and keeps_bounds(analysis.study, trained)
    return trained.figure(analysis.metric) if counts else None


def _cost(value: float, mode: str) -> float:
    return -value if mode == "max" else value


def _method_order(method: str) -> int:
    names = list(METHODS)
    return names.index(method) if method in names else len(names)


def _spread_columns(name: str, values: Spread | None) -> dict[str, float | int | None]:
    low, high = values.interval if values and values.interval else (None, None)
    return {
        f"{name} median": values.median if values else None,
        f"{name} low": low,
        f"{name} high": high,
        f"{name} values": values.count if values else 0,
    }
