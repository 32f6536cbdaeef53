"""Solving from any start: PDEs are met to many digits, points follow the residual, and the result says how it ended."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.domains import Box
from cnn_core.linear_algebra.least_squares import Descent
from cnn_core.networks import Dense
from cnn_core.problems import Condition, Problem, burgers, helmholtz_2d, poisson
from cnn_core.projection import project
from cnn_core.renewal import Refinement
from cnn_core.solvers import LeastSquaresSolver, ProjectionStatus
from cnn_core.solvers.rows import Points, Rows, condition_block
from cnn_core.solvers.start import GAINS, reaching_start

NO_WAVE = torch.zeros(1, 0, dtype=torch.float64)
SQUARE = {"interior": 144, "boundary": 48}


def model_of(problem: Problem, *widths: int, seed: int = 0) -> ConstrainedNetwork:
    network = Dense(widths=widths, activation="tanh")
    built = network.build(inputs=len(problem.axes), parameters=0, outputs=len(problem.outputs), seed=seed)
    return ConstrainedNetwork(problem, built.double())


def solved(model: ConstrainedNetwork, theta: torch.Tensor | None = None, **settings):
    (result,) = project(model, model.begin if theta is None else theta, NO_WAVE, LeastSquaresSolver(**settings))
    return result


def relative_error(model: ConstrainedNetwork, theta: torch.Tensor) -> float:
    x = model.problem.domain.sample("interior", 1000, "random", seed=5).x
    exact = torch.vmap(model.problem.solution)(x, x[:, :0])
    return float((model.predict(theta, x, x[:, :0]) - exact).norm() / exact.norm())


@pytest.mark.parametrize("space", ["rows", "parameters"])
def test_poisson_is_solved_from_random_parameters_in_either_space(space):
    model = model_of(poisson(), 20)
    result = solved(model, points=SQUARE, space=space, start="reaching", tolerance=1e-10, max_steps=300)
    assert result.status is ProjectionStatus.CONVERGED
    assert result.space == space
    assert result.residual_on <= 1e-10 and result.residual_off < 1e-7
    assert relative_error(model, result.theta) < 1e-5


def test_the_cheaper_space_is_taken_and_told():
    model = model_of(poisson(), 20)
    assert solved(model, points=SQUARE, max_steps=1).space == "parameters"
    assert solved(model, points={"interior": 36, "boundary": 12}, max_steps=1).space == "rows"


def test_both_spaces_take_the_same_first_steps():
    model = model_of(poisson(), 20)
    rows, parameters = (solved(model, points=SQUARE, space=space, max_steps=3) for space in ("rows", "parameters"))
    assert rows.errors == pytest.approx(parameters.errors, rel=1e-6)


def test_several_waves_need_a_start_that_reaches():
    """From torch's own start u stays near 0; the same steps solve it from a first layer that sees the waves."""
    model = model_of(helmholtz_2d(1, 4), 20, 20)
    settings = {"points": {"interior": 400, "boundary": 100}, "max_steps": 60}
    assert relative_error(model, solved(model, **settings).theta) > 0.5
    assert relative_error(model, solved(model, start="reaching", **settings).theta) < 0.1


def test_the_start_scales_the_first_layer_alone():
    problem = helmholtz_2d(1, 4)
    model = model_of(problem, 20, 20)
    on, off = (problem.domain.sample("interior", 100, sampling).x for sampling in ("uniform", "random"))
    rows, others = (Rows([condition_block(Points(model, points, points[:, :0]))]) for points in (on, off))
    start = reaching_start(model, Descent(model.begin, scaled=True), rows, others)
    before, after = (model.layout.unflatten(theta) for theta in (model.begin, start))
    gains = {name: float((after[name] / before[name]).mean()) for name in before}
    assert gains.pop("hidden.0.weight") == gains.pop("hidden.0.bias") in GAINS[1:]
    assert set(gains.values()) == {1.0}


def test_the_start_is_judged_between_the_points():
    model = model_of(helmholtz_2d(1, 4), 20, 20, seed=6)  # a first layer times 16 fits 400 points best, and 8 off them
    result = solved(model, start="reaching", points={"interior": 400, "boundary": 100}, max_steps=120)
    assert relative_error(model, result.theta) < 0.02


def test_a_trained_network_goes_on_from_where_it_is():
    model = model_of(poisson(), 20)
    first = solved(model, points=SQUARE, start="reaching", max_steps=40)
    second = solved(model, first.theta, points=SQUARE, max_steps=40)
    assert second.errors[0] == pytest.approx(first.errors[-1], rel=1e-6)
    assert second.errors[-1] < first.errors[-1]


def test_a_network_that_meets_the_tolerance_stays():
    model = model_of(poisson(), 20)
    result = solved(model, points=SQUARE, tolerance=1e3)
    assert result.status is ProjectionStatus.CONVERGED and result.steps == 0
    assert torch.equal(result.theta, model.begin)


