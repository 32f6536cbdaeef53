"""Levenberg–Marquardt projection: it satisfies the PDE, stays near, and says how it ended."""

import math

import pytest
import torch

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.functional import parameter_vector
from cnn_core.methods import Unconstrained
from cnn_core.networks import Modulated
from cnn_core.optimizers import Adam
from cnn_core.problem import Split, sample
from cnn_core.problems import helmholtz, pythagorean, viscous_flow
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


def test_derivatives_tell_smooth_solutions_from_glued_ones(trained):
    model, theta = trained
    nonlinear = ConstrainedNetwork(pythagorean(), model.network)
    wave = torch.tensor([1.6, 0.8, -0.3], dtype=torch.float64)
    glued, smooth = (
        data_error(nonlinear, project(nonlinear, theta, wave[None], solver)[0].theta, wave)
        for solver in (
            LevenbergMarquardt(points=60, inner_tolerance=1e-3, max_steps=150, derivatives=derivatives)
            for derivatives in (0, 2)
        )
    )
    assert smooth < 0.2 * glued < 0.2 * data_error(nonlinear, theta, wave)


def test_nearest_parameters_moves_them_less_and_the_function_more(trained):
    model, theta = trained
    (function,) = project(model, theta, WAVE, LevenbergMarquardt(points=60))
    (parameters,) = project(model, theta, WAVE, LevenbergMarquardt(points=60, nearest="parameters", max_steps=400))
    assert parameters.residual_on <= 1e-8
    assert parameters.distance_parameters < function.distance_parameters
    assert parameters.distance_function > function.distance_function


def test_adam_flattens_where_lm_does_not(trained):
    model, theta = trained
    (adam,) = project(model, theta, WAVE, AdamProjection(learning_rate=1e-3, max_steps=1500, tolerance=0.0, points=60))
    assert data_error(model, adam.theta) > 3 * data_error(model, theta)


def test_a_converged_result_does_not_move_again(trained):
    model, theta = trained
    (once,) = project(model, theta, WAVE, LevenbergMarquardt(points=60))
    (twice,) = project(model, once.theta, WAVE, LevenbergMarquardt(points=60))
    assert twice.steps == 0 and torch.equal(twice.theta, once.theta)


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


def test_float32_is_projected_in_float64(trained):
    model, theta = trained
    (result,) = project(model, theta.float(), WAVE, LevenbergMarquardt(points=60))
    assert result.theta.dtype is torch.float32
    assert result.status is ProjectionStatus.CONVERGED
    assert result.residual_on <= 1e-6


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


def test_collocation_points_are_the_centres_of_equal_cells():
    assert projection_points(helmholtz(), 4)[:, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert projection_points(viscous_flow(), 10).shape == (8, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"growth": 1.0}, "growth must be above 1, got 1.0"),
        ({"tolerance": 0.0}, "tolerance must be positive, got 0.0"),
        ({"derivatives": 3}, "derivatives must be 0, 1 or 2, got 3"),
        ({"derivatives": 1, "nearest": "parameters"}, "derivatives belong to nearest: function, got 1; write 0"),
        ({"points": 0}, "points must be at least 1, got 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LevenbergMarquardt(**settings)
