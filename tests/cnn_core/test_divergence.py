"""A training that diverges says which residual was not finite first, at which point, in which step."""

from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field
from cnn_core.divergence import UNEXPLAINED, cause
from cnn_core.methods import METHODS, Soft, Unconstrained
from cnn_core.networks import Dense
from cnn_core.optimizers import Sgd
from cnn_core.problems import PointSet, Problem, Residual
from cnn_core.training import Training, TrainingStatus


def model(residual: Residual) -> ConstrainedNetwork:
    problem = Problem("own", {"x": (0.0, 1.0)}, ("k",), ("u",), residual)
    return ConstrainedNetwork(problem, Dense((4,)).build(inputs=1, parameters=1, outputs=1, seed=0).double())


def points(*x: float) -> PointSet:
    at = torch.tensor(x, dtype=torch.float64)[:, None]
    return PointSet(at, torch.full_like(at, 2.0), at, 1)


def pole(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    return {"fine": u.value[0], "pole": u.gradient[0, 0] / x[0]}


def steep(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    """√0 at x = 0.75, whose derivative is infinite."""
    return {"root": torch.sqrt((x[0] - 0.75).square() * u.value[0].square())}


def diverged(residual: Residual, x: tuple[float, ...], method: Any = None, **options: Any) -> Training:
    options = {"optimizer": Sgd(0.01), "batch_size": 1, "epochs": 3} | options
    training = Training(model(residual), points(*x), method or Soft(), **options)
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
    assert training.status is TrainingStatus.DIVERGED
    assert training.reason is not None and "\n" not in training.reason
    return training


def test_the_residual_the_point_and_the_step_are_told() -> None:
    training = diverged(pole, (0.25, 0.5, 0.0, 1.0))
    order = torch.randperm(4, generator=torch.Generator().manual_seed(0)).tolist()
    step = order.index(2) + 1
    assert str(training.reason) in [
        f"in step {step} of epoch 1 the residual 'pole' is {value} at x = [0.0], p = [2.0]" for value in ("inf", "-inf")
    ]


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("unconstrained", "broyden")])
def test_every_method_that_reads_residuals_tells(name: str) -> None:
    assert "the residual 'pole' is " in str(diverged(pole, (0.5, 0.0), METHODS[name](), batch_size=2).reason)


def test_a_derivative_that_is_not_finite_is_told() -> None:
    reason = cause(model(steep), torch.ones(17, dtype=torch.float64), points(0.1, 0.2, 0.75, 0.9, 0.3))
    assert reason == "the derivative in θ of the residuals is not finite at x = [0.75], p = [2.0]"


def test_a_step_that_is_too_long_is_told() -> None:
    assert cause(model(pole), torch.ones(17, dtype=torch.float64), points(0.5)) is None
    reason = str(diverged(pole, (0.001,), optimizer=Sgd(1e308)).reason)
    assert reason == f"in step 1 of epoch 1 {UNEXPLAINED}"


def test_a_training_that_explodes_tells_where_first() -> None:
    reason = str(diverged(pole, (0.5,), Unconstrained(), optimizer=Sgd(1e300), epochs=9).reason)
    assert reason == "in step 1 of epoch 2 the residual 'fine' is inf at x = [0.5], p = [2.0]"


def test_a_saved_training_remembers_it() -> None:
    training = diverged(pole, (0.0,))
    again = Training(training.model, training.points, Soft(), Sgd(0.01), 1, 3)
    state = training.state_dict()
    again.load_state_dict(state)
    assert (again.status, again.reason) == (TrainingStatus.DIVERGED, training.reason)
    del state["reason"]  # as earlier versions wrote it
    again.load_state_dict(state)
    assert (again.status, again.reason) == (TrainingStatus.DIVERGED, None)
