"""Every registered problem: its exact solution satisfies it, its conditions too, and wrong ones do not."""

import math
from itertools import product
from typing import cast

import pytest
import torch
from torch import Tensor

from cnn_core.derivatives import Field, PointField
from cnn_core.networks import Dense, Modulated
from cnn_core.problems import PROBLEMS, PointSet, Problem, Solution, Split, sample_regions, synthetic, viscous_flow
from tests.cnn_core.cases import (
    RANGES,
    field_of,
    grid_points,
    make_model,
    make_problem,
    residual_jacobian,
    theta_of,
    third_order,
)

ALL = [*PROBLEMS, "third-order"]

LOOSER = {"third-order": 1e-7, "kdv": 1e-6}
"""The first has no scale; the other's solution is interpolated in a table, and its third derivative is about 1e5."""

CONDITIONS = [(name, str(one.on)) for name, make in PROBLEMS.items() for one in make().conditions.values()]


def problem_of(name: str) -> Problem:
    return third_order() if name == "third-order" else make_problem(name)


def broad_sample(problem: Problem, count: int = 400) -> PointSet:
    """Grid waves and points inside, and every corner of the parameters' box at every corner of the domain."""
    inside = grid_points(problem, count, seed=3)
    if problem.name == "burgers":  # its solution is a function of √t: no derivative by t at the beginning
        return inside
    corners = torch.tensor([*product(*(RANGES[name] for name in problem.parameters))], dtype=torch.float64)
    ends = torch.tensor([*product(*problem.box.values())], dtype=torch.float64)
    x = torch.cat([inside.x, ends.repeat(len(corners), 1)])
    p = torch.cat([inside.p, corners.repeat_interleave(len(ends), dim=0)])
    return PointSet(x, p, torch.vmap(problem.solution)(x, p), len(x))


def residuals_of(problem: Problem, solution: Solution, points: PointSet) -> Tensor:
    """The residuals on the region that the problem is restricted to, of a function."""

    def at_point(x: Tensor, constants: Tensor) -> Tensor:
        def function(at: Tensor) -> Tensor:
            return solution(at, constants[: len(problem.parameters)])

        there = problem.region.partner and PointField(function, problem.region.partner(x), problem.axes)
        field = cast(Field, PointField(function, x, problem.axes, there))
        return problem.point_residuals(field, x, constants, scaled=True)

    return torch.vmap(at_point)(points.x, points.constants)


def region_points(problem: Problem, region: str, count: int = 200) -> PointSet:
    waves = {name: RANGES[name] for name in problem.parameters}
    return sample_regions(problem, Split(waves, {region: count}), seed=3)[region]


@pytest.mark.parametrize("name", ALL)
def test_exact_solution_satisfies_the_problem(name: str) -> None:
    problem = problem_of(name)
    residuals = residuals_of(problem, problem.solution, broad_sample(problem))
    assert residuals.shape[1] == len(problem.constraints)
    assert residuals.abs().max() < LOOSER.get(name, 1e-8)


@pytest.mark.parametrize(("name", "region"), CONDITIONS)
def test_exact_solution_satisfies_the_conditions(name: str, region: str) -> None:
    problem = make_problem(name)
    points = region_points(problem, region)
    residuals = residuals_of(problem.on(region), problem.solution, points)
    assert residuals.shape[1] == len(problem.on(region).constraints) > 0
    assert residuals.abs().max() < 1e-11


@pytest.mark.parametrize(("name", "region"), CONDITIONS)
def test_wrong_solutions_break_every_condition(name: str, region: str) -> None:
    problem = make_problem(name)

    def bent(x: Tensor, p: Tensor) -> Tensor:
        return problem.solution(x, p) + 0.1 * (3 * x.sum() + 1).cos()

    residuals = residuals_of(problem.on(region), bent, region_points(problem, region))
    assert (residuals.square().mean(dim=0).sqrt() > 1e-3).all()


@pytest.mark.parametrize("name", ALL)
def test_wrong_solutions_do_not(name: str) -> None:
    problem = problem_of(name)
    points = broad_sample(problem)

    unlike = torch.tensor([1.05, 1.03, 1.04], dtype=torch.float64)[: len(problem.axes)]  # alike, waves stay waves

    def stretched(x: Tensor, p: Tensor) -> Tensor:
        return problem.solution(unlike * x, p)

    def bent(x: Tensor, p: Tensor) -> Tensor:
        return problem.solution(x, p) + 0.1 * (3 * x.sum()).cos()

    for wrong in (stretched, bent):
        each = residuals_of(problem, wrong, points).square().mean(dim=0).sqrt()
        if name == "viscous-flow":  # a profile in y alone stays free of divergence and at rest across the plate
            each = each[1:2] if wrong is stretched else each
        if name == "heat-source":  # a source that is stretched is steady, too
            each = each[:1] if wrong is stretched else each
        assert (each > 1e-3).all()


