"""What every registered method must do, on every registered problem."""

import copy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch
from torch import Tensor

from cnn_core import checkpoint
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.data_loss import point_losses
from cnn_core.methods import METHODS, Method
from cnn_core.methods.method import State
from cnn_core.networks import Modulated
from cnn_core.optimizers import Sgd
from cnn_core.problems import PointSet
from cnn_core.schedules import Constant, Linear, Schedule
from cnn_core.training import Training, TrainingStatus, train
from tests.cnn_core.cases import (
    FAMILIES,
    OwnNetwork,
    grid_points,
    make_model,
    make_part,
    make_problem,
    make_step,
    start,
    theta_of,
)

NETWORK = Modulated(widths=(7, 6), activation="tanh")


def setting(name: str, count: int = 6) -> tuple[ConstrainedNetwork, PointSet]:
    problem = make_problem(name)
    return make_model(problem, NETWORK), grid_points(problem, count)


def equal(a: Any, b: Any) -> bool:
    """Whether two states are the same, tensors bit by bit."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return a == b


def walk(method: Method, model: ConstrainedNetwork, points: PointSet, steps: int) -> tuple[Tensor, State]:
    """θ and the method's state after a few small steps, as a training would leave them."""
    theta, state = theta_of(model), start(method, model, points)
    for _ in range(steps):
        direction = method.direction(make_step(model, points, theta=theta), state)
        state = direction.state
        theta = (theta.detach() - 1e-6 * direction.gradient / direction.gradient.norm()).requires_grad_()
    return theta, state


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("problem", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
def test_direction_is_finite_and_pure(method: str, problem: str, steps: int) -> None:
    model, points = setting(problem)
    own = {name: tensor.detach().clone() for name, tensor in model.network.named_parameters()}
    algorithm = METHODS[method]()
    theta, state = walk(algorithm, model, points, steps)
    step = make_step(model, points, theta=theta)
    theta_before, state_before = theta.detach().clone(), copy.deepcopy(state)
    first, second = algorithm.direction(step, state), algorithm.direction(step, state)
    assert first.gradient.shape == theta.shape
    assert first.gradient.dtype == torch.float64
    assert not first.gradient.requires_grad
    assert torch.isfinite(first.gradient).all()
    assert first.gradient.norm() > 0
    assert all(isinstance(figure, float) for figure in first.watched.values())
    assert torch.equal(first.gradient, second.gradient)
    assert equal(dict(first.state), dict(second.state))
    assert first.watched == second.watched
    assert equal(state, state_before)
    assert torch.equal(theta, theta_before)
    assert theta.grad is None
    assert all(torch.equal(own[name], tensor) for name, tensor in model.network.named_parameters())


@pytest.mark.parametrize("method", METHODS)
def test_a_researchers_own_network_gets_a_direction(method: str) -> None:
    problem = make_problem("viscous-flow")
    model = ConstrainedNetwork(problem, OwnNetwork(3, 3, 3))
    points = grid_points(problem, 3)
    algorithm = METHODS[method]()
    direction = algorithm.direction(make_step(model, points), start(algorithm, model, points))
    assert torch.isfinite(direction.gradient).all()
    assert direction.gradient.norm() > 0


@pytest.mark.parametrize("method", METHODS)
def test_state_survives_a_checkpoint(method: str, tmp_path: Path) -> None:
    model, points = setting("viscous-flow")
    algorithm = METHODS[method]()
    theta, state = walk(algorithm, model, points, 3)
    checkpoint.save({"method": state}, tmp_path / "checkpoint.pt")
    restored = checkpoint.load(tmp_path / "checkpoint.pt")["method"]
    assert equal(restored, state)
    step = make_step(model, points, theta=theta)
    assert torch.equal(algorithm.direction(step, restored).gradient, algorithm.direction(step, state).gradient)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("problem", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
def test_an_epoch_whose_batches_do_not_divide_the_points(method: str, problem: str, dtype: torch.dtype) -> None:
    model, points = setting(problem, count=11)
    points = points.to(dtype=dtype, device="cpu")
    training = Training(model, points, METHODS[method](), Sgd(1e-5), batch_size=4, epochs=2, seed=0)
    assert training.run_epoch() is TrainingStatus.RUNNING
    assert training.run_epoch() is TrainingStatus.COMPLETED
    assert training.theta.dtype == dtype
    assert torch.isfinite(training.theta).all()
    assert not torch.equal(training.theta.detach().double(), theta_of(model).detach())


def data_error(model: ConstrainedNetwork, theta: Tensor, points: PointSet) -> float:
    return float(point_losses(model.predict(theta, points.x, points.p), points.u).mean())


def constraint_error(model: ConstrainedNetwork, theta: Tensor, points: PointSet) -> float:
    return float(model.residuals(theta, points.x, points.p).square().mean())


REDUCED = {
    "unconstrained": data_error,
    "soft": lambda *where: data_error(*where) + constraint_error(*where),
    "augmented-lagrangian": lambda *where: data_error(*where) + constraint_error(*where),
    "conflict-free": lambda *where: data_error(*where) + constraint_error(*where),
    "batch": constraint_error,
    "reduction": constraint_error,
    "no-loss": constraint_error,
}
"""What a method promises to reduce; the others promise nothing."""


@pytest.mark.parametrize("problem", FAMILIES)
@pytest.mark.parametrize("method", REDUCED)
def test_training_reduces_what_the_method_is_for(method: str, problem: str) -> None:
    model, points = setting(problem, count=3)
    theta = train(model, points, METHODS[method](), optimizer=Sgd(1e-4), batch_size=10, epochs=20)
    before, after = (REDUCED[method](model, where.detach(), points) for where in (theta_of(model), theta))
    assert after < before


def schedule_fields() -> list[tuple[str, str]]:
    """Every field of every method that may be a schedule."""
    return [
        (name, field.name)
        for name, method in METHODS.items()
        for field in fields(method)  # type: ignore[arg-type]
        if get_type_hints(method)[field.name] == Schedule
    ]


def test_every_rate_weight_and_damping_may_be_a_schedule() -> None:
    assert set(schedule_fields()) >= {
        ("soft", "weight"), ("augmented-lagrangian", "penalty"), ("augmented-lagrangian", "multiplier_rate"),
        ("augmented-lagrangian", "proportional_rate"),
        *((method, field) for method in ("batch", "reduction", "sample", "non-projecting", "broyden")
          for field in ("gain", "objective_rate", "damping")),
        ("no-loss", "gain"), ("no-loss", "damping"),
    }  # fmt: skip


@pytest.mark.parametrize(("method", "field"), schedule_fields())
def test_a_schedule_acts_as_its_value_at_the_time(method: str, field: str) -> None:
    model, points = setting("viscous-flow")

    def answer(value: Schedule, epoch: float) -> tuple[Tensor, State]:
        algorithm = METHODS[method](**{field: value})
        direction = algorithm.direction(make_step(model, points, epoch=epoch), start(algorithm, model, points))
        return direction.gradient, direction.state

    ramp = Linear(0.5, 1.5, epochs=4)
    for value, at in ((0.5, 0.0), (0.75, 1.0), (1.5, 9.0)):
        assert equal(*(dict(zip("ab", answer(schedule, at), strict=True)) for schedule in (value, ramp)))
    assert equal(*(dict(zip("ab", answer(schedule, 3.0), strict=True)) for schedule in (0.7, Constant(0.7))))
    (early, first), (late, last) = answer(ramp, 0.0), answer(ramp, 4.0)
    assert not (torch.equal(early, late) and equal(first, last))


@pytest.mark.parametrize(("method", "field"), schedule_fields())
def test_negative_values_are_refused(method: str, field: str) -> None:
    for value in (-0.1, Linear(1.0, -1.0, epochs=3)):
        with pytest.raises(ValueError, match=f"{field} must not be negative, got"):
            METHODS[method](**{field: value})


@pytest.mark.parametrize(
    ("method", "field", "value"),
    [
        (name, field.name, value)
        for name, method in METHODS.items()
        for field in fields(method)  # type: ignore[arg-type]
        for value in {"refresh_interval": (0, -3), "warm_up": (-1.0,), "cap": (0.0, -1.0)}.get(field.name, ())
    ],
)
def test_meaningless_settings_are_refused(method: str, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} must be .*, got {value}"):
        METHODS[method](**{field: value})


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_frozen_and_registered_under_their_names(method: str) -> None:
    algorithm = METHODS[method]()
    assert algorithm.name == method
    assert replace(algorithm) == algorithm  # type: ignore[type-var]
    with pytest.raises(AttributeError):
        algorithm.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("method", METHODS)
def test_every_section_is_on_the_clock(method: str) -> None:
    model, points = setting("viscous-flow")
    step = make_step(model, points)
    METHODS[method]().direction(step, start(METHODS[method](), model, points))
    expected = {"forward", "step"} if method == "unconstrained" else {"forward", "residual", "step"}
    assert expected <= set(step.clock.seconds)


def test_a_batch_of_one_point_works_for_every_method() -> None:
    model, points = setting("viscous-flow")
    index = torch.tensor([4])
    part = make_part(make_step(model, points).parts[0].task, points, index)
    for method in METHODS.values():
        algorithm = method()
        step = replace(make_step(model, points), parts=[part])
        assert torch.isfinite(algorithm.direction(step, start(algorithm, model, points)).gradient).all()
