"""Exact solutions that violate their residual are found, with the point and the size; those that satisfy it are not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.misfit import LARGEST_ERROR, misfits
from cnn_core.problems import PROBLEMS, PointSet, Problem, Residual, Split, helmholtz, sample, viscous_flow
from tests.cnn_core.cases import grid_points, make_problem


def found(problem: Problem, points: PointSet | None = None) -> dict[str, float]:
    """Residual → its error, of those that do not fit."""
    return {misfit.residual: misfit.error for misfit in misfits(problem, points or grid_points(problem, 400))}


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems_of_ours_fit(name: str) -> None:
    assert found(make_problem(name)) == {}


def typed(factor: float = 1.0, sign: float = 1.0, shift: float = 0.0) -> Residual:
    """Helmholtz with a mistake: a factor of the frequency, a sign, a term too many."""

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"helmholtz": u.laplacian[0] + sign * (2 * torch.pi * factor * p[1]) ** 2 * u.value[0] + shift}

    return residual


MISTAKES: dict[str, Residual] = {
    "a factor": typed(factor=0.5),
    "digits of a number": typed(factor=3.14 / 3.14159),
    "a sign": typed(sign=-1.0),
    "a term too many": typed(shift=1.0),
    "a derivative": lambda u, x, p: {"helmholtz": u.gradient[0, 0] + (2 * torch.pi * p[1]) ** 2 * u.value[0]},
    "another parameter": lambda u, x, p: {"helmholtz": u.laplacian[0] + (2 * torch.pi * p[0]) ** 2 * u.value[0]},
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_mistake_is_found_in_any_unit(mistake: str, unit: float) -> None:
    ours, wrong = helmholtz(), MISTAKES[mistake]
    problem = replace(
        ours,
        residual=lambda u, x, p: {name: unit * value for name, value in wrong(u, x, p).items()},
        solution=lambda x, p: ours.solution(x, p) * (1.0 if mistake == "a term too many" else unit),
    )
    assert found(problem)["helmholtz"] > 3 * LARGEST_ERROR


def test_only_the_equations_with_a_mistake_are_named() -> None:
    ours = viscous_flow(0.2)

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        rows = dict(ours.residual(u, x, p))
        return rows | {"momentum_x": rows["momentum_x"] + 0.1 * u.laplacian[0]}

    assert found(replace(ours, residual=residual)).keys() == {"momentum_x"}


def test_the_worst_point_is_named_with_its_scaled_value() -> None:
    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"fine": u.gradient[0, 0] - p[0], "late": u.value[0] - p[0] * x[0] - torch.relu(x[0] - 0.5)}

    problem = Problem(
        "own", {"x": (0.0, 1.0)}, ("k",), ("u",), residual, lambda x, p: p * x, lambda p: {"fine": 1.0, "late": 0.25}
    )
    (misfit,) = misfits(problem, sample(problem, Split({"k": (3.0, 2.0)}, points=11, sampling="uniform")))
    assert (misfit.residual, misfit.value, misfit.x.tolist(), misfit.p.tolist()) == ("late", -2.0, [1.0], [3.0])
    assert str(misfit).startswith(
        "the exact solution does not satisfy the residual 'late': it is -2 at x = [1.0], p = [3.0], as much as an "
        "error of "
    )


def own(residual: Residual, solution: Callable[..., Any]) -> Problem:
    return Problem("own", {"x": (0.0, 1.0)}, (), ("u",), residual, solution)


def test_what_only_nearly_fits_is_measured_in_errors_of_the_solution() -> None:
    def near(error: float) -> Problem:
        return own(lambda u, x, p: {"r": u["x"][0] - u.value[0]}, lambda x, p: torch.exp(x) + error * torch.cos(3 * x))

    points = [sample(near(error), Split({}, points=100)) for error in (0.1, 1e-6)]
    assert 0.02 < found(near(0.1), points[0])["r"] < 0.5
    assert found(near(1e-6), points[1]) == {}


def table(x: Tensor, p: Tensor) -> Tensor:
    class Table(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
            return torch.sin(x)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None: ...

    return Table.apply(x)  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize(
    "solution",
    [
        pytest.param(lambda x, p: torch.sqrt(x) ** 2, id="no derivative at an end"),
        pytest.param(table, id="no rule for a derivative"),
    ],
)
def test_a_solution_without_some_derivative_is_taken_as_it_is(solution: Callable[..., Any]) -> None:
    problem = own(lambda u, x, p: {"r": u["x"][0] - 1}, solution)
    assert found(problem, sample(problem, Split({}, points=11, sampling="uniform"))) == {}


def test_a_residual_that_no_solution_could_satisfy_is_told() -> None:
    problem = own(lambda u, x, p: {"r": 0 * u.value[0] + 1}, lambda x, p: x)
    (misfit,) = misfits(problem, sample(problem, Split({}, points=5)))
    assert "it is 1 at x = [" in str(misfit) and "more than an error of 100 % in u" in str(misfit)
    zero = own(lambda u, x, p: {"r": u["xx"][0] + u.value[0]}, lambda x, p: 0 * x)
    assert found(zero, sample(zero, Split({}, points=5))) == {}
