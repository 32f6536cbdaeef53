"""A warm-up is for the objective: where there is none, constraints are satisfied from the first step on."""

import pytest
import torch

from cnn_core.methods import Batch, NullSpace, Reduction
from cnn_core.networks import Dense
from cnn_core.problems import PointSet, poisson
from tests.cnn_core.cases import make_model, make_step, relative

METHODS = [Batch, Reduction, NullSpace]


@pytest.mark.parametrize("method", METHODS)
def test_without_an_objective_nothing_is_warmed_up(method: type[Batch | Reduction | NullSpace]) -> None:
    model = make_model(poisson(), Dense(widths=(6,)))
    x = torch.tensor([[0.2, 0.3], [0.6, 0.5], [0.8, 0.1]], dtype=torch.float64)
    points = {"interior": PointSet(x, x.new_zeros(3, 0), x.new_zeros(3, 1), 1, observed=False)}
    found = []
    for warm_up in (0.0, 5.0):
        made = method(damping=1e-3, warm_up=warm_up)
        step = make_step(model, points)
        state = made.start([part.task for part in step.parts], points)
        found.append(made.direction(step, state).gradient)
    assert float(found[0].norm()) > 0
    assert relative(found[1], found[0]) == 0
