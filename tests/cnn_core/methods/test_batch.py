"""Exact multipliers for a whole batch: the formula, the decay that theory promises, how λ is held, delayed, capped."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.data_loss import data_loss
from cnn_core.methods import Batch, Method
from cnn_core.methods.method import Step
from cnn_core.networks import Dense, Modulated, Network
from cnn_core.optimizers import Sgd
from cnn_core.problems import PointSet
from cnn_core.schedules import Linear, WarmUp
from cnn_core.training import Training
from tests.cnn_core.cases import grid_points, make_model, make_problem, make_step, relative
from tests.cnn_core.methods.reduced import walk

EXACT = Batch(gain=1.0, damping=0.0)
"""The multipliers of the theory, whose constraints decay at the learning rate."""

NETWORKS: dict[str, Network] = {
    "modulated-swish": Modulated(activation="swish"),
    "modulated-tanh": Modulated(activation="tanh"),
    "dense-swish": Dense(activation="swish"),
    "dense-tanh": Dense(activation="tanh"),
    "modulated-small": Modulated(widths=(20, 20)),
}


def norms(model: ConstrainedNetwork, points: PointSet, method: Method, rate: float, steps: int = 20) -> list[float]:
    """|g| before training and after every step of plain gradient descent on one fixed batch."""
    training = Training(model, points, method, Sgd(rate), batch_size=len(points), epochs=steps, seed=0)
    found = [float(model.residuals(training.theta.detach(), points.x, points.p).norm())]
    for _ in range(steps):
        training.run_epoch()
        found.append(float(model.residuals(training.theta.detach(), points.x, points.p).norm()))
    return found


def assert_decay(found: list[float], rates: list[float], tolerance: float = 0.02) -> None:
    expected = found[0]
    for value, rate in zip(found[1:], rates, strict=True):
        expected *= 1 - rate
        assert value == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("rate", [1e-2, 1e-3])
@pytest.mark.parametrize("points", [1, 10, 100])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_helmholtz_decays_as_theory_says(network: Network, points: int, rate: float) -> None:
    """|g| = (1 − η)^t |g₀| under plain gradient descent: fixed batch, fresh network, 20 steps."""
    for scaled in (True, False):
        model = make_model(make_problem("helmholtz"), network, scaled=scaled)
        found = norms(model, grid_points(model.problem, points), EXACT, rate)
        assert_decay(found, [rate] * 20)


@pytest.mark.parametrize("name", ["viscous-flow", "synthetic"])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_several_constraints_decay_together(network: Network, name: str) -> None:
    model = make_model(make_problem(name), network)
    points = grid_points(model.problem, 100 // len(model.problem.constraints))
    assert_decay(norms(model, points, EXACT, 1e-2), [1e-2] * 20)


@pytest.mark.parametrize("name", ["pythagorean", "truth"])
def test_decay_where_a_step_is_long_holds_to_first_order(name: str) -> None:
    """These residuals ask fresh networks for long steps. What is missed is of second order: for η/10 a tenth."""
    model = make_model(make_problem(name), Modulated(activation="tanh"))
    points = grid_points(model.problem, 10)
    misses = []
    for rate in (1e-3, 1e-4):
        found = norms(model, points, EXACT, rate)
        assert_decay(found, [rate] * 20)
        misses.append(abs(found[-1] / found[0] - (1 - rate) ** 20))
    assert misses[1] < 0.2 * misses[0]


def test_points_that_repeat_each_other_decay_although_damped() -> None:
    model = make_model(make_problem("helmholtz"), Modulated())
    x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
    p = torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64).repeat(100, 1)
    points = PointSet(x, p, torch.vmap(model.problem.solution)(x, p), 1)
    assert_decay(norms(model, points, EXACT, 1e-2), [1e-2] * 20)


@pytest.mark.parametrize("gain", [0.0, 0.25, 1.0, 3.0])
@pytest.mark.parametrize("objective_rate", [0.0, 1.0, 2.0])
def test_gain_sets_the_rate_of_decay_whatever_the_objective_does(gain: float, objective_rate: float) -> None:
    model = make_model(make_problem("helmholtz"), Modulated(activation="tanh"))
    method = replace(EXACT, gain=gain, objective_rate=objective_rate)
    assert_decay(norms(model, grid_points(model.problem, 40), method, 1e-2), [1e-2 * gain] * 20)


def test_a_scheduled_gain_sets_the_rate_of_each_step() -> None:
    """One step an epoch: step t runs at epoch t."""
    model = make_model(make_problem("helmholtz"), Modulated(activation="tanh"))
    points = grid_points(model.problem, 40)
    ramp = Linear(0.0, 4.0, epochs=16)
    assert_decay(norms(model, points, replace(EXACT, gain=ramp), 1e-2), [1e-2 * ramp.at(step) for step in range(20)])
    late = WarmUp(1.0, epochs=0, delay=5)
    assert_decay(norms(model, points, replace(EXACT, gain=late), 1e-2), [0.0] * 5 + [1e-2] * 15, tolerance=1e-3)


def test_the_data_loss_falls_inside_the_tangent_space() -> None:
    """With gain 0 the constraints stay where they are while the data loss falls."""
    model = make_model(make_problem("helmholtz"), Modulated(activation="tanh"))
    points = grid_points(model.problem, 20)
    step = make_step(model, points)
    direction = replace(EXACT, gain=0.0).direction(step, {"age": 0}).gradient
    jacobian, residuals, gradient = naive_terms(step)
    assert (jacobian @ direction).norm() < 1e-12 * residuals.norm()
    assert direction @ gradient == pytest.approx(float(direction @ direction), rel=1e-8)
    assert direction @ gradient > 0


def naive_terms(step: Step) -> tuple[Tensor, Tensor, Tensor]:
    """J, g and ∇f, one backward pass per row."""
    theta = step.theta.detach().clone().requires_grad_()
    evaluation = step.parts[0].model.evaluate(theta, step.parts[0].batch.x, step.parts[0].batch.p)
    residuals = evaluation.residuals.flatten()
    rows = torch.stack([torch.autograd.grad(row, theta, retain_graph=True)[0] for row in residuals])
    loss = data_loss(evaluation.prediction, step.parts[0].batch.u)
    return rows, residuals.detach(), torch.autograd.grad(loss, theta)[0]


@pytest.mark.parametrize("damping", [0.0, 0.1])
@pytest.mark.parametrize("name", ["helmholtz", "viscous-flow"])
def test_direction_against_the_formula(name: str, damping: float) -> None:
    model = make_model(make_problem(name), Dense(widths=(9, 8), activation="tanh"))
    step = make_step(model, grid_points(model.problem, 5))
    method = Batch(gain=0.7, objective_rate=1.3, damping=damping)
    rows, residuals, gradient = naive_terms(step)
    gram = rows @ rows.T
    gram = gram + damping * gram.trace() / len(gram) * torch.eye(len(gram), dtype=torch.float64)
    multipliers = torch.linalg.solve(gram, 0.7 * residuals - 1.3 * rows @ gradient)
    answer = method.direction(step, {"age": 0})
    assert relative(answer.gradient, 1.3 * gradient + multipliers @ rows) < 1e-7
    assert relative(answer.state["multipliers"], multipliers) < 1e-7
    assert answer.watched["multipliers_max"] == pytest.approx(float(multipliers.abs().max()), rel=1e-7)
    assert answer.watched["damping"] == damping
    assert answer.watched["condition"] >= 1


def small_steps(method: Batch, count: int) -> list[tuple[Step, Tensor]]:
    """Steps whose θ and batch change, each with the method's direction."""
    return [(step, gradient) for step, gradient, _ in walk(method, count, problem="helmholtz", size=4)]


