"""Levenberg–Marquardt projection: it satisfies the PDE, stays near, and says how it ended."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import Unconstrained
from cnn_core.networks import Modulated, parameter_vector
from cnn_core.optimizers import Adam
from cnn_core.problems import Condition, Split, helmholtz, pythagorean, sample, viscous_flow
from cnn_core.projection import project, projection_points
from cnn_core.solvers import AdamProjection, LevenbergMarquardt, ProjectionStatus
from cnn_core.training import train

WAVE = torch.tensor([[1.3, 1.0, 0.1]], dtype=torch.float64)


@pytest.fixture(scope="module")
def trained():
    """A small network that has learned waves roughly."""
    problem = helmholtz()
    split = Split({"amplitude": (1.0, 1.5), "frequency": (0.5, 1.0), "phase": (-0.2, 0.2)}, points=40)
    network = Modulated(widths=(20, 20)).build(inputs=1, parameters=3, outputs=1, seed=0).double()
    model = ConstrainedNetwork(problem, network)
    return model, train(model, sample(problem, split), Unconstrained(), optimizer=Adam(1e-2), batch_size=80, epochs=400)


def value_of(u, x, p):
    return {"value": u.value[0]}


def data_error(model, theta, p=WAVE[0]):
    x = torch.linspace(-1, 1, 301, dtype=torch.float64)[:, None]
    waves = p.expand(301, -1)
    truth = torch.vmap(model.problem.solution)(x, waves)
    return float((model.predict(theta, x, waves) - truth).square().mean())


def ideal_error(model, theta, p=WAVE[0]):
    """The data error of the prediction's L2 projection onto span(sin, cos): all that a projection could hope for."""
    x = torch.linspace(-1, 1, 301, dtype=torch.float64)[:, None]
    phase = 2 * math.pi * p[1] * x
    basis = torch.cat([torch.sin(phase), torch.cos(phase)], dim=1)
    prediction = model.predict(theta, x, p.expand(301, -1))
    nearest = basis @ torch.linalg.lstsq(basis, prediction).solution
    return float((nearest - torch.vmap(model.problem.solution)(x, p.expand(301, -1))).square().mean())


def test_nearest_function_satisfies_the_pde_and_keeps_the_data(trained):
    model, theta = trained
    before = theta.clone()
    (result,) = project(model, theta, WAVE, LevenbergMarquardt(points=60))
    assert result.status is ProjectionStatus.CONVERGED
    assert result.residual_on <= 1e-8 and result.residual_off <= 1e-6
    assert data_error(model, result.theta) <= 1.05 * ideal_error(model, theta) < data_error(model, theta)
    assert torch.equal(theta, before)


def test_general_solutions_are_told_from_glued_ones(trained):
    model, theta = trained
    nonlinear = ConstrainedNetwork(pythagorean(), model.network)
    wave = torch.tensor([1.6, 0.8, -0.3], dtype=torch.float64)
    every, general = (
        project(nonlinear, theta, wave[None], LevenbergMarquardt(points=60, solutions=solutions, max_steps=200))[0]
        for solutions in ("all", "general")
    )
    assert general.status is ProjectionStatus.CONVERGED
    assert general.residual_off <= 1e-7
    assert data_error(nonlinear, general.theta, wave) < 0.5 * data_error(nonlinear, theta, wave)
    assert data_error(nonlinear, general.theta, wave) < 0.2 * data_error(nonlinear, every.theta, wave)


def test_nearest_parameters_moves_them_less_and_the_function_more(trained):
    model, theta = trained
    (function,) = project(model, theta, WAVE, LevenbergMarquardt(points=60))
    (parameters,) = project(model, theta, WAVE, LevenbergMarquardt(points=60, nearest="parameters", max_steps=400))
    assert parameters.residual_on <= 1e-8
    assert parameters.distance_parameters < function.distance_parameters
    assert parameters.distance_function > function.distance_function


