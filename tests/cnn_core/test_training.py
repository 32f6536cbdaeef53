import math
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from cnn_core import checkpoint
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import METHODS, Batch, NullSpace, Soft, Unconstrained
from cnn_core.methods.method import Method
from cnn_core.networks import Dense, Modulated
from cnn_core.optimizers import WITHOUT_METRIC, Adam, AdamLbfgs, Lbfgs, Optimizer, Sgd, Soap
from cnn_core.problems import PointSet
from cnn_core.schedules import Linear, Step, WarmUp
from cnn_core.training import Training, TrainingStatus, train
from tests.cnn_core.cases import grid_points, make_model, make_problem, make_step, relative, theta_of


def setting(count: int = 13) -> tuple[ConstrainedNetwork, PointSet]:
    problem = make_problem("helmholtz")
    return make_model(problem, Modulated(widths=(7, 6), activation="tanh")), grid_points(problem, count)


def make_training(
    method: Method | None = None, optimizer: Optimizer | None = None, *, epochs: int = 4, seed: int = 0
) -> Training:
    model, points = setting()
    return Training(model, points, method or Soft(), optimizer or Adam(), batch_size=5, epochs=epochs, seed=seed)


def run(training: Training) -> Tensor:
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
    return training.theta.detach()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_parameters(method: str) -> None:
    first, again, other = (run(make_training(METHODS[method](), Sgd(1e-4), seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


OPTIMIZERS = [
    Adam(1e-4), Sgd(1e-4), Sgd(1e-4, momentum=0.9), Adam(Linear(1e-4, 1e-5, 4)), Soap(1e-3, refresh_interval=2),
    Lbfgs(0.5, max_iterations=3), *(AdamLbfgs(1e-4, switch=when, max_iterations=3) for when in (1.0, 2.0, 2.4, 3.0)),
]  # fmt: skip
PAIRS = [
    (method, optimizer)
    for method in METHODS
    for optimizer in OPTIMIZERS
    if METHODS[method].has_value or not optimizer.searches
]


def method_for(method: str, optimizer: Optimizer, **settings: Any) -> Method:
    """Its default, but where that wants a metric that the optimizer has not."""
    if method == "null-space" and optimizer.name in WITHOUT_METRIC:
        return NullSpace(preconditioner="identity", **settings)
    return METHODS[method](**settings)


@pytest.mark.parametrize(("method", "optimizer"), PAIRS)
def test_resuming_goes_on_bit_by_bit(method: str, optimizer: Optimizer, tmp_path: Path) -> None:
    """A run that was saved after two of four epochs ends where the uninterrupted one does, its own copy as well."""
    straight = make_training(method_for(method, optimizer), optimizer)
    straight.run_epoch()
    straight.run_epoch()
    state = straight.state_dict()
    checkpoint.save(state, tmp_path / "checkpoint.pt")
    expected = run(straight)
    for saved in (checkpoint.load(tmp_path / "checkpoint.pt"), state, state):
        resumed = make_training(method_for(method, optimizer), optimizer, seed=99)
        resumed.load_state_dict(saved)
        assert resumed.epoch == 2
        assert torch.equal(run(resumed), expected)
        assert resumed.status is TrainingStatus.COMPLETED


def test_resuming_with_another_network_is_refused() -> None:
    problem = make_problem("helmholtz")
    other = Training(make_model(problem, Dense(widths=(3,))), grid_points(problem, 4), Soft())
    with pytest.raises(ValueError, match=r"holds \d+ parameters, this network has \d+; use the network it"):
        other.load_state_dict(make_training().state_dict())


def test_the_networks_own_parameters_stay_untouched() -> None:
    model, points = setting()
    own = theta_of(model).detach().clone()
    theta = train(model, points, Batch(), batch_size=5, epochs=2)
    assert torch.equal(theta_of(model), own)
    assert not torch.equal(theta, own)


def test_gradient_descent_by_hand() -> None:
    """Batches are consecutive parts of a shuffle that the seed decides; the last one may be smaller."""
    model, points = setting()
    training = make_training(Unconstrained(), Sgd(0.01), epochs=2, seed=5)
    actual = run(training)
    theta = theta_of(model)
    shuffler = torch.Generator().manual_seed(5)
    for _ in range(2):
        order = torch.randperm(13, generator=shuffler)
        assert sorted(order.tolist()) == list(range(13))
        for index in (order[:5], order[5:10], order[10:]):
            loss = (model.network(points.x[index], points.p[index]) - points.u[index]).square().mean()
            gradient = torch.autograd.grad(
                (model.predict(theta, points.x[index], points.p[index]) - points.u[index]).square().mean(), theta
            )[0]
            assert torch.isfinite(loss)
            theta = (theta - 0.01 * gradient).detach().requires_grad_()
    assert relative(actual, theta) < 1e-14


def test_time_runs_in_epochs_and_counts_fractions() -> None:
    """A learning rate of zero until epoch 1.3: with three batches an epoch the fifth step is the first to move θ."""
    training = make_training(Unconstrained(), Sgd(WarmUp(0.01, epochs=0, delay=1.3)), epochs=2)
    seen = []
    for batch in training.batches:
        training.take_step(batch, len(seen) / 3)
        seen.append(float(training.stepper.param_groups[0]["lr"]))
    assert seen == [0.0, 0.0, 0.0]
    started = theta_of(training.model)
    assert torch.equal(training.theta, started)
    training.epoch = 1
    training.run_epoch()
    assert training.stepper.param_groups[0]["lr"] == 0.01
    assert not torch.equal(training.theta, started)


def test_a_growing_weight_reaches_the_method() -> None:
    training = make_training(Soft(weight=Step(1.0, 2.0, every=1)), epochs=3)
    weights = []
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
        weights.append(training.watched["weight"])
    assert weights == [1.0, 2.0, 4.0]


def test_on_epoch_is_called_after_every_epoch() -> None:
    model, points = setting()
    seen: list[tuple[int, TrainingStatus]] = []
    train(model, points, Soft(), epochs=3, on_epoch=lambda training: seen.append((training.epoch, training.status)))
    assert seen == [(1, "running"), (2, "running"), (3, "completed")]


def test_no_epochs_is_complete_at_once() -> None:
    model, points = setting()
    assert torch.equal(train(model, points, Soft(), epochs=0), theta_of(model))


@pytest.mark.parametrize(("dtype", "rate"), [(torch.float64, 1e200), (torch.float32, 1e30)])
@pytest.mark.parametrize("optimizer", [Sgd(), Sgd(momentum=0.9), Adam(), Soap()], ids=["sgd", "heavy", "adam", "soap"])
@pytest.mark.parametrize("method", METHODS)
def test_a_huge_learning_rate_diverges_with_finite_parameters(
    method: str, optimizer: Sgd | Adam | Soap, dtype: torch.dtype, rate: float
) -> None:
    model, points = setting()
    points = points.to(dtype=dtype, device="cpu")
    huge = replace(optimizer, learning_rate=rate)
    own = {"objective_rate": rate} if method == "null-space" else {}  # it does not use the optimizer's
    training = Training(model, points, method_for(method, optimizer, **own), huge, batch_size=5, epochs=50, seed=0)
    run(training)
    assert training.status is TrainingStatus.DIVERGED
    assert torch.isfinite(training.theta).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("method", sorted(set(METHODS) - {"no-loss"}))
def test_data_that_is_not_finite_diverges_at_once(method: str, bad: float) -> None:
    model, points = setting()
    u = points.u.clone()
    u[4] = bad
    seen: list[TrainingStatus] = []
    theta = train(
        model, replace(points, u=u), METHODS[method](), epochs=5, on_epoch=lambda training: seen.append(training.status)
    )
    assert seen == [TrainingStatus.DIVERGED]
    assert torch.equal(theta, theta_of(model))


def test_divergence_keeps_what_was_reached_before_it() -> None:
    """The bad point is met in some batch of the first epoch: θ is where the batches before it had led."""
    model, points = setting()
    order = torch.randperm(13, generator=torch.Generator().manual_seed(0))
    u = points.u.clone()
    u[order[7]] = math.nan
    training = Training(model, replace(points, u=u), Unconstrained(), Sgd(0.01), batch_size=5, epochs=2, seed=0)
    assert run(training) is not None
    assert (training.status, training.epoch) == (TrainingStatus.DIVERGED, 0)
    clean = Training(model, points, Unconstrained(), Sgd(0.01), batch_size=5, epochs=2, seed=0)
    clean.take_step(next(iter(clean.batches)), 0.0)
    assert torch.equal(training.theta, clean.theta)


def test_sections_are_timed() -> None:
    training = make_training(Batch())
    training.run_epoch()
    assert set(training.clock.seconds) == {"forward", "residual", "jacobian", "gram", "factorisation", "step"}
    assert all(seconds > 0 for seconds in training.clock.seconds.values())


@pytest.mark.parametrize(
    ("batch_size", "epochs", "message"),
    [(0, 1, "batch_size must be at least 1, got 0"), (5, -1, "epochs must be at least 0, got -1")],
)
def test_meaningless_settings_are_refused(batch_size: int, epochs: int, message: str) -> None:
    model, points = setting()
    with pytest.raises(ValueError, match=message):
        Training(model, points, Soft(), batch_size=batch_size, epochs=epochs)


def test_a_completed_training_goes_on_when_more_epochs_are_asked_for() -> None:
    model = make_model(make_problem("helmholtz"), Dense(widths=(4,)))
    points = grid_points(model.problem, 6)
    first = Training(model, points, Soft(), epochs=2)
    while first.status is TrainingStatus.RUNNING:
        first.run_epoch()
    more = Training(model, points, Soft(), epochs=3)
    more.load_state_dict(first.state_dict())
    assert more.status is TrainingStatus.RUNNING and more.epoch == 2


def test_a_line_search_needs_values_and_lowers_them() -> None:
    """L-BFGS on all points at once: no step raises the objective."""
    model, points = setting()
    training = Training(model, points, Soft(), Lbfgs(), batch_size=1000, epochs=5)
    values = []
    while training.status is TrainingStatus.RUNNING:
        step = make_step(model, points, theta=training.theta)
        values.append(float(cast(Tensor, Soft().direction(step, {}).value)))
        training.run_epoch()
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5 * values[0]
    with pytest.raises(ValueError, match="optimizer lbfgs searches along lines for lower values, and method batch"):
        make_training(METHODS["batch"](), Lbfgs())
    with pytest.raises(ValueError, match="optimizer adam-lbfgs searches along lines for lower values, and method ba"):
        make_training(METHODS["batch"](), AdamLbfgs())


def test_one_optimizer_after_the_other() -> None:
    """Until the switch it is Adam bit by bit; from then on L-BFGS from where Adam ended, as if it began there."""
    both = make_training(Soft(), AdamLbfgs(1e-3, switch=2.0), epochs=4)
    alone = make_training(Soft(), Adam(1e-3), epochs=4)
    for _ in range(2):
        both.run_epoch()
        alone.run_epoch()
    assert torch.equal(both.theta, alone.theta)
    after = make_training(Soft(), Lbfgs(), epochs=4)
    with torch.no_grad():
        after.theta.copy_(alone.theta)
    after.batches.shuffler.set_state(alone.batches.shuffler.get_state())
    both.run_epoch()
    after.run_epoch()
    assert torch.equal(both.theta, after.theta)
    assert both.stepper.param_groups[0]["lr"] == 1e-3
