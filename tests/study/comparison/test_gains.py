"""What projecting changed, network by network."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from cnn_core.metrics import WORST
from study.comparison.gains import gains, gains_in_short
from study.comparison.result import Comparison, EntryResult
from tests.study.comparison.made_up import CONSTRAINT, ERROR, comparison, entry, problem


def projected(name: str, before: Sequence[float], after: Sequence[float]) -> EntryResult:
    """One search of these test errors; inf before is a run that failed, inf after a projection that diverged."""
    made = entry(name, [before])
    (search,) = made.searches
    runs = [
        run if run.failed else replace(run, after={ERROR: min(error, WORST), CONSTRAINT: 1e-6})
        for run, error in zip(search.confirmed, after, strict=True)
    ]
    return replace(made, searches=(replace(search, confirmed=tuple(runs)),))


def made() -> Comparison:
    waves = projected("soft", [1.0, 2.0, 4.0], [0.1, 0.6, 4.0])
    flow = projected("soft", [1.0, 2.0, math.inf], [0.5, math.inf, 1.0])
    batch = entry("batch", [[9.0, 9.0, 9.0]])
    return comparison(problem("waves", waves, batch), problem("flow", flow, batch))


def test_a_network_is_compared_with_itself() -> None:
    waves, flow = gains(made())
    assert (waves.problem, waves.contestant) == ("waves", "soft")
    assert waves.ratios == pytest.approx((0.1, 0.3, 1.0))
    assert (waves.lower, waves.higher, waves.unknown) == (2, 0, 0)
    assert waves.constraint_ratio == pytest.approx(1e-3)
    assert flow.ratios == (0.5, math.inf)
    assert (flow.lower, flow.higher, flow.unknown) == (1, 1, 1)


def test_lowering_what_a_projection_minimises_is_no_gain() -> None:
    one = made()
    alone = replace(one, problems=tuple(replace(each, error=CONSTRAINT) for each in one.problems))
    assert list(gains(alone)) == []


def test_it_is_said_of_all_of_them_in_a_sentence() -> None:
    one = made()
    assert list(gains_in_short(one, list(gains(one)))) == [
        "Projecting lowers the test error of 3 of 5 trained networks (1 more failed); error after over before, in the "
        "median: 0.30 × on waves, ∞ × on flow."
    ]
    assert list(gains_in_short(one, [])) == []
