"""Projection: what every solver must do."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.networks import Modulated
from cnn_core.problems import Condition, Split, collocation_points, sample, viscous_flow
from cnn_core.projection import ProjectionResult, project, projection_points
from cnn_core.solvers import SOLVERS, AdamProjection, LevenbergMarquardt, ProjectionStatus, Solver
from tests.cnn_core.cases import FAMILIES, OwnNetwork, grid_points, make_model, make_problem, relative, theta_of

NETWORK = Modulated(widths=(8, 7), activation="tanh")


WAVES = torch.tensor([[1.0, 0.7, 0.1], [2.0, 0.3, -0.2]], dtype=torch.float64)


def helmholtz_model() -> ConstrainedNetwork:
    return make_model(make_problem("helmholtz"), NETWORK)


def small(solver: str, *, points: int = 12, steps: int = 30) -> Solver:
    return SOLVERS[solver](points=points, max_steps=steps)  # type: ignore[call-arg]


def on_the_constraint(model: ConstrainedNetwork) -> Tensor:
    """θ of the network that is zero everywhere, which satisfies every homogeneous PDE."""
    named = model.layout.unflatten(theta_of(model).detach().clone())
    for name in ("output.weight", "output.bias"):
        named[name].zero_()
    return model.layout.flatten(named)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_trained_parameters_stay_untouched(solver: str, name: str, dtype: torch.dtype) -> None:
    problem = make_problem(name)
    model = make_model(problem, NETWORK)
    theta = theta_of(model).detach().to(dtype)
    before, own = theta.numpy().tobytes(), theta_of(model).detach()
    (result,) = project(model, theta, grid_points(problem, 1).p, small(solver, steps=10))
    assert theta.numpy().tobytes() == before
    assert torch.equal(theta_of(model), own)
    assert (result.theta.dtype, result.theta.shape) == (dtype, theta.shape)
    assert not result.theta.requires_grad
    assert torch.isfinite(result.theta).all()
    assert not torch.equal(result.theta, theta)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_wave_is_projected_by_itself(solver: str) -> None:
    model = helmholtz_model()
    theta = theta_of(model)
    together = project(model, theta, WAVES, small(solver))
    swapped = project(model, theta, WAVES.flip(0), small(solver))
    alone = [project(model, theta, wave[None], small(solver))[0] for wave in WAVES]
    for first, second, third in zip(together, reversed(swapped), alone, strict=True):
        assert torch.equal(first.theta, third.theta)
        assert torch.equal(first.theta, second.theta)
    assert not torch.equal(together[0].theta, together[1].theta)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_wave_that_fails_does_not_spoil_the_others(solver: str) -> None:
    model = helmholtz_model()
    theta = theta_of(model)
    broken = torch.tensor([[1.0, 0.0, 0.1], [math.nan, 0.7, 0.0]], dtype=torch.float64)  # the first has scale 0
    results = project(model, theta, torch.cat([WAVES[:1], broken, WAVES[1:]]), small(solver))
    assert [result.status is ProjectionStatus.DIVERGED for result in results] == [False, True, True, False]
    for result, wave in zip((results[0], results[3]), WAVES, strict=True):
        assert torch.equal(result.theta, project(model, theta, wave[None], small(solver))[0].theta)
    for result in results[1:3]:
        assert torch.equal(result.theta, theta.detach())


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_waves_give_no_results(solver: str) -> None:
    model = helmholtz_model()
    assert project(model, theta_of(model), WAVES[:0], small(solver)) == []


@pytest.mark.parametrize("solver", SOLVERS)
def test_conditions_hold_besides_the_pde(solver: str) -> None:
    model = helmholtz_model()
    at, values = torch.tensor([[0.0]]), torch.tensor([[0.4, -1.0]])
    initial = Condition(at, lambda u, x, p: {"value": u.value[0], "slope": u.gradient[0, 0]}, values)
    settings = replace(small(solver, steps=3000), tolerance=1e-4)  # type: ignore[type-var]
    if isinstance(settings, AdamProjection):
        settings = replace(settings, learning_rate=1e-2)
    (result,) = project(model, theta_of(model), WAVES[:1], settings, conditions=[initial])
    assert result.status is ProjectionStatus.CONVERGED
    assert float(model.predict(result.theta, at.double(), WAVES[:1])) == pytest.approx(0.4, abs=0.02)
    assert result.residual_on <= 1e-4


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_network_on_the_constraint_stays_where_it_is(solver: str) -> None:
    """Projection is idempotent: nothing to do, nothing done."""
    model = helmholtz_model()
    theta = on_the_constraint(model)
    for result in project(model, theta, WAVES, small(solver)):
        assert result.status is ProjectionStatus.CONVERGED
        assert result.steps == 0
        assert torch.equal(result.theta, theta)
        assert (result.distance_parameters, result.distance_function) == (0.0, 0.0)
        assert (result.residual_on, result.residual_off) == (0.0, 0.0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_projecting_again_does_nothing(solver: str) -> None:
    model = helmholtz_model()
    settings = replace(small(solver, steps=3000), tolerance=1e-4)  # type: ignore[type-var]
    (first,) = project(model, theta_of(model), WAVES[:1], settings)
    assert first.status is ProjectionStatus.CONVERGED
    (second,) = project(model, first.theta, WAVES[:1], settings)
    assert (second.status, second.steps) == (ProjectionStatus.CONVERGED, 0)
    assert torch.equal(second.theta, first.theta)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("solver", SOLVERS)
def test_parameters_that_are_not_finite_diverge(solver: str, bad: float) -> None:
    model = helmholtz_model()
    theta = theta_of(model).detach()
    theta[3] = bad
    (result,) = project(model, theta, WAVES[:1], small(solver))
    assert (result.status, result.steps) == (ProjectionStatus.DIVERGED, 0)
    assert torch.equal(result.theta.isfinite(), theta.isfinite())


@pytest.mark.parametrize("solver", SOLVERS)
def test_tolerance_and_limit_of_steps_are_respected(solver: str) -> None:
    model = helmholtz_model()
    (limited,) = project(model, theta_of(model), WAVES[:1], replace(small(solver, steps=4), tolerance=1e-30))  # type: ignore[type-var]
    assert limited.status is ProjectionStatus.TOLERANCE_NOT_MET
    assert limited.steps == 4
    assert len(limited.errors) == 5
    assert limited.errors[-1] < limited.errors[0]
    (met,) = project(model, theta_of(model), WAVES[:1], replace(small(solver, steps=3000), tolerance=1e-3))  # type: ignore[type-var]
    assert met.status is ProjectionStatus.CONVERGED
    assert met.errors[-1] <= 1e-3 < met.errors[0]
    assert 0 < met.steps < 3000


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_result_says_what_the_projection_was_worth(solver: str) -> None:
    model = replace(helmholtz_model(), scaled=False)
    theta, p = theta_of(model).detach(), WAVES[0]
    (result,) = project(model, theta, WAVES[:1], small(solver), seed=3)
    scaled = replace(model, scaled=True)
    waves = p.expand(len(result.x), -1)
    residuals = scaled.residuals(result.theta, result.x, waves)
    assert result.residual_on == pytest.approx(float(residuals.square().mean()), rel=1e-12)
    assert result.distance_parameters == pytest.approx(float((result.theta - theta).norm()), rel=1e-12)
    move = model.predict(result.theta, result.x, waves) - model.predict(theta, result.x, waves)
    assert result.distance_function == pytest.approx(float(move.square().mean().sqrt()), rel=1e-12)
    assert result.seconds > 0
    other = project(model, theta, WAVES[:1], small(solver), seed=4)[0]
    assert torch.equal(other.theta, result.theta)
    assert other.residual_off != result.residual_off
    assert other.residual_off == pytest.approx(result.residual_off, rel=0.2)
    sampled = collocation_points(model.problem, 500, "random", seed=3)  # what a split would be measured at
    at_sampled = scaled.residuals(result.theta, sampled, p.expand(500, -1)).square().mean()
    assert result.residual_off != float(at_sampled)


def assert_path(result: ProjectionResult, model: ConstrainedNetwork, theta: Tensor, p: Tensor) -> None:
    steps = [step for step, _ in result.path]
    assert (steps[0], steps[-1]) == (0, result.steps)
    assert steps == sorted(set(steps))
    assert len(steps) >= 3
    waves = p.expand(len(result.x), -1)
    assert relative(result.path[0][1], model.predict(theta, result.x, waves)) < 1e-13
    assert relative(result.path[-1][1], model.predict(result.theta, result.x, waves)) < 1e-13
    assert all(prediction.shape == (len(result.x), 1) for _, prediction in result.path)


@pytest.mark.parametrize("solver", SOLVERS)
def test_predictions_before_during_and_after(solver: str) -> None:
    model = helmholtz_model()
    theta = theta_of(model).detach()
    (result,) = project(model, theta, WAVES[:1], replace(small(solver, steps=23), tolerance=1e-30))  # type: ignore[type-var]
    assert_path(result, model, theta, WAVES[0])


def test_a_researchers_own_network_is_projected() -> None:
    problem = make_problem("helmholtz")
    model = ConstrainedNetwork(problem, OwnNetwork(1, 3, 1))
    for solver in SOLVERS:
        (result,) = project(model, theta_of(model), WAVES[:1], small(solver, points=5, steps=4))
        assert result.errors[-1] < result.errors[0]


@pytest.mark.parametrize("name", ["helmholtz", "viscous-flow"])
def test_points_lie_inside_and_are_nobody_elses(name: str) -> None:
    problem = make_problem(name)
    points = projection_points(problem, 64)
    low, high = torch.tensor(list(problem.box.values()), dtype=torch.float64).T
    assert ((points > low) & (points < high)).all()
    assert len(points) == 64
    parameters = {name: (1.0,) for name in problem.parameters}
    for sampling in ("random", "uniform"):
        split = sample(problem, Split(parameters, 64, sampling), seed=0)
        assert torch.cdist(points, split.x).min() > 1e-6


def test_points_are_the_centres_of_cells_on_an_axis_and_spread_over_several() -> None:
    assert projection_points(helmholtz_model().problem, 4)[:, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    flow = projection_points(viscous_flow(), 100)
    assert flow.shape == (100, 3)
    for axis in flow.T:
        gaps = axis.sort().values.diff()
        assert gaps.min() > 0 and gaps.max() < 3 / 100
    for power in (1, 2, 3):  # the lattice is a good quadrature
        assert flow.prod(dim=1).pow(power).mean() == pytest.approx((power + 1) ** -3, rel=0.3)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("field", ["max_steps", "points", "waves"])
def test_numbers_below_one_are_refused(solver: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be at least 1, got 0"):
        SOLVERS[solver](**{field: 0})


@pytest.mark.parametrize("waves", [WAVES[0], WAVES[:, :2]], ids=["one axis", "too few parameters"])
def test_waves_of_another_shape_are_refused(waves: Tensor) -> None:
    model = make_model(make_problem("helmholtz"), Modulated(widths=(4,)))
    with pytest.raises(ValueError, match=r"waves: they must have the shape \(waves, 3\), got"):
        project(model, theta_of(model), waves, LevenbergMarquardt())


def test_general_solutions_of_a_problem_without_are_refused_at_once() -> None:
    model = make_model(make_problem("helmholtz"), Modulated(widths=(4,)))
    with pytest.raises(ValueError, match="write solutions: all"):
        project(model, theta_of(model), WAVES[:1], LevenbergMarquardt(solutions="general"))


def test_a_projection_works_where_gradients_are_switched_off() -> None:
    model = make_model(make_problem("helmholtz"), Modulated(widths=(4,)))
    for solver in SOLVERS:
        with torch.no_grad():
            (result,) = project(model, theta_of(model), WAVES[:1], small(solver, points=5, steps=4))
        assert result.errors[-1] < result.errors[0]