@pytest.mark.parametrize("name", PROBLEMS)
def test_shapes_and_names_fit(name: str) -> None:
    problem = make_problem(name)
    points = grid_points(problem, 3)
    assert problem.name == name
    assert points.u.shape == (3, len(problem.outputs))
    assert len(set(problem.constraints)) == len(problem.constraints)
    if problem.scale is not None:
        assert set(problem.scale(points.p[0])) == set(problem.constraints)


@pytest.mark.parametrize("count", [1, 2, 10, 100])
@pytest.mark.parametrize("network", [Dense(widths=(8,)), Modulated(widths=(8,))], ids=["dense", "modulated"])
def test_synthetic_constraints_are_independent(count: int, network: Dense | Modulated) -> None:
    problem = synthetic(count)
    assert len(problem.constraints) == len(problem.outputs) == count
    model = make_model(problem, network)
    points = grid_points(problem, 1)
    theta = theta_of(model)
    jacobian = residual_jacobian(model, theta, model.evaluate(theta, points.x, points.p), points.x, points.p)
    assert torch.linalg.matrix_rank(jacobian.matrix()) == count
    assert torch.linalg.cond(jacobian.matrix()) < 1e3


@pytest.mark.parametrize("count", [0, 101, -1])
def test_synthetic_refuses_other_numbers(count: int) -> None:
    with pytest.raises(ValueError, match=f"constraints must be between 1 and 100, got {count}"):
        synthetic(count)


def flow_residuals(function: Solution, at: list[float], viscosity: float = 0.2) -> dict[str, float]:
    x, p = torch.tensor(at, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    rows = viscous_flow(viscosity).residual(field_of(lambda y: function(y, p), x), x, p)
    return {name: float(value) for name, value in rows.items()}


def test_viscous_flow_against_a_field_differentiated_by_hand() -> None:
    """u = (xy, −y²/2 + z, x² z), μ = 0.3."""

    def field(x: Tensor, p: Tensor) -> Tensor:
        return torch.stack([x[0] * x[1], -(x[1] ** 2) / 2 + x[2], x[0] ** 2 * x[2]])

    x, y, z = 0.3, 0.7, 1.1
    u, v, w = x * y, -(y**2) / 2 + z, x**2 * z
    expected = {
        "continuity": y - y + x**2,
        "momentum_x": u * y + v * x + w * 0 - 0.3 * 0,
        "momentum_y": u * 0 + v * -y + w * 1 - 0.3 * -1,
        "momentum_z": u * 2 * x * z + v * 0 + w * x**2 - 0.3 * 2 * z,
    }
    assert flow_residuals(field, [x, y, z], viscosity=0.3) == pytest.approx(expected, rel=1e-13)


def test_suction_profile_is_the_ordinary_differential_equations_solution() -> None:
    """−V u' = μ u'' with u(0) = 0 and u(∞) = U, checked by differences that use no derivative of ours."""
    p = torch.tensor([1.5, 0.6, 0.9], dtype=torch.float64)
    h = 1e-4
    heights = [torch.tensor([0.0, 0.4 + k * h, 0.0], dtype=torch.float64) for k in (-1, 0, 1)]
    u = [viscous_flow(0.2).solution(x, p) for x in heights]
    slope, bend = (u[2] - u[0]) / (2 * h), (u[2] - 2 * u[1] + u[0]) / h**2
    assert (-0.6 * slope - 0.2 * bend)[[0, 2]].abs().max() < 1e-6
    assert viscous_flow(0.2).solution(torch.zeros(3).double(), p).tolist() == [0.0, -0.6, 0.0]
    far = viscous_flow(0.2).solution(torch.tensor([0.0, math.inf, 0.0]).double(), p)
    assert torch.equal(far, p * torch.tensor([1, -1, 1]))


@pytest.mark.parametrize("viscosity", [0.0, -1.0])
def test_viscosity_must_be_positive(viscosity: float) -> None:
    with pytest.raises(ValueError, match=f"viscosity must be positive, got {viscosity}"):
        viscous_flow(viscosity)
