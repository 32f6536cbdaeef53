"""Directions against the multiplier equation, also where constraints repeat or vanish."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cnn_core.data_loss import data_loss
from cnn_core.jacobian import ExplicitJacobian, Jacobian
from cnn_core.linear_algebra.factorisation import Multipliers, SolveStatus, solve_multipliers
from cnn_core.methods.correction import correct, normal_space, watch
from cnn_core.networks import Dense, Modulated, Network
from tests.cnn_core.cases import (
    FAMILIES,
    grid_points,
    make_model,
    make_problem,
    make_step,
    random_rows,
    relative,
    residual_jacobian,
    theta_of,
)

MAIN_NETWORKS: dict[str, Network] = {
    f"{kind.__name__}-{activation}": kind(activation=activation)
    for kind in (Dense, Modulated)
    for activation in ("tanh", "swish")
}


def terms(name: str, network: Network, rows: int, *, seed: int, scaled: bool) -> tuple[Jacobian, Tensor, Tensor]:
    """J, g and ∇f of a fresh network at points of the main experiments' waves."""
    problem = make_problem(name)
    model = make_model(problem, network, seed=seed, scaled=scaled)
    points = grid_points(problem, rows // len(problem.constraints), seed=seed)
    theta = theta_of(model)
    evaluation = model.evaluate(theta, points.x, points.p)
    loss = data_loss(evaluation.prediction, points.u)
    gradient = torch.autograd.grad(loss, theta, retain_graph=True)[0]
    jacobian = residual_jacobian(model, theta, evaluation, points.x, points.p)
    return jacobian, evaluation.residuals.detach().flatten(), gradient


def corrected(
    jacobian: Jacobian, constraints: Tensor, gradient: Tensor, *, gain: float = 1.0, damping: float = 0.0
) -> tuple[Tensor, Multipliers]:
    step = make_step(make_model(make_problem("truth"), Dense(widths=(1,))), grid_points(make_problem("truth"), 1))
    direction, found = correct(step, normal_space(step, jacobian, damping=damping), constraints, gradient, gain=gain)
    assert isinstance(found, Multipliers)  # as on every CPU
    return direction, found


@pytest.mark.parametrize("rows", [10, 50, 100])
@pytest.mark.parametrize("scaled", [True, False], ids=["scaled", "unscaled"])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("network", MAIN_NETWORKS.values(), ids=MAIN_NETWORKS)
def test_undamped_directions_satisfy_the_multiplier_equation(
    network: Network, name: str, scaled: bool, rows: int
) -> None:
    """J(∇f + Jᵀλ) = g to 1e-10 for m ≤ 100 on the main grid, for fresh networks of the main size."""
    for seed in (0, 1):
        jacobian, constraints, gradient = terms(name, network, rows, seed=seed, scaled=scaled)
        direction, multipliers = corrected(jacobian, constraints, gradient)
        assert multipliers.status is SolveStatus.SOLVED
        assert multipliers.damping == 0
        assert relative(jacobian.times(direction), constraints) < 1e-10


@pytest.mark.parametrize("rows", [10, 50, 100])
@pytest.mark.parametrize("name", ["helmholtz", "viscous-flow", "synthetic"])
def test_direction_is_the_gradient_plus_the_multipliers_rows(name: str, rows: int) -> None:
    """The reported λ is the direction's own, λ = (JJᵀ)⁻¹(gain·g − J∇f): checked where λ is not large."""
    jacobian, constraints, gradient = terms(name, Modulated(activation="tanh"), rows, seed=0, scaled=True)
    direction, multipliers = corrected(jacobian, constraints, gradient, gain=0.3)
    matrix = jacobian.matrix()
    assert relative(gradient + multipliers.values @ matrix, direction) < 1e-10
    assert relative(matrix @ (gradient + multipliers.values @ matrix), 0.3 * constraints) < 1e-10


@pytest.mark.parametrize("gain", [0.1, 1.0, 7.0])
@pytest.mark.parametrize("rate", [0.0, 0.5, 2.0])
def test_gain_and_objective_rate(gain: float, rate: float) -> None:
    """J·direction = gain·g whatever share of ∇f is followed, and the rest is tangent to the constraints."""
    jacobian, constraints, gradient = terms("helmholtz", Modulated(), 30, seed=0, scaled=True)
    direction, _ = corrected(jacobian, constraints, rate * gradient, gain=gain)
    assert relative(jacobian.times(direction), gain * constraints) < 1e-12
    free = direction - corrected(jacobian, constraints, torch.zeros_like(gradient), gain=gain)[0]
    rows = jacobian.matrix()
    tangent = rate * (gradient - rows.T @ torch.linalg.lstsq(rows.T, gradient[:, None]).solution[:, 0])
    assert (free - tangent).norm() <= 1e-9 * direction.norm()


@given(scale=st.floats(1e-8, 1e8), damping=st.sampled_from([0.0, 1e-6, 0.1, 10.0]), seed=st.integers(0, 5))
def test_damping_does_not_depend_on_the_constraints_units(scale: float, damping: float, seed: int) -> None:
    """Constraints in other units, c·g with c·J: the same direction, the same damping, the same condition."""
    rows = random_rows(8, seed=seed)
    constraints, gradient = random_rows(1, 8, seed=seed + 10)[0], random_rows(1, seed=seed + 20)[0]
    answers = [
        corrected(ExplicitJacobian(unit * rows, 1), unit * constraints, gradient, damping=damping)
        for unit in (1.0, scale)
    ]
    (direction, multipliers), (rescaled, others) = answers
    assert relative(rescaled, direction) < 1e-9
    assert others.damping == multipliers.damping == damping
    assert others.condition == pytest.approx(multipliers.condition, rel=1e-6)


@pytest.mark.parametrize("units", [1.0, 3.0, math.pi, 1e-3, 1e4])
@pytest.mark.parametrize("rows", [1, 2, 5, 50])
def test_repeated_rows_are_damped_and_stay_finite(rows: int, units: float) -> None:
    """A constraint that is there twice, perhaps in other units. The copies agree, so both can still be satisfied."""
    for seed in range(8):
        once = random_rows(rows, 11_351, seed=seed)
        constraints = random_rows(1, rows, seed=seed + 100)[0]
        jacobian = ExplicitJacobian(torch.cat([once, units * once]), 1)
        twice = torch.cat([constraints, units * constraints])
        direction, multipliers = corrected(jacobian, twice, torch.zeros(11_351, dtype=torch.float64))
        assert multipliers.status is SolveStatus.DAMPED
        assert 0 < multipliers.damping < 1e-11
        assert relative(jacobian.times(direction), twice) < 1e-6
        assert direction.norm() < 1.01 * torch.linalg.lstsq(once, constraints[:, None]).solution.norm()


def test_repeated_rows_that_disagree_stay_bounded() -> None:
    """g₁ ≠ g₂ on one row: nothing satisfies both, and least squares is their mean."""
    row = random_rows(1)
    jacobian = ExplicitJacobian(row.repeat(2, 1), 1)
    direction, multipliers = corrected(jacobian, torch.tensor([1.0, 3.0]).double(), torch.zeros(300).double())
    assert multipliers.status is SolveStatus.DAMPED
    assert jacobian.times(direction).tolist() == pytest.approx([2.0, 2.0], rel=1e-2)


def test_a_zero_row_costs_the_others_nothing() -> None:
    rows = random_rows(6)
    rows[2] = 0
    constraints = torch.ones(6, dtype=torch.float64)
    direction, multipliers = corrected(ExplicitJacobian(rows, 1), constraints, torch.zeros(300).double())
    assert multipliers.status is SolveStatus.DAMPED
    achieved = rows @ direction
    assert achieved[2] == 0
    assert relative(achieved[[0, 1, 3, 4, 5]], constraints[:5]) < 1e-10


def test_rows_of_very_different_size_are_solved_exactly() -> None:
    """Unscaled residuals span decades; that alone is no reason to damp."""
    sizes = 10.0 ** torch.linspace(-6, 6, 10, dtype=torch.float64)
    rows = random_rows(10) * sizes[:, None]
    constraints = random_rows(1, 10, seed=1)[0] * sizes
    direction, multipliers = corrected(ExplicitJacobian(rows, 1), constraints, random_rows(1, seed=2)[0])
    assert multipliers.status is SolveStatus.SOLVED
    assert (rows @ direction / constraints - 1).abs().max() < 1e-9


def test_many_points_on_one_wave_are_damped_and_the_status_says_so() -> None:
    """100 points on one wave repeat each other to rounding error: G is numerically singular, whatever the precision."""
    problem = make_problem("helmholtz")
    model = make_model(problem, Modulated())
    x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
    p = torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64).expand(100, 3)
    theta = theta_of(model)
    evaluation = model.evaluate(theta, x, p)
    jacobian = residual_jacobian(model, theta, evaluation, x, p)
    constraints = evaluation.residuals.detach().flatten()
    direction, multipliers = corrected(jacobian, constraints, torch.zeros_like(theta))
    assert multipliers.status is SolveStatus.DAMPED
    assert 0 < multipliers.damping < 1e-10
    assert relative(jacobian.times(direction), constraints) < 1e-6


