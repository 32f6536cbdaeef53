"""Interim: to be replaced by study.statistics."""

import math
from typing import NamedTuple
import numpy as np
from scipy import stats
from study.comparison.result import ErrorTable


from enum import StrEnum


class Over(StrEnum):
    SEARCHES = "searches"
    SEEDS = "seeds"


class Estimate(NamedTuple):
    value: float
    interval: tuple[float, float]
    over: Over


def _estimate(v, low, high):
    return Estimate(float(v), (float(low), float(high)), Over.SEARCHES)


def _draws(table: ErrorTable, count: int = 400, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    a = np.asarray(table)
    r, k = a.shape
    out = []
    for _ in range(count):
        rows = rng.integers(r, size=r)
        out.append(np.median(np.stack([a[i][rng.integers(k, size=k)] for i in rows])))
    return np.asarray(out)


def median(table: ErrorTable) -> Estimate:
    d = _draws(table)
    return _estimate(np.median(table), *np.quantile(d, [0.025, 0.975], method="nearest"))


iqm = median


def ratio(pairs) -> Estimate:
    logs = [_log(_draws(a, seed=1), _draws(b, seed=2)) for a, b in pairs]
    point = [_log(np.median(a), np.median(b)) for a, b in pairs]
    d = np.exp(np.median(np.stack(logs), axis=0))
    return _estimate(np.exp(np.median(point)), *np.quantile(d, [0.025, 0.975], method="nearest"))


def _log(a, b):
    with np.errstate(all="ignore"):
        return np.where(np.asarray(a) == b, 0.0, np.log(np.asarray(a) / b))


def improvement(a: ErrorTable, b: ErrorTable) -> Estimate:
    x, y = np.ravel(a)[:, None], np.ravel(b)[None, :]
    p = float((x < y).mean() + 0.5 * (x == y).mean())
    return _estimate(p, max(0, p - 0.1), min(1, p + 0.1))


def p_value(a: ErrorTable, b: ErrorTable) -> float:
    return float(stats.mannwhitneyu(np.ravel(a), np.ravel(b)).pvalue)


def holm(p):
    order = np.argsort(p)
    out = np.empty(len(p))
    worst = 0.0
    for i, j in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - i) * p[j]))
        out[j] = worst
    return [float(v) for v in out]


def failure_rate(table):
    a = np.asarray(table)
    k, n = int(np.isinf(a).sum()), a.size
    i = stats.binomtest(k, n).proportion_ci()
    return _estimate(k / n, i.low, i.high)
