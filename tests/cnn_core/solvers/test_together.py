"""Waves that are projected at once arrive where each would by itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_core import projection
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.networks import Dense, Modulated
from cnn_core.problems import Condition, helmholtz, poisson, pythagorean
from cnn_core.projection import projection_points
from cnn_core.solvers import LevenbergMarquardt, ProjectionStatus, lm, together
from cnn_core.solvers.enforced import enforced
from cnn_core.solvers.solver import Solution
from tests.cnn_core.cases import OwnNetwork, make_model, relative
from tests.cnn_core.solvers.test_lm import value_of

WAVES = torch.tensor([[1.0, 0.5, -0.2], [1.2, 0.7, 0.0], [1.4, 0.9, 0.1]], dtype=torch.float64)


@pytest.fixture(autouse=True)
def little_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a network is at rest where it did not arrive is asked of few steps, here and there."""
    monkeypatch.setattr(lm, "PROBING_STEPS", 5)


def solutions(
    solver: LevenbergMarquardt,
    model: ConstrainedNetwork,
    waves: Tensor = WAVES,
    theta: Tensor | None = None,
    count: int = 30,
) -> tuple[list[Solution], list[Solution]]:
    """Together, and one by one."""
    points = {
        "interior": count,
        **({"boundary": 8} if model.problem.conditions and model.problem.name == "poisson" else {}),
    }
    x = projection_points(model.problem, count)
    every = enforced(model.problem, points, x, "uniform")
    start = model.begin if theta is None else theta
    return solver.solve_together(model, start, x, waves, every), [
        solver.solve(model, start, x, p, every) for p in waves
    ]


def assert_alike(found: Sequence[Solution], expected: Sequence[Solution]) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine.status, mine.space, len(mine.errors)) == (theirs.status, theirs.space, len(theirs.errors))
        assert mine.errors == pytest.approx(theirs.errors, rel=1e-3)
        assert mine.distances == pytest.approx(theirs.distances, rel=1e-3, abs=1e-9)
        assert [step for step, _ in mine.path] == [step for step, _ in theirs.path]
        assert relative(mine.path[-1][1], theirs.path[-1][1]) < 1e-4
        assert mine.watched == pytest.approx(theirs.watched, rel=1e-2, abs=1e-8)


def waves_model() -> ConstrainedNetwork:
    return make_model(helmholtz(), Modulated(widths=(12, 12)))


@pytest.mark.parametrize(
    "solver",
    [
        LevenbergMarquardt(max_steps=60),
        LevenbergMarquardt(nearest="parameters", max_steps=40),
        LevenbergMarquardt(first_weight=30.0, growth=2.0, inner_tolerance=1e-2, max_steps=25),
    ],
)
def test_waves_together_are_those_one_by_one(solver: LevenbergMarquardt) -> None:
    assert_alike(*solutions(solver, waves_model()))


def test_with_conditions_on_regions_and_at_points() -> None:
    solver = LevenbergMarquardt(max_steps=12, space="rows")
    model = make_model(poisson(), Dense(widths=(16,)))
    assert_alike(*solutions(solver, model, torch.zeros(2, 0, dtype=torch.float64)))
    pinned = replace(
        helmholtz(), conditions={"middle": Condition(torch.zeros(1, 1), value_of, values=torch.ones(1, 1))}
    )
    assert_alike(*solutions(solver, make_model(pinned, Modulated(widths=(12, 12)))))


def test_those_that_have_arrived_do_not_move() -> None:
    solver, model = LevenbergMarquardt(tolerance=1.0, max_steps=60), waves_model()
    found, expected = solutions(solver, model)
    assert_alike(found, expected)
    assert {solution.status for solution in found} == {ProjectionStatus.CONVERGED}
    assert min(len(solution.errors) for solution in found) == 1


def test_a_start_that_is_not_finite_comes_back() -> None:
    model = waves_model()
    theta = torch.full_like(model.begin, math.nan)
    found, expected = solutions(LevenbergMarquardt(), model, theta=theta)
    assert [one.status for one in found] == [one.status for one in expected] == [ProjectionStatus.DIVERGED] * 3


def test_stacks_are_no_larger_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    solver, model = LevenbergMarquardt(max_steps=12), waves_model()
    counts: list[int] = []
    travel = together.Together.travel

    def counted(way: together.Together, begin: Tensor, *rest: object) -> Tensor:
        counts.append(len(begin))
        return travel(way, begin, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(together.Together, "travel", counted)
    monkeypatch.setattr(together, "LARGEST_FORMED", 2 * 60 * model.layout.size)
    assert_alike(*solutions(solver, model))
    assert counts[:2] == [2, 1]


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (waves_model(), {"space": "parameters"}),
        (ConstrainedNetwork(helmholtz(), OwnNetwork(1, 3, 1).double()), {}),
        (make_model(pythagorean(), Modulated(widths=(5,))), {"solutions": "general"}),
    ],
    ids=["the space of parameters", "an own network", "general solutions"],
)
def test_what_cannot_be_stacked_goes_one_by_one(
    model: ConstrainedNetwork, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together.Together, "travel", None)
    waves = WAVES[:2, : len(model.problem.given)]
    assert_alike(*solutions(LevenbergMarquardt(max_steps=2, **settings), model, waves, count=6))


def test_where_there_is_no_memory_for_all_at_once_fewer_are_solved_at_once() -> None:
    @dataclass(frozen=True)
    class Small(LevenbergMarquardt):
        def solve_together(self, model, theta, x, waves, conditions=()):  # type: ignore[no-untyped-def]
            asked.append(len(waves))
            if len(waves) > 1:
                raise torch.OutOfMemoryError("no room for all")
            return super().solve_together(model, theta, x, waves, conditions)

    asked: list[int] = []
    model, x = waves_model(), projection_points(helmholtz(), 30)
    found = projection._together(model, model.begin, WAVES, Small(max_steps=8), x, ())
    assert_alike(found, [LevenbergMarquardt(max_steps=8).solve(model, model.begin, x, p) for p in WAVES])
    assert asked == [3, 2, 1, 1, 1]
