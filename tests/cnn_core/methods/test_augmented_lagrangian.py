"""The augmented Lagrangian against a loop written by hand, and its convergence to a known x* and λ*."""

import pytest
import torch
from torch import Tensor, nn

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field
from cnn_core.methods import AugmentedLagrangian, Soft
from cnn_core.networks import Dense
from cnn_core.optimizers import Sgd
from cnn_core.problems import PointSet, Problem
from cnn_core.training import Training
from tests.cnn_core.cases import grid_points, make_model, make_problem, make_step, relative, start, theta_of

NETWORK = Dense(widths=(9, 8), activation="tanh")


@pytest.mark.parametrize("name", ["helmholtz", "viscous-flow"])
@pytest.mark.parametrize("cap", [None, 0.02])
def test_training_against_a_loop_by_hand(name: str, cap: float | None) -> None:
    """θ and every point's multipliers over two epochs of shuffled batches."""
    model = make_model(make_problem(name), NETWORK)
    points = grid_points(model.problem, 7)
    method = AugmentedLagrangian(penalty=1.5, multiplier_rate=0.4, cap=cap)
    training = Training(model, points, method, Sgd(1e-3), batch_size=3, epochs=2, seed=4)
    training.run_epoch()
    training.run_epoch()

    theta = theta_of(model)
    multipliers = torch.zeros(7, len(model.problem.constraints), dtype=torch.float64)
    shuffler = torch.Generator().manual_seed(4)
    for _ in range(2):
        for index in torch.randperm(7, generator=shuffler).split(3):
            evaluation = model.evaluate(theta, points.x[index], points.p[index])
            residuals = evaluation.residuals
            loss = (evaluation.prediction - points.u[index]).square().mean()
            loss = loss + (multipliers[index] * residuals + 0.75 * residuals**2).sum() / len(index)
            gradient = torch.autograd.grad(loss, theta)[0]
            multipliers[index] += 0.4 * 1.5 * residuals.detach()
            if cap is not None:
                multipliers.clamp_(-cap, cap)
            theta = (theta - 1e-3 * gradient).detach().requires_grad_()
    assert relative(training.theta, theta) < 1e-13
    assert relative(training.method_state["multipliers"]["interior"], multipliers) < 1e-12
    if cap is not None:
        assert multipliers.abs().max() == cap


class Line(nn.Module):
    """u = a x + b."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.height = nn.Parameter(torch.tensor(-0.2, dtype=torch.float64))

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        return self.slope * x + self.height


def steep() -> Problem:
    """u' = 2, with data from u = 3x."""

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"slope": u.gradient[0, 0] - 2}

    return Problem("steep", {"x": (0.0, 1.0)}, ("k",), ("u",), residual, lambda x, p: 3 * x)


@pytest.mark.parametrize("penalty", [1.0, 3.0])
def test_convergence_to_the_constrained_minimum_and_its_multiplier(penalty: float) -> None:
    """min mean (ax + b − 3x)² with a = 2 has b = mean x; stationarity in a gives the multiplier 2·var x.

    A penalty of this weight alone would stop far from the constraint.
    """
    x = torch.tensor([[0.0], [0.2], [0.5], [0.9]], dtype=torch.float64)
    p = torch.ones(4, 1, dtype=torch.float64)
    points = PointSet(x, p, 3 * x, 1)
    model = ConstrainedNetwork(steep(), Line())
    method = AugmentedLagrangian(penalty=penalty, multiplier_rate=1.0)
    training = Training(model, points, method, Sgd(0.5), batch_size=4, epochs=250, seed=0)
    for _ in range(250):
        training.run_epoch()
    slope, height = training.theta.detach().tolist()
    assert slope == pytest.approx(2.0, abs=1e-8)
    assert height == pytest.approx(float(x.mean()), abs=1e-8)
    expected = 2 * float(x.var(correction=0))
    assert training.method_state["multipliers"]["interior"].flatten().tolist() == pytest.approx(
        [expected] * 4, abs=1e-7
    )


