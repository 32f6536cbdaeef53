"""Settings that change what a method does must keep what every method promises, as its defaults do."""

import copy
from pathlib import Path

import pytest
import torch

from cnn_core import checkpoint
from cnn_core.methods import AugmentedLagrangian, ConflictFree, Method, Soft
from cnn_core.methods.balance import GradientNorms, LearningRateAnnealing
from cnn_core.optimizers import Adam, AdamLbfgs, Lbfgs, Optimizer
from cnn_core.training import Training, TrainingStatus
from tests.cnn_core.cases import FAMILIES, make_step, relative, start
from tests.cnn_core.methods.test_conformance import equal, walk
from tests.cnn_core.methods.test_conformance import setting as waves
from tests.cnn_core.methods.test_regions import ROLES
from tests.cnn_core.methods.test_regions import setting as regions

VARIANTS: dict[str, Method] = {
    "gradient norms": Soft(balance=GradientNorms(interval=2)),
    "annealing": Soft(balance=LearningRateAnnealing(interval=3)),
    "proportional": AugmentedLagrangian(proportional_rate=0.5, smoothing=0.3),
    "update": ConflictFree(project="update"),
}


@pytest.mark.parametrize("problem", FAMILIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_direction_is_finite_and_pure(variant: str, problem: str) -> None:
    method, (model, points) = VARIANTS[variant], waves(problem)
    theta, state = walk(method, model, points, 2)
    before, step = copy.deepcopy(state), make_step(model, points, theta=theta)
    first, second = method.direction(step, state), method.direction(step, state)
    assert torch.isfinite(first.gradient).all() and first.gradient.norm() > 0
    assert torch.equal(first.gradient, second.gradient)
    assert equal(dict(first.state), dict(second.state))
    assert first.watched == second.watched and all(isinstance(one, float) for one in first.watched.values())
    assert equal(state, before)


@pytest.mark.parametrize("general", [False, True], ids=["layers", "general"])
@pytest.mark.parametrize("roles", ROLES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_regions_with_any_roles(variant: str, roles: str, general: bool) -> None:
    method, (model, points) = VARIANTS[variant], regions(inverse=True, general=general)
    step = make_step(model, points, roles=ROLES[roles])
    state = method.direction(step, start(method, model, points, roles=ROLES[roles])).state
    direction = method.direction(step, state).gradient
    assert torch.isfinite(direction).all() and direction.norm() > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("optimizer", [Adam(1e-4), Lbfgs(max_iterations=3), AdamLbfgs(1e-4, switch=1.5)], ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_resuming_goes_on_bit_by_bit(variant: str, optimizer: Optimizer, dtype: torch.dtype, tmp_path: Path) -> None:
    method, (model, points) = VARIANTS[variant], waves("viscous-flow", count=13)
    points = points.to(dtype=dtype, device="cpu")
    if optimizer.searches and not method.has_value:
        return

    def make(seed: int) -> Training:
        return Training(model, points, method, optimizer, batch_size=5, epochs=4, seed=seed)

    def run(training: Training) -> torch.Tensor:
        while training.status is TrainingStatus.RUNNING:
            training.run_epoch()
        return training.theta.detach()

    straight, resumed = make(0), make(99)
    straight.run_epoch()
    straight.run_epoch()
    checkpoint.save(straight.state_dict(), tmp_path / "checkpoint.pt")
    resumed.load_state_dict(checkpoint.load(tmp_path / "checkpoint.pt"))
    assert torch.equal(run(resumed), run(straight))
    assert straight.status is TrainingStatus.COMPLETED
    assert straight.theta.dtype == dtype


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_float32_finds_is_what_float64_does(variant: str) -> None:
    method, (model, points) = VARIANTS[variant], waves("helmholtz", count=20)
    found = []
    for dtype in (torch.float64, torch.float32):
        training = Training(model, points.to(dtype=dtype, device="cpu"), method, Adam(1e-3), batch_size=20, epochs=5)
        for _ in range(5):
            training.run_epoch()
        found.append(training.theta.detach().double() - model.begin)
    assert relative(found[1], found[0]) < 1e-2


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("variant", VARIANTS)
def test_data_that_is_not_finite_diverges_at_once(variant: str, bad: float) -> None:
    model, points = waves("helmholtz")
    points.u[4] = bad
    training = Training(model, points, VARIANTS[variant], epochs=5)
    assert training.run_epoch() is TrainingStatus.DIVERGED
    assert torch.equal(training.theta.detach(), model.begin)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_huge_learning_rate_diverges_with_finite_parameters(variant: str) -> None:
    model, points = waves("helmholtz")
    training = Training(model, points, VARIANTS[variant], Adam(1e200), epochs=50)
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
    assert training.status is TrainingStatus.DIVERGED
    assert torch.isfinite(training.theta).all()
