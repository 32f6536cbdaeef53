"""Rows of conditions: what fits a problem, and what they should vanish against."""

import pytest
import torch

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.networks import Dense
from cnn_core.problems import Condition, helmholtz
from cnn_core.solvers.rows import condition_block


def value_and_slope(u, x, p):
    return {"value": u.value[0], "slope": u.gradient[0, 0]}


def test_a_condition_of_another_problem_is_refused():
    network = Dense(widths=(4,)).build(inputs=1, parameters=3, outputs=1, seed=0)
    model, p = ConstrainedNetwork(helmholtz(), network), torch.ones(3)
    for condition in (
        Condition(torch.zeros(1, 2), value_and_slope),
        Condition(torch.zeros(1, 1), value_and_slope, torch.zeros(1, 3)),
        Condition(torch.zeros(1, 1), value_and_slope, torch.zeros(1, 1)),
    ):
        with pytest.raises(
            ValueError, match="2 quantities in 1 coordinates need points and values with as many columns, got"
        ):
            condition_block(model, condition, p)


def test_without_values_quantities_should_vanish():
    network = Dense(widths=(4,)).build(inputs=1, parameters=3, outputs=1, seed=0).double()
    model, p = ConstrainedNetwork(helmholtz(), network), torch.ones(3, dtype=torch.float64)
    block = condition_block(model, Condition(torch.zeros(3, 1), value_and_slope), p)
    assert block.targets.tolist() == [[0.0] * 3] * 3


def test_a_quantity_that_is_no_scalar_is_named_as_a_condition_s():
    network = Dense(widths=(4,)).build(inputs=1, parameters=3, outputs=1, seed=0)
    condition = Condition(torch.zeros(1, 1), lambda u, x, p: {"v": u.value})
    with pytest.raises(ValueError, match="'helmholtz, condition': residual 'v' must be a scalar tensor"):
        condition_block(ConstrainedNetwork(helmholtz(), network), condition, torch.ones(3))
