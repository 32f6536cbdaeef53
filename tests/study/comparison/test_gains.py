"""What projecting changed, network by network."""

import math
from dataclasses import replace

import pytest

from cnn_core.metrics import WORST
from study.comparison.gains import gains, in_short
from study.comparison.result import Comparison, EntryResult
from tests.study.comparison.made_up import CONSTRAINT, ERROR, comparison, entry, problem


def projected(name: str, after: list[float], before: list[float]) -> EntryResult:
    """One search; inf before is a training that diverged."""
    made = entry(name, [after], projected=True, constraint=1e-6)
    (search,) = made.searches
    runs = [
        replace(run, before={ERROR: min(was, WORST), CONSTRAINT: 1e-3 if was < math.inf else WORST})
        for run, was in zip(search.confirmed, before, strict=True)
    ]
    return replace(made, searches=(replace(search, confirmed=tuple(runs)),))


def made() -> Comparison:
    soft, batch = entry("soft", [[1.0, 2.0, 4.0]]), entry("batch", [[9.0, 9.0, 9.0]])
    waves = (soft, projected("soft", [0.1, 0.6, 4.0], [1.0, 2.0, 4.0]), batch)
    flow = (soft, projected("soft", [0.5, math.inf, 1.0], [1.0, 2.0, math.inf]), batch)
    return comparison(problem("waves", *waves), problem("flow", *flow))


def test_a_network_is_compared_with_itself() -> None:
    waves, flow = gains(made())
    assert (waves.problem, waves.label) == ("waves", "soft + projection")
    assert waves.ratios == pytest.approx((0.1, 0.3, 1.0))
    assert (waves.ratio, waves.improved) == (pytest.approx(0.3), 2)
    assert waves.constraint_ratio == pytest.approx(1e-3)
    assert flow.ratios == (0.5, math.inf)
    assert (flow.ratio, flow.improved) == (math.inf, 1)


def test_it_is_said_of_all_of_them_in_a_sentence() -> None:
    comparison = made()
    assert list(in_short(comparison, list(gains(comparison)))) == [
        "Projecting a trained network lowers its test error in 3 of 5 runs with fresh seeds; medians of after over "
        "before: 0.30 × on waves, ∞ × on flow."
    ]
    assert list(in_short(comparison, [])) == []