def test_adam_flattens_where_lm_does_not(trained):
    model, theta = trained
    (adam,) = project(model, theta, WAVE, AdamProjection(learning_rate=3e-3, max_steps=500, tolerance=0.0, points=60))
    assert data_error(model, adam.theta) > 3 * data_error(model, theta)


def test_a_converged_result_does_not_move_again(trained):
    model, theta = trained
    (once,) = project(model, theta, WAVE, LevenbergMarquardt(points=60))
    (twice,) = project(model, once.theta, WAVE, LevenbergMarquardt(points=60))
    assert twice.steps == 0 and torch.equal(twice.theta, once.theta)


def test_contradictory_conditions_end_in_least_squares(trained):
    model, theta = trained
    at = torch.zeros(1, 1, dtype=torch.float64)
    both = [Condition(at, value_of, values=torch.tensor([[value]])) for value in (0.0, 1.0)]
    (result,) = project(model, theta, WAVE, LevenbergMarquardt(points=30, max_steps=200), conditions=both)
    assert result.status is ProjectionStatus.LEAST_SQUARES
    assert result.watched["gradient"] <= 1e-3
    assert result.errors[-1] == pytest.approx(0.5, abs=0.01)  # 0.5² + 0.5² is the least that is possible
    assert result.residual_on < 0.01
    assert float(model.predict(result.theta, at, WAVE)) == pytest.approx(0.5, abs=0.01)


def test_more_constraints_than_parameters_are_met_in_the_least_squares_sense():
    network = Modulated(widths=(2,)).build(inputs=1, parameters=3, outputs=1, seed=0).double()
    model, theta = ConstrainedNetwork(helmholtz(), network), parameter_vector(network)
    assert len(theta) < 40
    wave = torch.tensor([[1.0, 2.0, 0.3]], dtype=torch.float64)
    known = [Condition(torch.tensor([[-0.5], [0.5]]), value_of, values=torch.tensor([[1.0], [-1.0]]))]
    solver = LevenbergMarquardt(nearest="parameters", points=40, first_weight=10.0)
    (result,) = project(model, theta, wave, solver, conditions=known)
    assert result.status is ProjectionStatus.LEAST_SQUARES
    assert result.errors[-1] < result.errors[0]


def test_the_distance_moved_is_noted_at_every_step(trained):
    model, theta = trained
    (result,) = project(model, theta, WAVE, LevenbergMarquardt(points=60, max_steps=7))
    assert len(result.distances) == len(result.errors) == 8
    assert result.distances[0] == 0 and result.distances[-1] == pytest.approx(result.distance_function, rel=1e-9)


def test_steps_are_bounded_and_the_status_says_so(trained):
    model, theta = trained
    (result,) = project(model, theta, WAVE, LevenbergMarquardt(points=60, max_steps=2))
    assert result.steps == 2
    assert result.status is ProjectionStatus.TOLERANCE_NOT_MET
    assert [step for step, _ in result.path] == [0, 1, 2]


def test_parameters_that_are_not_finite_are_left_alone(trained):
    model, theta = trained
    broken = torch.full_like(theta, math.nan)
    (result,) = project(model, broken, WAVE, LevenbergMarquardt(points=20))
    assert result.status is ProjectionStatus.DIVERGED
    assert torch.equal(result.theta, broken) or result.theta.isnan().all()


def test_float32_is_projected_in_float64_to_what_it_can_hold(trained):
    model, theta = trained
    (result,) = project(model, theta.float(), WAVE, LevenbergMarquardt(points=60))
    assert result.theta.dtype is torch.float32
    assert result.status is ProjectionStatus.CONVERGED
    assert result.residual_on <= 1e-6
    strict = LevenbergMarquardt(points=60, tolerance=1e-20)
    (once,) = project(model, theta.float(), WAVE, strict)
    assert once.status is ProjectionStatus.CONVERGED
    assert 1e-20 < once.watched["tolerance"] < 1e-8 and once.errors[-1] <= once.watched["tolerance"]
    (twice,) = project(model, once.theta, WAVE, strict)
    assert twice.steps == 0 and torch.equal(twice.theta, once.theta)