def test_without_multipliers_it_is_the_penalty_alone() -> None:
    model = make_model(make_problem("viscous-flow"), NETWORK)
    points = grid_points(model.problem, 4)
    method = AugmentedLagrangian(penalty=3.0, multiplier_rate=0.0)
    step = make_step(model, points)
    answer = method.direction(step, start(method, model, points))
    assert relative(answer.gradient, Soft(weight=1.5).direction(step, {}).gradient) < 1e-13
    assert answer.state["multipliers"]["interior"].abs().max() == 0
    assert answer.watched == {"penalty": 3.0, "multipliers_max": 0.0}


def test_only_the_batchs_own_multipliers_move() -> None:
    model = make_model(make_problem("helmholtz"), NETWORK)
    points = grid_points(model.problem, 6)
    method = AugmentedLagrangian()
    training = Training(model, points, method, Sgd(1e-3), batch_size=2, epochs=1, seed=0)
    training.take_step(next(iter(training.batches)), 0.0)
    assert (training.method_state["multipliers"]["interior"].abs().sum(dim=1) > 0).sum() == 2


@pytest.mark.parametrize("smoothing", [0.0, 0.8])
def test_multipliers_are_proportional_and_integral(smoothing: float) -> None:
    """After t visits of a point λ = rate·μ·Σ g + proportional_rate·μ·ξ, with its own ξ; θ by hand."""
    model = make_model(make_problem("viscous-flow"), NETWORK)
    points = grid_points(model.problem, 7)
    method = AugmentedLagrangian(penalty=1.5, multiplier_rate=0.4, proportional_rate=0.7, smoothing=smoothing)
    training = Training(model, points, method, Sgd(1e-3), batch_size=3, epochs=3, seed=4)
    for _ in range(3):
        training.run_epoch()

    theta, shuffler = theta_of(model), torch.Generator().manual_seed(4)
    integral, smoothed = torch.zeros(2, 7, len(model.problem.constraints), dtype=torch.float64)
    for _ in range(3):
        for index in torch.randperm(7, generator=shuffler).split(3):
            evaluation = model.evaluate(theta, points.x[index], points.p[index])
            residuals, multipliers = evaluation.residuals, 0.6 * integral[index] + 1.05 * smoothed[index]
            loss = (evaluation.prediction - points.u[index]).square().mean()
            loss = loss + (multipliers * residuals + 0.75 * residuals**2).sum() / len(index)
            gradient = torch.autograd.grad(loss, theta)[0]
            integral[index] += residuals.detach()
            smoothed[index] = smoothing * smoothed[index] + (1 - smoothing) * residuals.detach()
            theta = (theta - 1e-3 * gradient).detach().requires_grad_()
    assert relative(training.theta, theta) < 1e-13
    assert relative(training.method_state["multipliers"]["interior"], 0.6 * integral + 1.05 * smoothed) < 1e-12


def test_without_a_proportional_part_nothing_is_smoothed() -> None:
    model = make_model(make_problem("helmholtz"), NETWORK)
    points = grid_points(model.problem, 4)
    assert set(start(AugmentedLagrangian(), model, points)) == {"multipliers"}
    assert set(start(AugmentedLagrangian(proportional_rate=0.1), model, points)) == {"multipliers", "smoothed"}


def test_a_proportional_part_damps_what_the_integral_overshoots() -> None:
    """The multiplier of the problem above at a rate at which it swings: its largest value beyond the limit shrinks."""
    x = torch.tensor([[0.0], [0.2], [0.5], [0.9]], dtype=torch.float64)
    points = PointSet(x, torch.ones(4, 1, dtype=torch.float64), 3 * x, 1)
    limit, overshoots = 2 * float(x.var(correction=0)), []
    for proportional in (0.0, 4.0):
        method = AugmentedLagrangian(penalty=0.1, multiplier_rate=1.0, proportional_rate=proportional)
        training = Training(ConstrainedNetwork(steep(), Line()), points, method, Sgd(0.1), batch_size=4, epochs=900)
        seen = []
        for _ in range(900):
            training.run_epoch()
            seen.append(float(training.method_state["multipliers"]["interior"][0, 0]))
        assert seen[-1] == pytest.approx(limit, rel=0.05)
        overshoots.append(max(seen) - limit)
    assert overshoots[1] < 0.5 * overshoots[0]


def test_meaningless_smoothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"smoothing must lie in \[0, 1\), got 1.0"):
        AugmentedLagrangian(smoothing=1.0)
