"""Conditions of a problem, enforced by a projection at points of their regions."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, pi

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.domains import Ball, Box
from cnn_core.networks import Dense
from cnn_core.problems import Condition, Problem, ProblemError, Unknown, pythagorean
from cnn_core.projection import ProjectionResult, project, projection_points
from cnn_core.solvers import SOLVERS, AdamProjection, LevenbergMarquardt, ProjectionStatus
from cnn_core.solvers.enforced import enforced
from tests.cnn_core.cases import general_twin, make_model

NONE = torch.zeros(1, 0, dtype=torch.float64)
FROM_SCRATCH: Mapping[str, Any] = {
    "nearest": "parameters", "first_weight": 30.0, "growth": 10.0, "inner_tolerance": 0.01, "max_steps": 400
}  # fmt: skip


def value(u, x, p):
    return {"value": u.value[0]}


def model_of(problem: Problem, *, width: int = 10, seed: int = 0) -> ConstrainedNetwork:
    return make_model(problem, Dense(widths=(width,), activation="tanh", normalise=False), seed=seed)


def solved(problem: Problem, points: int | Mapping[str, int], **settings: Any) -> tuple[Any, ProjectionResult]:
    model = model_of(problem, width=settings.pop("width", 10))
    waves = torch.ones(1, len(problem.given), dtype=torch.float64)
    solver = LevenbergMarquardt(points=points, **{**FROM_SCRATCH, **settings})
    return model, project(model, model.begin, waves, solver)[0]


def error_of(model: ConstrainedNetwork, result: ProjectionResult, exact: Any) -> float:
    """The relative L2 error of the projected network."""
    x = model.problem.domain.sample("interior", 15 ** len(model.problem.axes), "uniform").x
    u = torch.vmap(exact)(x)
    prediction = model.predict(result.theta, x, x.new_ones(len(x), len(model.problem.given)))[:, 0]
    return float((prediction - u).norm() / u.norm())


def oscillator(**more: Any) -> Problem:
    """u'' + 9 u = 0, of the size of u."""
    return Problem(
        "oscillator", {"x": (0.0, 1.0)}, (), ("u",), lambda u, x, p: {"ode": u.laplacian[0] / 9 + u.value[0]}, **more
    )


def start(on: str | Tensor, **more: Any) -> Condition:
    return Condition(on, lambda u, x, p: {"value": u.value[0], "slope": u.gradient[0, 0] / 3}, **more)


WALLS = Condition("boundary", value)


def test_an_initial_value_problem_is_solved_from_random_parameters() -> None:
    values = torch.tensor([[1.0, 0.0]])
    model, result = solved(oscillator(conditions={"start": start("x=0", values=values)}), {"interior": 20, "x=0": 1})
    assert result.status is ProjectionStatus.CONVERGED
    assert error_of(model, result, lambda x: torch.cos(3 * x[0])) < 1e-3


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_condition_of_the_problem_is_the_same_as_one_given_by_hand(solver: str) -> None:
    values = torch.tensor([[1.0, 0.0]])
    of_problem = model_of(oscillator(conditions={"start": start("x=0", values=values)}))
    bare, by_hand = model_of(oscillator()), start(torch.tensor([[0.0]]), values=values)
    settings = SOLVERS[solver](points={"interior": 20, "x=0": 1}, max_steps=20)  # type: ignore[call-arg]
    (first,) = project(of_problem, of_problem.begin, NONE, settings)
    alone = replace(settings, points=20)  # type: ignore[type-var]
    (second,) = project(bare, bare.begin, NONE, alone, conditions=[by_hand])
    assert torch.allclose(first.theta, second.theta, rtol=1e-9, atol=1e-12)
    assert first.errors == pytest.approx(second.errors, rel=1e-9)
    own = model_of(oscillator(conditions={"start": start(torch.tensor([[0.0]]), values=values)}))
    (third,) = project(own, own.begin, NONE, alone)  # points of its own need no others
    assert torch.equal(third.theta, second.theta)
    assert (third.residual_on, second.residual_on < third.residual_on) == (pytest.approx(first.residual_on), True)


def rod() -> Problem:
    """Heat in a rod, cold at one end and insulated at the other, with a conductivity to be found."""
    return Problem(
        "rod",
        Box({"x": (0.0, 1.0), "t": (0.0, 0.5)}, time="t"),
        ("conductivity",),
        ("u",),
        lambda u, x, p: {"heat": u["t"][0] - p[0] * u["xx"][0]},
        conditions={
            "cold": Condition("x=0", value),
            "insulated": Condition("x=1", lambda u, x, p: {"flux": u.gradient[0] @ u.normal}),
            "start": Condition("initial", lambda u, x, p: {"u": u.value[0] - torch.sin(pi / 2 * x[0])}),
        },
        unknowns={"conductivity": Unknown(0.4, positive=True)},
    )


def test_dirichlet_neumann_and_initial_values_hold_together_with_an_unknown_at_its_value() -> None:
    points = {"interior": 60, "x=0": 10, "x=1": 10, "initial": 12}
    model, result = solved(rod(), points, tolerance=1e-6)
    assert result.status is ProjectionStatus.CONVERGED and result.residual_off < 1e-5
    assert torch.equal(result.theta[-1:], model.begin[-1:]) and len(result.theta) == len(model.begin)
    exact = error_of(model, result, lambda x: torch.sin(pi / 2 * x[0]) * torch.exp(-0.1 * pi**2 * x[1]))
    assert exact < 0.01


def test_another_value_of_the_unknown_gives_another_solution() -> None:
    model = model_of(rod())
    theta = model.begin.clone()
    theta[-1] = math.log(0.1)
    points = {"interior": 60, "x=0": 10, "x=1": 10, "initial": 12}
    (result,) = project(model, theta, NONE, LevenbergMarquardt(points=points, **FROM_SCRATCH, tolerance=1e-6))
    assert error_of(model, result, lambda x: torch.sin(pi / 2 * x[0]) * torch.exp(-0.025 * pi**2 * x[1])) < 0.01
    assert float(result.theta[-1]) == math.log(0.1)


def periodic() -> Problem:
    """u'' = −sin 2πx, periodic, with u(0) given at a point of its own and the mean free."""
    jumps = Condition(
        "x=0",
        lambda u, x, p: {
            "value": u.value[0] - u.partner.value[0],
            "slope": (u.gradient[0, 0] - u.partner.gradient[0, 0]) / (2 * pi),
        },
        partner=lambda x: x + 1,
    )
    anchor = Condition(torch.tensor([[0.25]]), value, values=torch.tensor([[1.0]]))
    return Problem(
        "periodic",
        {"x": (0.0, 1.0)},
        (),
        ("u",),
        lambda u, x, p: {"bent": u.laplacian[0] / (2 * pi) ** 2 + torch.sin(2 * pi * x[0])},
        conditions={"jumps": jumps, "anchor": anchor},
    )


def test_a_periodic_problem_is_solved_with_partners() -> None:
    model, result = solved(periodic(), {"interior": 20, "x=0": 1}, nearest="function", first_weight=3.0, growth=3.0)
    assert result.status is ProjectionStatus.CONVERGED
    assert error_of(model, result, lambda x: torch.sin(2 * pi * x[0])) < 1e-3


def test_the_general_path_gives_the_same() -> None:
    model = model_of(periodic(), width=4)
    solver = LevenbergMarquardt(points={"interior": 4, "x=0": 1}, max_steps=2, nearest="parameters")
    results = [project(one, model.begin, NONE, solver)[0] for one in (model, general_twin(model))]
    assert torch.allclose(results[0].theta, results[1].theta, rtol=1e-7)


def test_adam_enforces_them_too() -> None:
    model = model_of(periodic())
    solver = AdamProjection(points={"interior": 20, "x=0": 1}, learning_rate=1e-2, max_steps=100)
    (result,) = project(model, model.begin, NONE, solver)
    assert result.errors[-1] < 0.5 * result.errors[0]
    assert result.errors[-1] == pytest.approx(_by_hand(model, result.theta, result.x), rel=1e-9)


def _by_hand(model: ConstrainedNetwork, theta: Tensor, x: Tensor) -> float:
    """Mean squares of `periodic`'s PDE, both jumps and the anchor, summed."""

    def u(at: Tensor) -> Tensor:
        return model.predict(theta, at, at.new_zeros(len(at), 0))

    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64).requires_grad_()
    (slopes,) = torch.autograd.grad(_general(model, theta, ends).sum(), ends)
    jumps = [float(u(ends)[0] - u(ends)[1]), float(slopes[0] - slopes[1]) / (2 * pi)]
    anchor = float(u(torch.tensor([[0.25]], dtype=torch.float64))) - 1
    bent = model.residuals(theta, x, x.new_zeros(len(x), 0))
    return float(bent.square().mean()) + sum(jump**2 for jump in jumps) + anchor**2


