"""A wave's quantities by name, and the rows that are made of them."""

import math
from dataclasses import replace

import torch

from cnn_core.networks import Modulated
from cnn_core.problems import Condition, pythagorean, viscous_flow
from cnn_core.solvers.enforced import enforced
from cnn_core.solvers.wave import wave_of
from tests.cnn_core.cases import make_model, theta_of

P = torch.tensor([1.3, 0.8, 0.1], dtype=torch.float64)
X = torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None]


def general_wave(conditions=()):
    problem = replace(pythagorean(), conditions=dict(conditions))
    model = make_model(problem, Modulated(widths=(6, 5)))
    places = enforced(problem, {"interior": 5}, X, "uniform")
    return wave_of(model, X, P, places, general=True), theta_of(model).detach()


def test_parts_of_a_vector_problem_have_a_column_for_each_entry():
    model = make_model(viscous_flow(), Modulated(widths=(6, 5)))
    wave = wave_of(model, X.expand(-1, 3), P, (), general=False)
    quantities = wave.evaluate(theta_of(model).detach())
    assert wave.part("u", quantities).shape == (5, 3) and wave.part("constraints", quantities).shape == (5, 4)
    block = wave.rows(fixed={"u": 1}, growing={"constraints": 2})
    assert block.fixed.tolist() == [1 / math.sqrt(3)] * 3 + [0.0] * 4
    assert block.growing.tolist() == [0.0] * 3 + [1.0] * 4


def test_a_general_solution_has_its_explicit_form_and_slope_by_name():
    wave, theta = general_wave()
    quantities = wave.evaluate(theta)
    network = wave.points.model
    at = X.clone().requires_grad_()
    u = network.network(at, P.expand(5, -1))
    (slope,) = torch.autograd.grad(u.sum(), at)
    assert torch.allclose(wave.part("u", quantities), u.detach(), rtol=1e-12)
    assert torch.allclose(wave.part("slope", quantities), slope, rtol=1e-10)


def test_rows_reach_from_the_first_to_the_last_part_and_have_targets_for_values_and_slopes():
    wave, theta = general_wave()
    quantities = wave.evaluate(theta)
    block = wave.rows(fixed={"u": 1, "slope": 3}, growing={"constraints": 1}, near=quantities)
    assert (block.start, block.stop) == (0, 4)
    assert (block.fixed.tolist(), block.growing.tolist()) == ([1, 0, 0, 3], [0, 0, 1, 0])
    assert torch.equal(block.targets[:, [0, 3]], quantities[0][:, [0, 3]])
    assert not block.targets[:, 1:3].any()
    assert (wave.rows(fixed={"explicit": 2}).start, wave.rows(fixed={"explicit": 2}).stop) == (1, 2)


def test_the_error_is_that_of_the_constraints_and_of_every_condition():
    at = torch.zeros(1, 1, dtype=torch.float64)
    known = Condition(at, lambda u, x, p: {"value": u.value[0]}, values=torch.tensor([[0.4]], dtype=torch.float64))
    wave, theta = general_wave({"known": known})
    quantities = wave.evaluate(theta)
    off = wave.points.model.predict(theta, at, P[None]) - 0.4
    expected = wave.part("constraints", quantities).square().mean() + off.square().mean()
    assert wave.error(quantities) == wave.error([*quantities, quantities[0]])
    assert abs(wave.error(quantities) - float(expected)) < 1e-12 * float(expected)