def test_multipliers_are_held_at_their_own_points_between_refreshes() -> None:
    steps = small_steps(replace(EXACT, refresh_interval=3), 7)
    for start in (0, 3, 6):
        fresh, direction = steps[start]
        assert relative(direction, EXACT.direction(fresh, {"age": 0}).gradient) < 1e-12
        multipliers = EXACT.direction(fresh, {"age": 0}).state["multipliers"]
        for held, answer in steps[start + 1 : start + 3]:
            moved = make_step(
                held.parts[0].model,
                PointSet(fresh.parts[0].batch.x, fresh.parts[0].batch.p, fresh.parts[0].batch.u, 1),
                theta=held.theta,
            )
            rows, _, _ = naive_terms(moved)
            _, _, gradient = naive_terms(held)
            assert relative(answer, gradient + multipliers @ rows) < 1e-10


def test_before_the_warm_up_training_is_unconstrained() -> None:
    steps = small_steps(replace(EXACT, warm_up=0.5), 4)
    for step, direction in steps[:2]:
        assert relative(direction, naive_terms(step)[2]) < 1e-13
    for step, direction in steps[2:]:
        rows, residuals, _ = naive_terms(step)
        assert relative(rows @ direction, residuals) < 1e-10


def test_a_cap_bounds_the_multipliers_and_keeps_their_direction() -> None:
    step = small_steps(EXACT, 1)[0][0]
    free = EXACT.direction(step, {"age": 0})
    largest = float(free.state["multipliers"].abs().max())
    capped = replace(EXACT, cap=largest / 4).direction(step, {"age": 0})
    assert relative(capped.state["multipliers"], free.state["multipliers"] / 4) < 1e-9
    assert capped.watched["multipliers_max"] == pytest.approx(largest / 4)
    rows, _, gradient = naive_terms(step)
    assert relative(capped.gradient, gradient + capped.state["multipliers"] @ rows) < 1e-10
    loose = replace(EXACT, cap=2 * largest).direction(step, {"age": 0})
    assert torch.equal(loose.gradient, free.gradient)
