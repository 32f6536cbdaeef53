"""Weights that are found on the way, against their formulas and a loop by hand."""

from dataclasses import replace
from typing import cast

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import Soft
from cnn_core.methods.balance import Balance, GradientNorms, LearningRateAnnealing, Unbalanced
from cnn_core.methods.terms import OBJECTIVE, tasks_of, term_gradients, term_names, terms_of_pde
from cnn_core.networks import Dense
from cnn_core.optimizers import Sgd
from cnn_core.problems import PointSet, ProblemError
from cnn_core.reductions import Lp
from cnn_core.tasks import Roles
from cnn_core.training import Training
from tests.cnn_core.cases import (
    grid_points,
    make_model,
    make_problem,
    make_step,
    random_rows,
    relative,
    start,
    theta_of,
)
from tests.cnn_core.channel import channel_model, channel_points

BALANCES: list[Balance] = [GradientNorms(), LearningRateAnnealing()]
PDE = [False, True, True, False]


def named(balance: Balance) -> str:
    return balance.name


def test_gradient_norms_by_their_formula() -> None:
    rows = random_rows(4, 30) * torch.tensor([1.0, 10.0, 100.0, 0.1], dtype=torch.float64)[:, None]
    sizes = rows.norm(dim=1)
    assert relative(GradientNorms().wanted(rows, PDE), sizes.mean() / sizes) < 1e-2
    assert relative(GradientNorms().wanted(rows, PDE)[:, None] * rows, rows / sizes[:, None] * sizes.mean()) < 1e-2
    alike = rows / sizes[:, None]
    assert relative(GradientNorms().wanted(alike, PDE), torch.ones(4).double()) < 1e-4


def test_learning_rate_annealing_by_its_formula() -> None:
    rows = random_rows(4, 30) * torch.tensor([1.0, 10.0, 100.0, 5.0], dtype=torch.float64)[:, None]
    largest = (rows[1] + rows[2]).abs().max()
    found = LearningRateAnnealing().wanted(rows, PDE)
    expected = torch.stack([largest / rows[0].abs().mean(), *torch.ones(2), largest / rows[3].abs().mean()])
    assert relative(found, expected) < 5e-3
    assert found[1] == found[2] == 1.0


@pytest.mark.parametrize("balance", BALANCES, ids=named)
def test_a_term_that_is_solved_has_a_bounded_weight(balance: GradientNorms | LearningRateAnnealing) -> None:
    rows = random_rows(4, 30)
    rows[3] = 0.0
    found = balance.wanted(rows, PDE)
    assert float(found[3]) == pytest.approx(1e5)
    assert (balance.wanted(torch.zeros_like(rows), PDE) == 1).all()


def setting(count: int = 7) -> tuple[ConstrainedNetwork, PointSet]:
    problem = make_problem("viscous-flow")
    return make_model(problem, Dense(widths=(9, 8), activation="tanh")), grid_points(problem, count)


@pytest.mark.parametrize("balance", BALANCES, ids=named)
def test_training_against_a_loop_by_hand(balance: GradientNorms | LearningRateAnnealing) -> None:
    """θ and the weights over two epochs of batches; the weights move after every second step."""
    model, points = setting()
    balance = replace(balance, interval=2, memory=0.7)
    method = Soft(weight=0.4, weights={model.problem.constraints[1]: 3.0}, balance=balance)
    training = Training(model, points, method, Sgd(1e-3), batch_size=3, epochs=2, seed=4)
    training.run_epoch()
    training.run_epoch()

    theta, weights, age = theta_of(model), torch.ones(5, dtype=torch.float64), 0
    shuffler = torch.Generator().manual_seed(4)
    own = torch.tensor([1.0, 0.4, 1.2, 0.4, 0.4], dtype=torch.float64)
    for _ in range(2):
        for index in torch.randperm(7, generator=shuffler).split(3):
            evaluation = model.evaluate(theta, points.x[index], points.p[index])
            loss = (evaluation.prediction - points.u[index]).square().mean()
            terms = torch.cat([loss[None], evaluation.residuals.square().mean(dim=0)])
            rows = torch.stack([torch.autograd.grad(term, theta, retain_graph=True)[0] for term in terms])
            gradient = (own * weights) @ rows
            if age % 2 == 0:
                weights = 0.7 * weights + 0.3 * balance.wanted(rows, [False, True, True, True, True])
            age += 1
            theta = (theta - 1e-3 * gradient).detach().requires_grad_()
    assert relative(training.theta, theta) < 1e-12
    assert relative(training.method_state["weights"], weights) < 1e-10


