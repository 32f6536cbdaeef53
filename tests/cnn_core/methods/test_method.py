"""What a step refuses: batches and parameters that no method could do anything with."""

import pytest
import torch
from torch import Tensor

from cnn_core.methods import Step
from cnn_core.methods.method import MiniBatch
from cnn_core.networks import Modulated
from tests.cnn_core.cases import grid_points, make_model, make_problem, theta_of

MODEL = make_model(make_problem("helmholtz"), Modulated(widths=(4,)))
POINTS = grid_points(make_problem("helmholtz"), 3)
X, P, U = POINTS.x, POINTS.p, POINTS.u


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
        Step(MODEL, theta, MiniBatch(x, p, u, index=torch.arange(len(x))), epoch=0.0)
