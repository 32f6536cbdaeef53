"""One multiplier per reduced constraint, against the formula written out; and Broyden's approximation of it."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_core.data_loss import data_loss
from cnn_core.methods import Broyden, Reduction
from cnn_core.methods.method import Step
from cnn_core.networks import Dense
from cnn_core.reductions import Huber, Lp
from cnn_core.reductions import Reduction as AnyReduction
from tests.cnn_core.cases import grid_points, make_model, make_problem, make_step, relative, theta_of

REDUCTIONS: list[AnyReduction] = [Lp(1.0), Lp(1.5), Lp(2.0), Lp(3.0), Huber(), Huber(0.1)]


def first_step(name: str = "viscous-flow", *, epoch: float = 0.0) -> Step:
    model = make_model(make_problem(name), Dense(widths=(9, 8), activation="tanh"))
    return make_step(model, grid_points(model.problem, 6), epoch=epoch)


def values_and_rows(step: Step, reduction: AnyReduction) -> tuple[Tensor, Tensor]:
    """(f, R_1 … R_C) and their gradients."""
    theta = step.theta.detach().clone().requires_grad_()
    evaluation = step.model.evaluate(theta, step.batch.x, step.batch.p)
    loss = data_loss(evaluation.prediction, step.batch.u)
    values = torch.cat([loss[None], reduction(evaluation.residuals)])
    rows = torch.stack([torch.autograd.grad(value, theta, retain_graph=True)[0] for value in values])
    return values.detach(), rows


def formula(values: Tensor, rows: Tensor, *, gain: float, rate: float, damping: float = 0.0) -> tuple[Tensor, Tensor]:
    """rate·∇f + Jᵀλ and λ = (J Jᵀ + δ s I)⁻¹ (gain·R − rate·J∇f)."""
    gradient, jacobian = rows[0], rows[1:]
    gram = jacobian @ jacobian.T
    gram = gram + damping * gram.trace() / len(gram) * torch.eye(len(gram), dtype=torch.float64)
    multipliers = torch.linalg.solve(gram, gain * values[1:] - rate * jacobian @ gradient)
    return rate * gradient + multipliers @ jacobian, multipliers


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


def walk(method: Reduction | Broyden, steps: int, rate: float = 1e-3) -> list[tuple[Step, Tensor, dict[str, Any]]]:
    """Steps at moving θ and changing batches, with the direction and the state that it left."""
    model = make_model(make_problem("viscous-flow"), Dense(widths=(9, 8), activation="tanh"))
    theta, state = theta_of(model), method.start(model, grid_points(model.problem, 6))
    found = []
    for index in range(steps):
        step = make_step(model, grid_points(model.problem, 6, seed=index), theta=theta, epoch=index / 4)
        answer = method.direction(step, state)
        state = answer.state
        found.append((step, answer.gradient, dict(state)))
        theta = (theta - rate * answer.gradient).detach().requires_grad_()
    return found


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


@pytest.mark.parametrize("reduction", [Lp(), Huber()], ids=str)
def test_broyden_that_always_recomputes_is_the_reduction(reduction: AnyReduction) -> None:
    settings = {"reduction": reduction, "gain": 0.7, "objective_rate": 1.3, "damping": 0.01}
    ours = walk(Broyden(**settings, refresh_interval=1), 4)
    theirs = walk(Reduction(**settings), 4)
    for (_, mine, _), (_, exact, _) in zip(ours, theirs, strict=True):
        assert relative(mine, exact) < 1e-10


def test_broyden_satisfies_the_secant_equation() -> None:
    """B_new Δθ = ΔF; and B changes along Δθ only, by the least that does it."""
    steps = walk(Broyden(refresh_interval=None), 5)
    for (_, _, old), (step, direction, new) in pairwise(steps):
        move = new["theta"] - old["theta"]
        values, _ = values_and_rows(step, Lp())
        assert relative(new["values"], values) < 1e-13
        assert relative(new["rows"] @ move, new["values"] - old["values"]) < 1e-10
        change = new["rows"] - old["rows"]
        across = torch.randn(3, len(move), dtype=torch.float64)
        across = across - torch.outer(across @ move, move) / move.square().sum()
        assert (change @ across.T).abs().max() < 1e-10 * change.norm() * across.norm()
        assert relative(direction, formula(values, new["rows"], gain=1.0, rate=1.0)[0]) < 1e-6


def test_broyden_starts_from_exact_derivatives_and_refreshes_on_time() -> None:
    steps = walk(Broyden(refresh_interval=3), 7)
    exact = [relative(state["rows"], values_and_rows(step, Lp())[1]) < 1e-12 for step, _, state in steps]
    assert exact == [True, False, False, True, False, False, True]


def test_broyden_stands_still_where_theta_does() -> None:
    step = first_step()
    method = Broyden()
    first = method.direction(step, {"age": 0})
    again = method.direction(step, first.state)
    assert torch.equal(again.state["rows"], first.state["rows"])
    assert torch.equal(again.gradient, first.gradient)