def _general(model: ConstrainedNetwork, theta: Tensor, x: Tensor) -> Tensor:
    network, parameters = model.network, model.layout.unflatten(theta.detach())
    return torch.func.functional_call(network, parameters, (x, x.new_zeros(len(x), 0)))


def test_residuals_on_and_off_the_points_are_those_of_all_that_is_enforced() -> None:
    model = model_of(rod())
    points = {"interior": 30, "x=0": 4, "x=1": 0, "initial": 6}
    (result,) = project(model, model.begin, NONE, LevenbergMarquardt(points=points, max_steps=3), seed=5)
    known = rod().conditions
    places = {"cold": "x=0", "start": "initial"}

    def summed(x: Tensor, of_regions: Mapping[str, Tensor]) -> float:
        squares = float(model.residuals(result.theta, x, x[:, :0]).square().mean())
        for key, at in of_regions.items():
            bound = model.on(places[key])
            normal = at.new_full((len(at), 2), math.nan)  # which these do not read
            squares += float(bound.residuals(result.theta, at, normal).square().mean())
        return squares

    domain = model.problem.domain
    on = {key: domain.sample(places[key], points[places[key]], "uniform").x for key in places}
    assert set(known) - set(on) == {"insulated"}
    assert result.residual_on == pytest.approx(summed(result.x, on), rel=1e-9)
    others = [project(model, model.begin, NONE, LevenbergMarquardt(points=points, max_steps=3), seed=9)[0], result]
    assert others[0].residual_on == result.residual_on
    assert others[0].residual_off != result.residual_off == pytest.approx(result.residual_on, rel=0.3)


