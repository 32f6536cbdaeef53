"""Rows of conditions: what they should vanish against, and what each weighs."""

import math

import torch

from cnn_core.networks import Dense
from cnn_core.problems import Condition, Problem
from cnn_core.solvers.enforced import enforced
from cnn_core.solvers.rows import Rows, condition_block
from tests.cnn_core.cases import make_model, theta_of

P = torch.tensor([2.0], dtype=torch.float64)


def model_with(*conditions, scaled=True):
    named = {f"c{number}": condition for number, condition in enumerate(conditions)}
    problem = Problem(
        "line", {"x": (0.0, 1.0)}, ("a",), ("u",), lambda u, x, p: {"flat": u.laplacian[0]}, conditions=named
    )
    return make_model(problem, Dense(widths=(4,)), scaled=scaled)


def blocks_of(model, points=None):
    inside = torch.linspace(0, 1, 5, dtype=torch.float64)[:, None]
    places = enforced(model.problem, {"interior": 5, **(points or {})}, inside, "uniform")
    return [condition_block(place.points(model, P)) for place in places]


def value_and_slope(u, x, p):
    return {"value": u.value[0], "slope": u.gradient[0, 0]}


def test_rows_are_the_quantities_less_their_values():
    values = torch.tensor([[0.5, -1.0], [0.25, 3.0]])
    at = torch.tensor([[0.1], [0.7]])
    model = model_with(Condition(at, value_and_slope, values), Condition(at, value_and_slope))
    theta = theta_of(model).detach()
    asked, free = (block.rows(block.points.evaluate(theta)).view(2, 2) for block in blocks_of(model))
    assert torch.allclose(free - asked, values.double(), rtol=1e-12)
    assert torch.allclose(free[:, 0], model.predict(theta, at.double(), P.expand(2, 1))[:, 0], rtol=1e-12)


def test_a_normal_is_that_of_each_point():
    outward = Condition("boundary", lambda u, x, p: {"flux": u.gradient[0] @ u.normal})
    slope = Condition("boundary", lambda u, x, p: {"slope": u.gradient[0, 0]})
    model = model_with(outward, slope)
    theta = theta_of(model).detach()
    flux, gradient = (block.rows(block.points.evaluate(theta)) for block in blocks_of(model, {"boundary": 2}))
    assert torch.allclose(flux.abs(), gradient.abs()) and float((flux / gradient).sum()) == 0


def test_scales_divide_a_condition_and_its_values_alike():
    values = torch.tensor([[0.5]])
    sized = Condition(torch.zeros(1, 1), lambda u, x, p: {"value": u.value[0]}, values, lambda p: {"value": 4 * p[0]})
    scaled, bare = (model_with(sized, scaled=scaled) for scaled in (True, False))
    theta = theta_of(scaled).detach()
    (small,), (whole,) = (blocks_of(model) for model in (scaled, bare))
    ratio = small.rows(small.points.evaluate(theta)) / whole.rows(whole.points.evaluate(theta))
    assert torch.allclose(ratio, torch.full_like(ratio, 1 / 8))


def test_a_condition_weighs_as_its_mean_square_whatever_its_points_and_quantities():
    one = Condition("x=0", lambda u, x, p: {"value": u.value[0]})
    two = Condition("interior", value_and_slope)
    for block in blocks_of(model_with(one, two), {"x=0": 1}):
        rows = block.rows(block.points.evaluate(theta_of(block.points.model).detach()))
        weighted = block.weights(3.0) * rows
        assert math.isclose(float(weighted.square().sum()), 9 * float(rows.square().mean()), rel_tol=1e-12)


def test_the_jacobian_of_all_conditions_is_that_of_their_rows():
    periodic = Condition("x=0", lambda u, x, p: {"jump": u.value[0] - u.partner.value[0]}, partner=lambda x: x + 1)
    flux = Condition("x=1", lambda u, x, p: {"flux": u.gradient[0] @ u.normal - p[0]})
    model = model_with(periodic, flux, Condition("interior", value_and_slope))
    rows, theta = Rows(blocks_of(model, {"x=0": 2, "x=1": 2})), theta_of(model).detach()
    linear = rows.linearise(theta)
    moves = torch.eye(len(theta), dtype=torch.float64) * 1e-6
    differences = [
        rows.select(rows.evaluate(theta + move)) - rows.select(rows.evaluate(theta - move)) for move in moves
    ]
    jacobian = torch.stack(differences, dim=1) / 2e-6
    assert torch.allclose(linear.jacobian.gram(), jacobian @ jacobian.T, atol=1e-6)
    weights = torch.arange(len(jacobian), dtype=torch.float64)
    assert torch.allclose(linear.jacobian.transposed_times(weights), weights @ jacobian, atol=1e-6)