@pytest.mark.parametrize("balance", BALANCES, ids=named)
def test_the_value_is_that_of_the_weights_in_a_step(balance: Balance) -> None:
    """So that a line search looks at one function: weights move from the next step on."""
    model, points = setting()
    method = Soft(weight=0.4, balance=balance)
    step, state = make_step(model, points), start(method, model, points)
    state |= {"weights": torch.tensor([2.0, 0.5, 3.0, 1.0, 7.0], dtype=torch.float64)}
    answer = method.direction(step, state)
    shifted = torch.randn(len(step.theta), generator=torch.Generator().manual_seed(0)).double() * 1e-6

    def value(sign: int) -> float:
        there = replace(step, theta=(step.theta.detach() + sign * shifted).requires_grad_())
        return float(cast(Tensor, method.direction(there, state).value))

    assert (value(1) - value(-1)) / 2 == pytest.approx(float(answer.gradient @ shifted), rel=1e-6)
    assert not torch.equal(answer.state["weights"], state["weights"])


def test_nothing_balanced_is_what_it_was() -> None:
    model, points = setting()
    assert start(Soft(), model, points) == {}
    assert Soft() == Soft(balance=Unbalanced())


@pytest.mark.parametrize("balance", BALANCES, ids=named)
@pytest.mark.parametrize("roles", [{}, {"data": "measured", "around": "objective"}], ids=["data", "no data"])
def test_regions_and_unknowns(balance: GradientNorms | LearningRateAnnealing, roles: Roles) -> None:
    model = channel_model(inverse=True)
    points = channel_points(model.problem)
    method = Soft(weight=0.4, balance=replace(balance, memory=0.0))
    step = make_step(model, points, roles=roles)
    state = method.direction(step, start(method, model, points, roles=roles)).state
    rows, names = term_gradients(step, Lp()), term_names(tasks_of(step))
    expected = balance.wanted(rows, terms_of_pde(tasks_of(step)))
    assert relative(state["weights"], expected) < 1e-12
    answer = method.direction(step, state)
    own: Tensor = torch.tensor([1.0 if name == OBJECTIVE else 0.4 for name in names], dtype=torch.float64)
    assert relative(answer.gradient, (own * expected) @ rows) < 1e-10
    assert {f"balance_{name}" for name in names} < set(answer.watched)


def test_annealing_needs_the_pde() -> None:
    model = channel_model(inverse=False)
    roles: Roles = {"carried": "measured", "flux": "objective"}
    with pytest.raises(ProblemError, match="learning-rate-annealing compares with the PDE's residuals, and none is a"):
        start(Soft(balance=LearningRateAnnealing()), model, channel_points(model.problem), roles=roles)
    assert start(Soft(balance=GradientNorms()), model, channel_points(model.problem), roles=roles)["age"] == 0


@pytest.mark.parametrize("kind", [GradientNorms, LearningRateAnnealing], ids=lambda kind: kind().name)
def test_meaningless_settings_are_refused(kind: type[GradientNorms | LearningRateAnnealing]) -> None:
    with pytest.raises(ValueError, match=r"memory must lie in \[0, 1\), got 1.0"):
        kind(memory=1.0)
    with pytest.raises(ValueError, match="interval must be at least 1 step, got 0"):
        kind(interval=0)