def test_conditions_without_points_are_left_out_where_that_is_said() -> None:
    problem = replace(oscillator(), conditions={"walls": WALLS})
    model, bare = model_of(problem), model_of(oscillator())
    (left_out,) = project(model, model.begin, NONE, LevenbergMarquardt(points={"interior": 12, "boundary": 0}))
    (alone,) = project(bare, bare.begin, NONE, LevenbergMarquardt(points=12))
    assert torch.equal(left_out.theta, alone.theta) and left_out.residual_on == alone.residual_on


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("points", "message"),
    [
        (
            200,
            "points has none on boundary, initial, where problem 'rod' has conditions; write e.g. points: "
            "{interior: 200, boundary: 50, initial: 50}, with 0 where conditions are not to be enforced",
        ),
        ({"interior": 100, "initial": 9}, "write e.g. points: {interior: 100, initial: 9, boundary: 25}, with 0"),
        ({"interior": 9, "boundary": 4, "initial": 1, "final": 3}, "points.final: problem 'rod' has no condition ther"),
        ({"interior": 9, "walls": 4}, "points.walls is no region of problem 'rod'; write some of: interior, boundary"),
    ],
)
def test_points_that_do_not_say_what_is_enforced_are_refused(solver: str, points: Any, message: str) -> None:
    conditions = {"walls": WALLS, "start": Condition("initial", value)}
    problem = replace(rod(), conditions=conditions)
    with pytest.raises(ProblemError) as told:
        SOLVERS[solver](points=points).require(problem)  # type: ignore[call-arg]
    assert message in str(told.value)