def test_points_follow_the_residual_and_come_to_rest():
    """Too few points for a front: where they gather is where it is, and the residual off them falls."""
    model = model_of(burgers(viscosity=0.05), 16, 16)
    settings = {"points": {"interior": 100, "initial": 40, "boundary": 40}, "max_steps": 120, "start": "reaching"}
    fixed = solved(model, **settings)
    moved = solved(model, refine=Refinement(every=10, share=0.5, candidates=10), **settings)
    assert moved.watched["points_moved"] > 0
    assert moved.residual_off < 0.5 * fixed.residual_off
    assert relative_error(model, moved.theta) < relative_error(model, fixed.theta)


def test_converged_means_off_the_points_too():
    model = model_of(poisson(), 16)
    settings = {"points": {"interior": 64, "boundary": 32}, "start": "reaching", "max_steps": 300, "tolerance": 1e-7}
    fixed, moved = solved(model, **settings), solved(model, refine=Refinement(every=10), **settings)
    assert fixed.status is moved.status is ProjectionStatus.CONVERGED
    assert fixed.residual_off > 1e-6
    assert moved.residual_off < 2e-7
    assert 1 <= moved.watched["points_moved"] < 20


def test_several_equations_are_looked_at_as_they_are_measured():
    """What meets the tolerance at the points does so off them, however many equations there are."""
    problem = Problem(
        "flat",
        Box({"x": (0.0, 1.0)}),
        parameters=(),
        outputs=("u",),
        residual=lambda u, x, p: {"a": 8e-4 + 0 * u.value[0], "b": 8e-4 + 0 * u.value[0]},
    )
    settings = {"points": 50, "refine": Refinement(every=5), "tolerance": 1e-6, "max_steps": 20}
    assert solved(model_of(problem, 4), **settings).status is ProjectionStatus.CONVERGED


@pytest.mark.parametrize("refine", [None, Refinement(every=5)])
def test_constraints_that_contradict_each_other_end_as_least_squares(refine):
    conditions = {
        "one": Condition("x=0", lambda u, x, p: {"one": u.value[0] - 1}),
        "two": Condition("x=0", lambda u, x, p: {"two": u.value[0] + 1}),
    }
    problem = Problem(
        "contradiction",
        Box({"x": (0.0, 1.0)}),
        parameters=(),
        outputs=("u",),
        residual=lambda u, x, p: {"g": u["x"][0]},
        conditions=conditions,
    )
    result = solved(model_of(problem, 8), points={"interior": 10, "x=0": 1}, max_steps=300, refine=refine)
    assert result.status is ProjectionStatus.LEAST_SQUARES
    assert result.residual_on == pytest.approx(2.0, rel=1e-3)


def test_it_stops_when_its_time_is_up():
    result = solved(model_of(poisson(), 20), points=SQUARE, tolerance=1e-30, max_steps=10**6, max_seconds=0.3)
    assert result.status is ProjectionStatus.TOLERANCE_NOT_MET
    assert 0 < result.steps < 1000


def test_a_start_that_is_not_finite_is_told():
    model = model_of(poisson(), 8)
    result = solved(model, torch.full_like(model.begin, float("nan")), points=SQUARE)
    assert result.status is ProjectionStatus.DIVERGED


def test_any_module_is_solved_with_from_where_it_is():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(2, 8), nn.Linear(8, 1)

        def forward(self, x, p):
            return self.last(torch.sin(self.first(x)))

    torch.manual_seed(0)
    model = ConstrainedNetwork(poisson(), Own().double())
    result = solved(model, points={"interior": 36, "boundary": 12}, start="reaching", max_steps=20)
    assert result.errors[-1] < 1e-2 * result.errors[0]


def test_float32_networks_stop_at_what_rounding_allows():
    model = model_of(poisson(), 8)
    model = replace(model, network=model.network.float())
    result = solved(model, points=SQUARE, start="reaching", max_steps=300, tolerance=1e-30)
    assert result.theta.dtype == torch.float32
    assert result.watched["tolerance"] > 1e-15
    converged = result.residual_on <= result.watched["tolerance"]
    assert converged == (result.status is ProjectionStatus.CONVERGED)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": "far"}, "start must be as-it-is or reaching, got 'far'"),
        ({"space": "both"}, "space must be auto, rows or parameters, got 'both'"),
        ({"tolerance": 0.0}, "tolerance must be positive, got 0.0"),
        ({"max_seconds": 0.0}, "max_seconds must be positive, got 0.0"),
        ({"refine": 20}, "refine must be a cnn_core.renewal.Refinement or None, got 20"),
        ({"max_steps": 0}, "max_steps must be at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LeastSquaresSolver(**settings)


def test_an_oscillator_with_conditions_at_points():
    """u'' + u = 0, u(0) = 0, u'(0) = 1, for longer than a period: sin x."""
    problem = Problem(
        "oscillator",
        Box({"x": (0.0, 8.0)}),
        parameters=(),
        outputs=("u",),
        residual=lambda u, x, p: {"g": u["xx"][0] + u.value[0]},
        solution=lambda x, p: torch.sin(x),
        conditions={"start": Condition("x=0", lambda u, x, p: {"value": u.value[0], "slope": u["x"][0] - 1})},
    )
    model = model_of(problem, 20)
    result = solved(model, points={"interior": 60, "x=0": 1}, start="reaching", max_steps=200, tolerance=1e-11)
    assert result.status is ProjectionStatus.CONVERGED
    assert relative_error(model, result.theta) < 1e-4