def least_squares_direction(rows: Tensor, constraints: Tensor, gradient: Tensor, damping: float) -> Tensor:
    """∇f + Jᵀλ from the singular values of J in float64, with λ damped by `damping`·trace(JJᵀ)/m."""
    left, sizes, right = torch.linalg.svd(rows.double(), full_matrices=False)
    shift = damping * float(sizes.square().mean())
    wanted = left.T @ (constraints.double() - rows.double() @ gradient.double())
    return gradient.double() + right.T @ (sizes / (sizes.square() + shift) * wanted)


@pytest.mark.parametrize("damping", [0.0, 1e-3, 0.1])
@pytest.mark.parametrize("rows", [100, 300, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_well_conditioned_directions_against_singular_values(dtype: torch.dtype, rows: int, damping: float) -> None:
    jacobian = random_rows(rows, 3 * rows).to(dtype)
    constraints, gradient = random_rows(1, rows, seed=1)[0].to(dtype), random_rows(1, 3 * rows, seed=2)[0].to(dtype)
    direction, multipliers = corrected(ExplicitJacobian(jacobian, 1), constraints, gradient, damping=damping)
    expected = least_squares_direction(jacobian, constraints, gradient, damping)
    assert (multipliers.status, multipliers.damping) == (SolveStatus.SOLVED, damping)
    assert relative(direction.double(), expected) < (1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("rows", [100, 400])
def test_a_network_s_own_float32_direction_against_singular_values(rows: int) -> None:
    """Helmholtz on the main grid, with the damping that the result reports."""
    model = make_model(make_problem("helmholtz"), Modulated(widths=(30, 30)))
    points = grid_points(model.problem, rows).to(dtype=torch.float32, device="cpu")
    theta = theta_of(model).detach().float().requires_grad_()
    evaluation = model.evaluate(theta, points.x, points.p)
    jacobian = residual_jacobian(model, theta, evaluation, points.x, points.p)
    constraints, zero = evaluation.residuals.detach().flatten(), torch.zeros_like(theta).detach()
    direction, multipliers = corrected(jacobian, constraints, zero, damping=0.1)
    assert (multipliers.status, multipliers.damping) == (SolveStatus.SOLVED, 0.1)
    expected = least_squares_direction(jacobian.matrix(), constraints, zero, 0.1)
    assert relative(direction.double(), expected) < 1e-3


@pytest.mark.timeout(30)
@pytest.mark.parametrize("rows", [100, 1000])
def test_float32_is_finite_and_useful(rows: int) -> None:
    """A float32 G of up to 1000 points is damped; the direction still satisfies most of the constraints."""
    problem = make_problem("helmholtz")
    model = make_model(problem, Modulated(widths=(30, 30)))
    points = grid_points(problem, rows).to(dtype=torch.float32, device="cpu")
    theta = theta_of(model).detach().float().requires_grad_()
    evaluation = model.evaluate(theta, points.x, points.p)
    jacobian = residual_jacobian(model, theta, evaluation, points.x, points.p)
    constraints = evaluation.residuals.detach().flatten()
    direction, multipliers = corrected(jacobian, constraints, torch.zeros_like(theta).detach())
    assert multipliers.values.dtype == direction.dtype == torch.float32
    assert multipliers.status is SolveStatus.DAMPED
    assert 0 < multipliers.damping < 0.1
    assert torch.isfinite(direction).all()
    assert relative(jacobian.times(direction), constraints) < 0.05


def test_a_report_says_what_the_solve_was_like() -> None:
    """The rank is found when it is asked for; where a recorded step writes its tensors again, all is that of then."""
    rows = random_rows(12)
    multipliers = solve_multipliers(rows @ rows.T, torch.ones(12).double(), damping=0.1)
    report = watch(multipliers)
    figures, eigenvalues = report(), torch.linalg.eigvalsh(rows @ rows.T)
    shift = 0.1 * float((rows @ rows.T).diagonal().mean())
    assert figures["multipliers_max"] == float(multipliers.values.abs().max())
    assert (figures["condition"], figures["damping"]) == (multipliers.condition, 0.1)
    assert figures["rank"] == pytest.approx(float((eigenvalues / (eigenvalues + shift)).sum()), rel=1e-12)
    multipliers.values.mul_(2)
    assert report() == {**figures, "multipliers_max": 2 * figures["multipliers_max"]}