def test_as_many_points_are_proposed_as_differ() -> None:
    problem = oscillator(conditions={"start": start("x=0"), "walls": WALLS})
    with pytest.raises(ProblemError, match=r"points: \{interior: 200, x=0: 1, boundary: 2\}"):
        LevenbergMarquardt().require(problem)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"boundary": 5}, "points.interior is missing, where the PDE is enforced; write e.g. interior: 200"),
        ({"interior": 0}, "points.interior must be at least 1, got 0"),
        ({"interior": 5, "boundary": -1}, "points.boundary must be at least 0, got -1"),
    ],
)
def test_numbers_of_points_that_mean_nothing_are_refused(points: Any, message: str) -> None:
    for solver in SOLVERS.values():
        with pytest.raises(ValueError, match=message):
            solver(points=points)  # type: ignore[call-arg]


def test_waves_hold_the_given_parameters_alone() -> None:
    model = model_of(rod())
    with pytest.raises(ValueError, match=r"waves: they must have the shape \(waves, 0\), got \(1, 1\)"):
        project(model, model.begin, torch.ones(1, 1), LevenbergMarquardt(points=5))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (start(torch.zeros(1, 2)), "'condition 1' is at points with 2 coordinates, and the problem has 1"),
        (start(torch.zeros(1, 1), values=torch.zeros(1, 3)), "'condition 1' has 2 quantities, and values in 3 columns"),
        (start(torch.zeros(1, 1), values=torch.zeros(1, 1)), "'condition 1' has 2 quantities, and values in 1 columns"),
        (start("x=0"), "it is on the region 'x=0'; put it into the problem's conditions"),
        (
            Condition(torch.zeros(1, 1), lambda u, x, p: {"v": u.value}),
            "'oscillator, condition condition 1': residual 'v' must be a scalar tensor",
        ),
    ],
)
def test_conditions_given_by_hand_that_do_not_fit_are_refused(condition: Condition, message: str) -> None:
    model = model_of(oscillator())
    with pytest.raises(ValueError, match=message):
        project(model, model.begin, NONE, LevenbergMarquardt(points=5), conditions=[condition])


def test_conditions_in_the_interior_hold_where_the_pde_does() -> None:
    both = {"inside": Condition("interior", lambda u, x, p: {"value": u.value[0] - 1}), "walls": WALLS}
    problem = oscillator(conditions=both)
    inside = projection_points(problem, 6)
    first, second = enforced(problem, {"interior": 6, "boundary": 4}, inside, "uniform")
    assert (first.key, first.rows, second.key, second.rows) == ("inside", ("inside",), "walls", ("walls",))
    assert torch.equal(first.x, inside) and sorted(second.x[:, 0].tolist()) == [0.0, 0.0, 1.0, 1.0]


def test_general_solutions_meet_conditions_too() -> None:
    known = Condition("x=-1", value, values=torch.tensor([[0.5]]))
    model = make_model(replace(pythagorean(), conditions={"known": known}), Dense(widths=(10,)))
    solver = LevenbergMarquardt(points={"interior": 16, "x=-1": 1}, solutions="general", max_steps=30)
    waves = torch.tensor([[1.0, 0.3, 0.1]], dtype=torch.float64)
    (result,) = project(model, model.begin, waves, solver)
    squares = model.residuals(model.begin, result.x, waves.expand(16, -1)).square().mean()
    off = model.predict(model.begin, torch.tensor([[-1.0]]).double(), waves) - 0.5
    assert result.errors[0] == pytest.approx(float(squares + off.square()), rel=1e-9)
    assert result.errors[-1] < result.errors[0]


def test_the_interior_of_another_domain_is_its_own_uniform_points() -> None:
    problem = replace(oscillator(), coordinates=(disc := Ball({"x": 0.0, "y": 0.0}, 1.0)))
    assert torch.equal(projection_points(problem, 20), disc.sample("interior", 20, "uniform").x)
    model = model_of(replace(problem, conditions={"rim": Condition("boundary", value)}))
    (result,) = project(model, model.begin, NONE, LevenbergMarquardt(points={"interior": 9, "boundary": 5}))
    assert disc.contains(result.x).all() and result.status is ProjectionStatus.CONVERGED
