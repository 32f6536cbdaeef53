"""One multiplier per reduced constraint, against the formula written out."""

import pytest
import torch

from cnn_core.methods import Reduction
from cnn_core.reductions import Huber, Lp
from cnn_core.reductions import Reduction as AnyReduction
from tests.cnn_core.cases import relative
from tests.cnn_core.methods.reduced import first_step, formula, values_and_rows, walk

REDUCTIONS: list[AnyReduction] = [Lp(1.0), Lp(1.5), Lp(2.0), Lp(3.0), Huber(), Huber(0.1)]


@pytest.mark.parametrize("damping", [0.0, 0.1])
@pytest.mark.parametrize("reduction", REDUCTIONS, ids=str)
@pytest.mark.parametrize("name", ["helmholtz", "viscous-flow", "synthetic"])
def test_direction_against_the_formula(name: str, reduction: AnyReduction, damping: float) -> None:
    step = first_step(name)
    method = Reduction(reduction=reduction, gain=0.7, objective_rate=1.3, damping=damping)
    expected, multipliers = formula(*values_and_rows(step, reduction), gain=0.7, rate=1.3, damping=damping)
    answer = method.direction(step, {"age": 0})
    assert relative(answer.gradient, expected) < 1e-9
    assert relative(answer.state["multipliers"], multipliers) < 1e-9
    if damping == 0:
        values, rows = values_and_rows(step, reduction)
        assert relative(rows[1:] @ answer.gradient, 0.7 * values[1:]) < 1e-10


def test_multipliers_are_kept_between_refreshes() -> None:
    steps = walk(Reduction(refresh_interval=3), 7)
    for start in (0, 3, 6):
        step, direction, state = steps[start]
        expected, multipliers = formula(*values_and_rows(step, Lp()), gain=1.0, rate=1.0)
        assert relative(direction, expected) < 1e-9
        assert relative(state["multipliers"], multipliers) < 1e-9
        for held, answer, _ in steps[start + 1 : start + 3]:
            _, rows = values_and_rows(held, Lp())
            assert relative(answer, rows[0] + multipliers @ rows[1:]) < 1e-9


def test_before_the_warm_up_training_is_unconstrained() -> None:
    steps = walk(Reduction(warm_up=0.5), 4)
    for step, direction, _ in steps[:2]:
        assert relative(direction, values_and_rows(step, Lp())[1][0]) < 1e-13
    for step, direction, _ in steps[2:]:
        assert relative(direction, formula(*values_and_rows(step, Lp()), gain=1.0, rate=1.0)[0]) < 1e-9


def test_a_cap_bounds_the_multipliers_and_keeps_their_direction() -> None:
    step = first_step()
    values, rows = values_and_rows(step, Lp())
    _, multipliers = formula(values, rows, gain=1.0, rate=1.0)
    cap = float(multipliers.abs().max()) / 5
    answer = Reduction(cap=cap).direction(step, {"age": 0})
    assert relative(answer.state["multipliers"], multipliers / 5) < 1e-9
    assert relative(answer.gradient, rows[0] + multipliers / 5 @ rows[1:]) < 1e-9


def test_the_multiplier_of_a_mean_square_blows_up_near_the_solution() -> None:
    """The documented fault: R = mean g² for g smaller by s needs λ larger by 1/s to hold ∇f off."""
    rows, gradient = torch.randn(4, 50, dtype=torch.float64), torch.randn(50, dtype=torch.float64)
    found = []
    for size in (1.0, 1e-3):
        residuals = size * torch.ones(4, dtype=torch.float64)
        values = torch.stack([torch.zeros(()).double(), Lp()(residuals[:, None])[0]])
        jacobian = torch.stack([gradient, 2 * residuals @ rows / 4])
        found.append(formula(values, jacobian, gain=0.0, rate=1.0)[1].abs().max())
    assert float(found[1] / found[0]) == pytest.approx(1e3, rel=1e-6)
