import math
from itertools import pairwise
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.methods import Soft
from cnn_core.networks import Modulated
from cnn_core.optimizers import Adam
from cnn_core.schedules import (
    Constant,
    Cosine,
    Geometric,
    Linear,
    Schedule,
    Step,
    WarmUp,
    lasting,
    require_nonnegative,
    value_at,
)
from cnn_core.training import Training
from tests.cnn_core.cases import grid_points, make_model, make_problem


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (2.5, {0: 2.5, 0.3: 2.5, 100: 2.5}),
        (3, {0: 3.0, 7: 3.0}),
        (Constant(2.5), {0: 2.5, 100: 2.5}),
        (Linear(1.0, 3.0, epochs=4), {0: 1.0, 1: 1.5, 2.5: 2.25, 4: 3.0, 9: 3.0}),
        (Geometric(1.0, 100.0, epochs=2), {0: 1.0, 0.5: math.sqrt(10), 1: 10.0, 2: 100.0, 5: 100.0}),
        (Cosine(2.0, 0.5), {0: 2.0, 7: 2.0}),  # it belongs to no training
        (lasting(Cosine(2.0, 0.0), 3), {0: 2.0, 1: 1.5, 3: 0.0, 10: 0.0}),
        (lasting(Linear(1.0, 3.0, epochs=4), 7), {1: 1.5, 4: 3.0}),
        (Cosine(2.0, 0.0, epochs=3), {0: 2.0, 1: 1.5, 1.5: 1.0, 2: 0.5, 3: 0.0, 10: 0.0}),
        (Step(8.0, 0.5, every=2), {0: 8.0, 1.99: 8.0, 2: 4.0, 5: 2.0}),
        (WarmUp(6.0, epochs=3, delay=1), {0: 0.0, 0.99: 0.0, 1: 0.0, 2: 2.0, 3.5: 5.0, 4: 6.0, 50: 6.0}),
        (WarmUp(6.0, epochs=0, delay=2), {0: 0.0, 1.99: 0.0, 2: 6.0}),
    ],
)
def test_values_against_the_closed_form(schedule: Schedule, values: dict[float, float]) -> None:
    for epoch, expected in values.items():
        assert value_at(schedule, epoch) == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_every_schedule_is_registered_under_its_own_name() -> None:
    examples = [Constant(1), Linear(1, 2, 3), Geometric(1, 2, 3), Cosine(1, 2, 3), Step(1, 2, 3), WarmUp(1, 2)]
    kinds = [kind for kind in get_args(Schedule) if kind is not float]
    assert {example.name: type(example) for example in examples} == {kind.name: kind for kind in kinds}


@given(
    kind=st.sampled_from([Linear, Geometric, Cosine]),
    start=st.floats(1e-6, 1e6),
    end=st.floats(1e-6, 1e6),
    epochs=st.floats(0.1, 1e3),
    times=st.lists(st.floats(0, 2e3), min_size=2, max_size=6),
)
def test_ramps_are_monotone_and_stay_between_their_ends(
    kind: type[Linear | Geometric | Cosine], start: float, end: float, epochs: float, times: list[float]
) -> None:
    ramp = kind(start, end, epochs)
    values = [ramp.at(time) for time in sorted(times)]
    rounding = 1e-12 * max(start, end)
    assert all(min(start, end) - rounding <= value <= max(start, end) + rounding for value in values)
    steps = [(b - a) * (1 if end >= start else -1) for a, b in pairwise(values)]
    assert all(step >= -rounding for step in steps)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(1, 2, 0), r"epochs > 0, got 0"),
        (lambda: Cosine(1, 2, -1), r"epochs > 0, got -1"),
        (lambda: Geometric(0, 2, 1), r"start > 0 and end > 0, got 0 and 2"),
        (lambda: Geometric(1, 2, 0), r"epochs > 0, got 0"),
        (lambda: Step(1, 0.5, 0), r"every > 0 epochs and factor > 0, got 0 and 0.5"),
        (lambda: Step(1, -0.5, 1), r"every > 0 epochs and factor > 0, got 1 and -0.5"),
        (lambda: WarmUp(1, -1), r"epochs >= 0 and delay >= 0, got -1 and 0"),
        (lambda: WarmUp(1, 1, delay=-2), r"epochs >= 0 and delay >= 0, got 1 and -2"),
    ],
)
def test_meaningless_schedules_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("schedule", [-1.0, Constant(-1.0), Linear(1.0, -0.1, 5), Cosine(-1, 2, 3), math.nan])
def test_negative_values_are_refused_by_name(schedule: Schedule) -> None:
    with pytest.raises(ValueError, match="weight must not be negative, got"):
        require_nonnegative(gain=1.0, weight=schedule)


def test_a_step_schedule_may_grow_without_end() -> None:
    growing = Step(1.0, 10.0, every=5)
    require_nonnegative(penalty=growing)
    assert growing.at(1e6) == math.inf
    assert Step(0.0, 10.0, every=1).at(1e6) == 0.0


@pytest.mark.parametrize("kind", [Linear, Geometric, Cosine])
def test_one_without_epochs_lasts_as_long_as_its_training(kind: type[Linear | Geometric | Cosine]) -> None:
    problem = make_problem("helmholtz")
    model, points = make_model(problem, Modulated(widths=(4,))), grid_points(problem, 6)

    def trained(epochs: int | None) -> Training:
        method = Soft(weight=kind(1.0, 4.0, epochs), weights={"helmholtz": kind(2.0, 3.0, epochs)})
        training = Training(model, points, method, Adam(kind(1e-2, 1e-4, epochs)), 3, 4)
        for _ in range(4):
            training.run_epoch()
        return training

    found, expected = trained(None), trained(4)
    assert found.method == expected.method and torch.equal(found.theta, expected.theta)
    assert not torch.equal(found.theta, trained(2).theta)
    with pytest.raises(ValueError, match="weight must not be negative"):
        Soft(weight=Linear(1.0, -1.0))
