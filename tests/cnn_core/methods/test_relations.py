"""Methods described by each other or by a plain gradient: unconstrained, soft, no-loss, non-projecting, sample."""

import pytest
import torch
from torch import Tensor

from cnn_core.data_loss import point_losses
from cnn_core.methods import Batch, NoLoss, NonProjecting, Sample, Soft, Unconstrained
from cnn_core.methods.method import Step
from cnn_core.networks import Dense, Modulated, Network
from cnn_core.problems import PointSet
from cnn_core.reductions import Huber, Lp, Reduction
from tests.cnn_core.cases import (
    FAMILIES,
    general_twin,
    grid_points,
    make_model,
    make_problem,
    make_step,
    relative,
    theta_of,
)

NETWORKS: dict[str, Network] = {
    "dense": Dense(widths=(9, 8), activation="tanh"),
    "modulated": Modulated(widths=(9, 8), activation="swish"),
}


def step_of(name: str, network: Network, count: int = 5) -> Step:
    model = make_model(make_problem(name), network)
    return make_step(model, grid_points(model.problem, count))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_unconstrained_is_the_data_gradient(network: Network, name: str) -> None:
    step = step_of(name, network)
    loss = (
        (step.parts[0].model.predict(step.theta, step.parts[0].batch.x, step.parts[0].batch.p) - step.parts[0].batch.u)
        .square()
        .mean()
    )
    expected = torch.autograd.grad(loss, step.theta)[0]
    assert relative(Unconstrained().direction(step, {}).gradient, expected) < 1e-13


@pytest.mark.parametrize("reduction", [Lp(), Lp(1.5), Huber(0.5)], ids=str)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_soft_is_the_gradient_of_loss_and_penalty(network: Network, name: str, reduction: Reduction) -> None:
    step = step_of(name, network)
    twin = general_twin(step.parts[0].model)
    theta = theta_of(twin)
    evaluation = twin.evaluate(theta, step.parts[0].batch.x, step.parts[0].batch.p)
    loss = (evaluation.prediction - step.parts[0].batch.u).square().mean() + 2.5 * reduction(evaluation.residuals).sum()
    expected = torch.autograd.grad(loss, theta)[0]
    assert relative(Soft(weight=2.5, reduction=reduction).direction(step, {}).gradient, expected) < 1e-12


def test_soft_without_weight_is_unconstrained() -> None:
    step = step_of("viscous-flow", NETWORKS["dense"])
    assert relative(Soft(weight=0.0).direction(step, {}).gradient, Unconstrained().direction(step, {}).gradient) < 1e-13


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_no_loss_is_batch_without_objective(network: Network, name: str) -> None:
    step = step_of(name, network, count=3)
    alone, batch = NoLoss(gain=0.6, damping=0.01), Batch(gain=0.6, damping=0.01, objective_rate=0.0)
    assert torch.equal(alone.direction(step, {}).gradient, batch.direction(step, {"age": 0}).gradient)


@pytest.mark.parametrize("damping", [0.0, 0.01])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_non_projecting_is_the_sum_of_no_loss_and_unconstrained(network: Network, name: str, damping: float) -> None:
    step = step_of(name, network, count=3)
    no_loss = NoLoss(gain=0.6, damping=damping).direction(step, {}).gradient
    unconstrained = Unconstrained().direction(step, {}).gradient
    both = NonProjecting(gain=0.6, damping=damping, objective_rate=1.7).direction(step, {}).gradient
    assert relative(both, no_loss + 1.7 * unconstrained) < 1e-13


def test_non_projecting_lets_the_data_pull_on_the_constraints() -> None:
    """J·direction = g + J∇f, which is what "batch" removes."""
    step = step_of("helmholtz", NETWORKS["dense"])
    part = step.parts[0]
    residuals = part.constraints(step.theta, step.clock).flatten()
    rows = torch.stack([torch.autograd.grad(row, step.theta, retain_graph=True)[0] for row in residuals])
    gradient = Unconstrained().direction(step, {}).gradient
    direction = NonProjecting().direction(step, {}).gradient
    assert relative(rows @ direction, residuals.detach() + rows @ gradient) < 1e-10


def naive_sample(step: Step, *, gain: float, rate: float, damping: float) -> Tensor:
    """Point by point: its own loss, its own constraints, its own multipliers; then the mean."""
    total = torch.zeros_like(step.theta)
    for point in range(len(step.parts[0].batch.x)):
        x, p, u = (
            step.parts[0].batch.x[point : point + 1],
            step.parts[0].batch.p[point : point + 1],
            step.parts[0].batch.u[point : point + 1],
        )
        theta = step.theta.detach().clone().requires_grad_()
        evaluation = step.parts[0].model.evaluate(theta, x, p)
        constraints = evaluation.residuals[0]
        rows = torch.stack([torch.autograd.grad(row, theta, retain_graph=True)[0] for row in constraints])
        gradient = torch.autograd.grad(point_losses(evaluation.prediction, u).sum(), theta)[0]
        gram = rows @ rows.T
        gram = gram + damping * gram.trace() / len(gram) * torch.eye(len(gram), dtype=torch.float64)
        multipliers = torch.linalg.solve(gram, gain * constraints.detach() - rate * rows @ gradient)
        total += (rate * gradient + multipliers @ rows) / len(step.parts[0].batch.x)
    return total


@pytest.mark.parametrize("damping", [0.0, 0.2])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_sample_is_the_mean_of_the_points_own_steps(network: Network, name: str, damping: float) -> None:
    step = step_of(name, network)
    method = Sample(gain=0.6, objective_rate=1.7, damping=damping)
    expected = naive_sample(step, gain=0.6, rate=1.7, damping=damping)
    assert relative(method.direction(step, {}).gradient, expected) < 1e-9


def test_sample_of_one_point_is_batch_of_one_point() -> None:
    for name in FAMILIES:
        step = step_of(name, NETWORKS["modulated"], count=1)
        batch = Batch(gain=1.0, damping=0.0).direction(step, {"age": 0}).gradient
        assert relative(Sample().direction(step, {}).gradient, batch) < 1e-8


def test_sample_leaves_out_points_whose_constraints_do_not_depend_on_theta() -> None:
    """The Pythagorean rows 2k²u∂u + 2u'∂u' vanish where u = u' = 0: that point follows its loss alone."""
    problem = make_problem("pythagorean")
    model = make_model(problem, Dense(widths=(4,), activation="tanh"))
    theta = torch.zeros(model.layout.size, dtype=torch.float64).requires_grad_()
    points = grid_points(problem, 3)
    step = make_step(model, PointSet(points.x, points.p, points.u, 3), theta=theta)
    direction = Sample().direction(step, {})
    assert relative(direction.gradient, Unconstrained().direction(step, {}).gradient) < 1e-13
    assert direction.watched["multipliers_max"] == 0
