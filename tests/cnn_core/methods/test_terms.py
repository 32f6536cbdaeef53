"""The terms of a training and their gradients, one by one."""

import pytest
import torch

from cnn_core.methods.terms import OBJECTIVE, tasks_of, term_gradients, term_names, terms_of_pde
from cnn_core.networks import Dense
from cnn_core.problems import DATA
from cnn_core.reductions import Huber, Lp
from tests.cnn_core.cases import grid_points, make_model, make_problem, make_step, relative
from tests.cnn_core.channel import channel_model, channel_points
from tests.cnn_core.methods.test_regions import ROLES, by_hand, reduced, setting


@pytest.mark.parametrize("reduction", [Lp(), Huber(0.5)], ids=repr)
@pytest.mark.parametrize("roles", ROLES)
def test_gradients_against_formulas_by_hand(roles: str, reduction: Lp | Huber) -> None:
    model, points = setting(inverse=True, general=False)
    step, hand = make_step(model, points, roles=ROLES[roles]), by_hand(roles, True, False)
    slopes = hand.slope_of(lambda _, constraints: reduced(constraints, reduction))
    expected = torch.stack([hand.slope, *slopes.values()])
    assert term_names(tasks_of(step)) == (OBJECTIVE, *slopes)
    assert relative(term_gradients(step, reduction), expected) < 1e-12


def test_conditions_are_told_from_the_pde() -> None:
    model = channel_model(inverse=False)
    step = make_step(model, channel_points(model.problem), roles={"flux": "measured"})
    named = dict(zip(term_names(tasks_of(step)), terms_of_pde(tasks_of(step)), strict=True))
    assert [name for name, of_pde in named.items() if of_pde] == ["carried"]
    assert {OBJECTIVE, "level", "start", "warm", "out", "around"} <= set(named)


def test_what_has_no_objective_has_constraints_alone_and_the_other_way_round() -> None:
    model = make_model(make_problem("helmholtz"), Dense(widths=(5,)))
    points = grid_points(model.problem, 4)
    name = model.problem.constraints[0]
    for unasked, left in ((DATA, name), (name, OBJECTIVE)):
        step = make_step(model, points, roles={unasked: "measured"})
        assert term_names(tasks_of(step)) == (left,)
        assert term_gradients(step, Lp()).shape == (1, len(step.theta))
