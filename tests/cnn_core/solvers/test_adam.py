"""The workbook's Adam, step by step."""

from dataclasses import replace

import pytest
import torch

from cnn_core.networks import Dense
from cnn_core.projection import project
from cnn_core.reductions import Huber, Lp, Reduction
from cnn_core.solvers import AdamProjection, ProjectionStatus
from tests.cnn_core.cases import grid_points, make_model, make_problem, relative, theta_of
from tests.cnn_core.test_projection import NETWORK, WAVES, helmholtz_model


def test_adam_stops_at_the_first_step_within_the_tolerance() -> None:
    solver = AdamProjection(learning_rate=1e-3, points=8, tolerance=1e-3, max_steps=3000)
    (result,) = project(helmholtz_model(), theta_of(helmholtz_model()), WAVES[:1], solver)
    assert all(error > 1e-3 for error in result.errors[:-1])
    assert result.errors[-1] <= 1e-3


@pytest.mark.parametrize("error", [Lp(2.0), Lp(1.0), Huber(0.1)], ids=str)
@pytest.mark.parametrize("name", ["helmholtz", "viscous-flow"])
def test_adam_against_a_loop_by_hand(name: str, error: Reduction) -> None:
    problem = make_problem(name)
    model = make_model(problem, NETWORK)
    p = grid_points(problem, 1).p
    solver = AdamProjection(learning_rate=1e-3, error=error, tolerance=0.0, max_steps=17, points=8)
    (result,) = project(model, theta_of(model), p, solver)
    theta = theta_of(model).detach().requires_grad_()
    mean, square = torch.zeros_like(theta).detach(), torch.zeros_like(theta).detach()
    errors = []
    for step in range(1, 19):
        value = error(model.residuals(theta, result.x, p.expand(len(result.x), -1))).sum()
        errors.append(float(value.detach()))
        gradient = torch.autograd.grad(value, theta)[0]
        if step == 18:
            break
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        move = 1e-3 * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
        theta = (theta - move).detach().requires_grad_()
    assert result.errors == pytest.approx(errors, rel=1e-10)
    assert relative(result.theta, theta) < 1e-12
    assert [step for step, _ in result.path] == [0, 1, 2, 4, 8, 16, 17]


def test_a_diverging_adam_returns_the_trained_parameters() -> None:
    model = helmholtz_model()
    theta = theta_of(model).detach()
    (result,) = project(model, theta, WAVES[:1], AdamProjection(learning_rate=1e200, points=8, max_steps=20))
    assert result.status is ProjectionStatus.DIVERGED
    assert torch.equal(result.theta, theta)
    assert result.distance_parameters == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdamProjection(learning_rate=0.0), "learning_rate must be positive, got 0.0"),
        (lambda: AdamProjection(tolerance=-1.0), "tolerance must not be negative, got -1.0"),
    ],
)
def test_meaningless_settings_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_workbook_tolerances_are_in_the_units_of_the_models_residuals() -> None:
    """An unscaled model is projected on unscaled residuals, as the workbook did."""
    bare = replace(make_model(make_problem("helmholtz"), Dense(widths=(6,))), scaled=False)
    solver = AdamProjection(points=9, max_steps=1)
    (result,) = project(bare, theta_of(bare), WAVES[:1], solver)
    residuals = bare.residuals(theta_of(bare), result.x, WAVES[:1].expand(9, -1))
    assert result.errors[0] == pytest.approx(float(residuals.detach().square().mean()), rel=1e-12)
