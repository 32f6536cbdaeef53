"""Directions and updates against which no term's gradient points."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import ConflictFree
from cnn_core.methods.conflict_free import same_angle
from cnn_core.methods.method import Step
from cnn_core.methods.terms import term_gradients
from cnn_core.networks import Modulated
from cnn_core.optimizers import Adam, Optimizer, Sgd
from cnn_core.problems import PointSet
from cnn_core.reductions import Lp
from cnn_core.tasks import Roles
from cnn_core.training import Training
from tests.cnn_core.cases import grid_points, make_model, make_problem, make_step, random_rows, relative, start
from tests.cnn_core.channel import channel_model, channel_points

NETWORK = Modulated(widths=(7, 6), activation="tanh")


def setting(count: int = 9) -> tuple[ConstrainedNetwork, PointSet]:
    problem = make_problem("viscous-flow")
    return make_model(problem, NETWORK), grid_points(problem, count)


def units(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("terms", [1, 2, 3, 6])
def test_all_terms_make_the_same_angle_with_the_direction(terms: int) -> None:
    rows = 10.0 ** torch.linspace(-4, 4, terms, dtype=torch.float64)[:, None] * random_rows(terms, 40)
    direction = same_angle(rows)
    cosines = units(rows) @ direction / direction.norm()
    assert float(cosines.min()) > 0
    torch.testing.assert_close(cosines, cosines[:1].expand(terms), rtol=1e-9, atol=0)
    assert float(direction.norm()) == pytest.approx(float((rows @ direction).sum() / direction.norm()), rel=1e-9)


def test_the_direction_of_one_term_is_its_gradient() -> None:
    row = random_rows(1, 40)
    assert relative(same_angle(row), row[0]) < 1e-14


def test_lengths_of_gradients_change_the_length_of_the_direction_alone() -> None:
    rows = random_rows(3, 40)
    scaled = torch.tensor([1e-5, 3.0, 1e6], dtype=torch.float64)[:, None] * rows
    assert relative(units(same_angle(scaled)[None]), units(same_angle(rows)[None])) < 1e-12


def test_a_term_that_is_solved_does_not_count() -> None:
    rows = random_rows(3, 40)
    rows[1] = 0.0
    assert relative(same_angle(rows), same_angle(rows[[0, 2]])) < 1e-12
    assert same_angle(torch.zeros_like(rows)).abs().max() == 0


def test_a_term_that_stands_twice_counts_once() -> None:
    first, second = random_rows(2, 40)
    twice = same_angle(torch.stack([first, second, 5 * first]))
    assert relative(units(twice[None]), units(same_angle(torch.stack([first, second]))[None])) < 1e-10


def test_opposite_terms_give_no_direction() -> None:
    row = random_rows(1, 40)[0]
    assert same_angle(torch.stack([row, -3 * row])).abs().max() == 0


def walk(method: ConflictFree, step: Step, steps: int) -> tuple[Tensor, Step]:
    """The last of some updates by the step's optimizer, and the step that it was at."""
    state = method.start([part.task for part in step.parts], {})
    for _ in range(steps):
        answer = method.direction(step, state)
        at, state = step, answer.state
        step = replace(step, theta=(step.theta.detach() - answer.gradient).requires_grad_())
    return answer.gradient, at


@pytest.mark.parametrize("optimizer", [Adam(0.03), Sgd(0.1, momentum=0.9)], ids=["adam", "sgd"])
@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_no_term_rises_along_an_update(steps: int, optimizer: Optimizer) -> None:
    model, points = setting()
    step = replace(make_step(model, points), optimizer=optimizer)
    update, at = walk(ConflictFree(project="update"), step, steps)
    rows = term_gradients(at, Lp())
    assert float((units(rows) @ update / update.norm()).min()) > -1e-10


def test_adams_own_update_does_conflict_where_it_is_not_projected() -> None:
    """So that what the test above finds is not there anyway."""
    model, points = setting()
    training = Training(model, points, ConflictFree(), Adam(0.03), batch_size=100, epochs=12)
    smallest = []
    for _ in range(12):
        before = training.theta.detach().clone()
        rows = term_gradients(make_step(model, points, theta=before.clone().requires_grad_()), Lp())
        training.run_epoch()
        update = before - training.theta.detach()
        smallest.append(float((units(rows) @ update / update.norm()).min()))
    assert min(smallest) < -1e-3


def test_without_conflict_an_update_is_the_optimizers_own() -> None:
    """One term at a small rate, against which no momentum points yet."""
    model, points = setting()
    roles: Roles = {"data": "measured", **dict.fromkeys(model.problem.constraints[1:], "measured")}
    trainings = [
        Training(model, points, ConflictFree(project=project), Adam(1e-4), batch_size=100, epochs=9, roles=roles)
        for project in ("gradient", "update")
    ]
    for _ in range(9):
        for training in trainings:
            training.run_epoch()
        assert trainings[1].watched["turned"] == 0
    assert relative(trainings[1].theta.detach(), trainings[0].theta.detach()) < 1e-12


def test_the_rate_is_the_optimizers() -> None:
    model, points = setting()
    step, method = make_step(model, points), ConflictFree(project="update")
    state = start(method, model, points)
    small, large = (method.direction(replace(step, optimizer=Adam(rate)), state).gradient for rate in (1e-3, 1e-2))
    assert relative(large, 10 * small) < 1e-12


@pytest.mark.parametrize("roles", [{}, {"data": "measured", "around": "objective"}], ids=["data", "no data"])
def test_terms_of_regions_with_unknowns(roles: Roles) -> None:
    model = channel_model(inverse=True)
    points = channel_points(model.problem)
    step = make_step(model, points, roles=roles)
    for method in (ConflictFree(), ConflictFree(project="update")):
        update = method.direction(step, start(method, model, points, roles=roles)).gradient
        slopes = units(term_gradients(step, Lp())) @ update / update.norm()
        assert float(slopes.min()) > -1e-9
        assert (update[-2:] != 0).all()
