"""When multipliers are computed anew, and what is held in between."""

import pytest
import torch

from cnn_core.methods.refresh import due, held, held_pull, none_yet, older, require_refresh
from cnn_core.networks import Modulated
from tests.cnn_core.cases import grid_points, make_model, make_problem, make_step


@pytest.mark.parametrize(("interval", "expected"), [(1, [0, 1, 2, 3, 4, 5]), (3, [0, 3]), (None, [0])])
def test_multipliers_are_due_at_first_and_every_so_many_steps(interval: int | None, expected: list[int]) -> None:
    state, found = none_yet(), []
    for step in range(6):
        if due(state, interval):
            found.append(step)
        state = older(state)
    assert found == expected


def test_held_multipliers_stay_at_their_points() -> None:
    model = make_model(make_problem("helmholtz"), Modulated(widths=(4,)))
    first, later = (make_step(model, grid_points(model.problem, 3, seed=seed)) for seed in (0, 1))
    multipliers = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    state = held(first, multipliers)
    assert torch.equal(
        held_pull(later, older(state)),
        first.pull(multipliers, {"interior": (first.parts[0].batch.x, first.parts[0].batch.p)}),
    )
    assert [due(one, 2) for one in (state, older(state))] == [False, True]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0, 0.0, None), "refresh_interval must be at least 1 step, got 0"),
        ((1, -1.0, None), "warm_up must be 0 or more epochs, got -1.0"),
        ((1, 0.0, 0.0), "cap must be positive or null, got 0.0"),
    ],
)
def test_values_that_mean_nothing_are_refused(settings: tuple[int, float, float | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_refresh(*settings)
