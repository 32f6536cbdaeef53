"""The leaderboard: a row for every method, with its best trial, how its errors spread, and what it costs.

* Selection uses validation metrics alone. Test metrics are carried along and choose nothing.
* A diverged trial counts as the worst value in a median; leaving it out would flatter a method that often diverges.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from cnn_core.methods import METHODS
from cnn_core.metrics import WORST
from study.analysis.measured import UNKNOWN, unknowns_in
from study.analysis.spread import Spread, spread
from study.analysis.variants import CONSTRAINT, DATA, Variant, distinct
from study.journal.events import TrialStatus

BASELINE = "unconstrained"
"""The method whose training time is the unit of cost."""


@dataclass(frozen=True)
class LeaderboardRow:
    """A method, with or without projection. Validation and test errors spread over its completed, diverged trials.

    `unknowns` are the values that completed trials found, by name: no value is the worst, so that diverged ones have
    none, and projected networks only where these were `sought`. An error or an unknown that no trial measures has no
    spread.
    """

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
    unknowns: Mapping[str, Spread] = field(default_factory=dict)
    sought: bool = False


def leaderboard(
    variants: Iterable[Variant], *, metric: str = DATA, mode: str = "min", order: Sequence[str] = tuple(METHODS)
) -> list[LeaderboardRow]:
    """A row per method and, below it, one for its projected networks; the method with the best trial first.

    Methods without one stand in this `order`, others behind them.
    """
    groups: dict[tuple[str, bool], list[Variant]] = {}
    for variant in variants:
        groups.setdefault((variant.method, variant.projected), []).append(variant)
    baseline = _seconds(groups.get((BASELINE, False), []))
    measured = {name for group in groups.values() for variant in group for name in variant.metrics}
    rows = {
        key: _row(group, metric=metric, mode=mode, baseline=baseline, measured=measured)
        for key, group in groups.items()
    }

    def rank(key: tuple[str, bool]) -> tuple[bool, float, int, str, bool]:
        method, projected = key
        trained = rows.get((method, False))
        best = trained.best.value(metric) if trained and trained.best else None
        place = order.index(method) if method in order else len(order)
        return best is None, loss(best or 0.0, mode), place, method, projected

    return [rows[key] for key in sorted(rows, key=rank)]


def loss(value: float, mode: str) -> float:
    """A value so that smaller is better, whether it is to be `min` or `max`."""
    return -value if mode == "max" else value


def _row(
    group: Sequence[Variant], *, metric: str, mode: str, baseline: float | None, measured: Collection[str]
) -> LeaderboardRow:
    ranked = [
        (value, variant) for variant in group if variant.eligible and (value := variant.value(metric)) is not None
    ]
    best = min(ranked, key=lambda pair: (pair[1].astray, loss(pair[0], mode)))[1] if ranked else None
    seconds = _seconds(group)
    data, constraint, test_data, test_constraint = (
        spread(_values(group, name)) if name in measured else None
        for name in (DATA, CONSTRAINT, "test/data_mse", "test/constraint_mse")
    )
    return LeaderboardRow(
        method=group[0].method,
        projected=group[0].projected,
        counts={status: sum(variant.status is status for variant in group) for status in TrialStatus},
        best=best,
        data=data,
        constraint=constraint,
        test_data=test_data,
        test_constraint=test_constraint,
        seconds=seconds,
        cost=seconds / baseline if seconds is not None and baseline else None,
        unknowns=_unknowns(group),
        sought=any(variant.sought for variant in group),
    )


def _values(group: Sequence[Variant], name: str) -> list[float]:
    """Those of a network that several trials share count once."""
    ended = list(distinct(one for one in group if one.status in (TrialStatus.DIVERGED, TrialStatus.COMPLETED)))
    diverged = [WORST for variant in ended if variant.status is TrialStatus.DIVERGED]
    completed = [variant.metrics for variant in ended if variant.status is TrialStatus.COMPLETED]
    return diverged + [metrics[name] for metrics in completed if name in metrics]


def finders(group: Iterable[Variant]) -> list[Variant]:
    """Those of a method's completed networks whose unknowns are their own, and that did not go astray for them."""
    done = list(distinct(variant for variant in group if variant.status is TrialStatus.COMPLETED))
    if any(variant.sought for variant in done):
        return [variant for variant in done if variant.sought and not variant.astray]
    return [variant for variant in done if not variant.projected]


def _unknowns(group: Sequence[Variant]) -> dict[str, Spread]:
    """The values of unknowns that these trials found."""
    done = finders(group)
    names = unknowns_in(dict.fromkeys(name for variant in done for name in variant.metrics))
    found = {
        name: spread(value for one in done if (value := one.value(f"{UNKNOWN}{name}")) is not None) for name in names
    }
    return {name: values for name, values in found.items() if values is not None}


def _seconds(group: Sequence[Variant]) -> float | None:
    seconds = [
        variant.seconds for variant in group if variant.status is TrialStatus.COMPLETED and variant.seconds is not None
    ]
    return median(seconds) if seconds else None
