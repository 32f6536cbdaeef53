"""What a step works out for methods, and the batches and parameters that it refuses."""

import pytest
import torch
from torch import Tensor

from cnn_core.methods import Step
from cnn_core.methods.method import MiniBatch, Part
from cnn_core.networks import Modulated
from cnn_core.reductions import Lp
from cnn_core.tasks import tasks
from tests.cnn_core.cases import (
    grid_points,
    make_model,
    make_problem,
    make_step,
    relative,
    residual_jacobian,
    theta_of,
)

MODEL = make_model(make_problem("helmholtz"), Modulated(widths=(4,)))
POINTS = grid_points(make_problem("helmholtz"), 3)
X, P, U = POINTS.x, POINTS.p, POINTS.u
(TASK,) = tasks(MODEL, {"interior": POINTS})


@pytest.mark.parametrize(
    ("x", "p", "u", "theta", "message"),
    [
        (
            X,
            P,
            U[:, 0],
            theta_of(MODEL),
            r"batch: x, p and u .* 1 columns \(outputs\), got \(3, 1\), \(3, 3\) and \(3,\)",
        ),
        (X, P[:2], U, theta_of(MODEL), r"one row for each of some points"),
        (X[:0], P[:0], U[:0], theta_of(MODEL), r"one row for each of some points"),
        (X.float(), P, U, theta_of(MODEL), r"must have the same dtype, got torch.float64 and torch.float32"),
        (X, P, U, theta_of(MODEL).detach(), r"write theta.requires_grad_\(\)"),
    ],
)
def test_batches_that_do_not_fit_are_refused(x: Tensor, p: Tensor, u: Tensor, theta: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Step([Part(TASK, MiniBatch(x, p, u, index=torch.arange(len(x))))], theta, epoch=0.0)


def test_the_data_gradient_is_that_of_the_mean_loss_whatever_pass_it_takes() -> None:
    step = make_step(MODEL, POINTS)
    prediction = MODEL.predict(step.theta, X, P)
    (expected,) = torch.autograd.grad((prediction - U).square().mean(), step.theta, retain_graph=True)
    assert relative(step.objective_gradient(0.3), 0.3 * expected) < 1e-13
    loss, _ = step.values(Lp())
    assert relative(step.slope(loss, 0.3), step.objective_gradient(0.3)) < 1e-13
    assert not step.objective_gradient(0.0).any()
    assert not step.slope(loss, 0.0).any()


def test_a_pull_is_the_transposed_jacobian_at_any_points() -> None:
    step, elsewhere = make_step(MODEL, POINTS), grid_points(make_problem("helmholtz"), 5, seed=1)
    evaluation = MODEL.evaluate(step.theta, elsewhere.x, elsewhere.p)
    rows = residual_jacobian(MODEL, step.theta, evaluation, elsewhere.x, elsewhere.p).matrix()
    multipliers = torch.linspace(-1, 2, 5, dtype=torch.float64)
    assert relative(step.pull(multipliers, {"interior": (elsewhere.x, elsewhere.p)}), multipliers @ rows) < 1e-12