def test_vector_problems_in_three_dimensions():
    problem = viscous_flow()
    network = Modulated(widths=(20, 20)).build(inputs=3, parameters=3, outputs=3, seed=0).double()
    model = ConstrainedNetwork(problem, network)
    theta = parameter_vector(network)
    wave = torch.tensor([[1.0, 0.5, 1.0]], dtype=torch.float64)
    before = model.residuals(theta, *_at(problem, wave)).square().mean()
    (result,) = project(model, theta, wave, LevenbergMarquardt(points=27, tolerance=1e-8))
    assert result.residual_on < 1e-2 * float(before)


def _at(problem, wave):
    x = projection_points(problem, 27)
    return x, wave.expand(len(x), -1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nearest": "weights"}, "nearest must be function, parameters or data, got 'weights'"),
        ({"tolerance": math.nan}, "tolerance must be positive, got nan"),
        ({"growth": 1.0}, "growth must be above 1, got 1.0"),
        ({"tolerance": 0.0}, "tolerance must be positive, got 0.0"),
        ({"solutions": "general", "nearest": "parameters"}, "belongs to nearest: function, got parameters; write sol"),
        ({"every": 0}, "every must be at least 1, got 0"),
        ({"accept": "never"}, "accept must be always or if-better-on-validation, got 'never'"),
        ({"points": 0}, "points must be at least 1, got 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LevenbergMarquardt(**settings)


def test_contradictions_are_told_also_where_something_else_pulls(trained):
    model, theta = trained
    at = torch.zeros(1, 1, dtype=torch.float64)
    both = [Condition(at, value_of, values=torch.tensor([[value]])) for value in (0.0, 1.0)]
    solver = LevenbergMarquardt(
        nearest="parameters", points=30, first_weight=10.0, growth=10.0, inner_tolerance=0.1, max_steps=200
    )
    (result,) = project(model, theta, WAVE, solver, conditions=both)
    assert result.status is ProjectionStatus.LEAST_SQUARES


class WithBuffer(nn.Module):
    """A float32 network that reads a buffer, and has a layer that is not trained."""

    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.ones(8))
        self.first, self.last = nn.Linear(1, 8), nn.Linear(8, 1)
        self.first.requires_grad_(False)

    def forward(self, x, p):
        return self.last(torch.tanh(self.first(x) + self.shift))


def test_buffers_and_layers_that_are_not_trained_are_projected_with_the_rest():
    torch.manual_seed(0)
    network = WithBuffer()
    model = ConstrainedNetwork(helmholtz(), network)
    (result,) = project(model, parameter_vector(network), WAVE, LevenbergMarquardt(points=10, max_steps=5))
    assert result.errors[-1] < result.errors[0]
    assert (result.theta.dtype, network.shift.dtype) == (torch.float32, torch.float32)


def test_a_constant_has_no_general_solution_to_go_to():
    problem = pythagorean()
    network = Modulated(widths=(4,)).build(inputs=1, parameters=3, outputs=1, seed=0).double()
    model = ConstrainedNetwork(problem, network)
    theta = torch.zeros_like(parameter_vector(network))
    (result,) = project(model, theta, WAVE, LevenbergMarquardt(solutions="general", points=12))
    assert (result.status, result.steps) == (ProjectionStatus.LEAST_SQUARES, 0)  # and no small move lowers |g|


def test_a_network_that_nothing_moves_stays():
    network = nn.Sequential(nn.Linear(1, 1, bias=False))
    own = Ignoring(network).double()
    theta = torch.zeros_like(parameter_vector(own))
    (result,) = project(
        ConstrainedNetwork(replace(helmholtz(), residual=lambda u, x, p: {"one": u.laplacian[0] - 1}, scale=None), own),
        theta,
        WAVE,
        LevenbergMarquardt(points=5),
    )
    assert torch.equal(result.theta, theta)
    assert result.status is ProjectionStatus.LEAST_SQUARES


class Ignoring(nn.Module):
    """The square of a linear function: at zero parameters, none of them changes it to first order."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, p):
        return self.network(x).square()
