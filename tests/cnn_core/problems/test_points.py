import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import jacfwd

from cnn_core.derivatives import Field
from cnn_core.problems import (
    Problem,
    Split,
    collocation_points,
    helmholtz,
    sample,
    viscous_flow,
)

WAVES = Split({"amplitude": (1.0, 2.0), "frequency": (0.5, 1.0, 1.5), "phase": (0.0,)}, points=20)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Split({"a": (1.0,)}, points=0), "points must be at least 1, got 0"),
        (lambda: Split({"a": ()}, points=1), "a is empty; give at least one value"),
        (lambda: Split({"a": (1.0, math.nan)}, points=1), r"a must be finite, got \[1.0, nan\]"),
        (
            lambda: Split({"amplitude": (1.0,), "speed": (1.0,)}, points=1).waves(helmholtz()),
            "'helmholtz' has the parameters amplitude, frequency, phase, got amplitude, speed",
        ),
        (
            lambda: collocation_points(viscous_flow(), 100, "uniform"),
            r"needs k\^3 points, got 100; write 125",
        ),
    ],
)
def test_bad_splits_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_waves_are_all_combinations_in_the_problems_order() -> None:
    shuffled = Split({name: WAVES.parameters[name] for name in ("phase", "amplitude", "frequency")}, WAVES.points)
    waves = shuffled.waves(helmholtz())
    assert waves.tolist() == [[a, f, 0.0] for a in (1.0, 2.0) for f in (0.5, 1.0, 1.5)]


def test_a_sample_has_each_waves_points_together_and_exact_data() -> None:
    points = sample(helmholtz(), WAVES, seed=0)
    assert (len(points), points.waves) == (120, 6)
    for index, parameters in enumerate(WAVES.waves(helmholtz())):
        wave = points.wave(index)
        assert (wave.p == parameters).all()
        a, f, phase = parameters.tolist()
        expected = [a * math.sin(2 * math.pi * f * x + phase) for x in wave.x[:, 0].tolist()]
        assert wave.u[:, 0].tolist() == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert points.x.min() >= -1
    assert points.x.max() <= 1


def test_the_seed_decides_a_random_sample() -> None:
    first, again, other = (sample(helmholtz(), WAVES, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.x, again.x)
    assert not (first.x == other.x).any()


def test_a_random_sample_fills_the_domain_evenly() -> None:
    x = collocation_points(viscous_flow(), 4000, "random", seed=0)
    assert x.mean(dim=0).tolist() == pytest.approx([0.5] * 3, abs=0.02)
    assert x.var(dim=0).tolist() == pytest.approx([1 / 12] * 3, abs=0.005)
    assert torch.corrcoef(x.T).triu(1).abs().max() < 0.05


def test_uniform_points_include_the_ends() -> None:
    assert collocation_points(helmholtz(), 5, "uniform")[:, 0].tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert collocation_points(helmholtz(), 1, "uniform").tolist() == [[0.0]]
    corners = collocation_points(viscous_flow(), 8, "uniform")
    assert sorted(corners.tolist()) == [[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]


def test_a_problem_without_parameters_has_one_wave() -> None:
    square = {"x": (0.0, 1.0), "y": (0.0, 1.0)}
    plane = Problem("plane", square, (), ("u",), lambda u, x, p: {"flat": u.laplacian[0]}, lambda x, p: x[:1])
    points = sample(plane, Split({}, points=9, sampling="uniform"))
    assert (points.x.shape, points.p.shape, points.u.shape, points.waves) == ((9, 2), (9, 0), (9, 1), 1)


def test_data_that_is_not_finite_is_refused() -> None:
    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"r": jacfwd(u.function)(x)[0, 0]}

    pole = Problem("pole", {"x": (0.0, 1.0)}, ("k",), ("u",), residual, lambda x, p: p / x)
    with pytest.raises(ValueError, match=r"the solution is \[inf\] at x = \[0.0\], p = \[2.0\]; choose"):
        sample(pole, Split({"k": (2.0,)}, points=3, sampling="uniform"))


def test_a_solution_of_the_wrong_shape_is_refused() -> None:
    """A number in place of (1,) would be compared with every prediction of the batch."""
    scalar = Problem("scalar", {"x": (0.0, 1.0)}, ("k",), ("u",), lambda u, x, p: {"r": u.value[0]}, lambda x, p: x[0])
    with pytest.raises(
        ValueError, match=r"'scalar': the solution has shape \(\) at one point; return \(1,\), one number"
    ):
        sample(scalar, Split({"k": (2.0,)}, points=3))


def test_parameters_where_a_scale_vanishes_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"the scale of 'helmholtz' is 0.0 at p = \[1.0, 0.0, 0.0\]; choose parameters"
    ):
        sample(helmholtz(), Split({"amplitude": (1.0,), "frequency": (1.0, 0.0), "phase": (0.0,)}, points=3))


def test_a_scale_without_a_constraint_is_refused() -> None:
    forgetful = Problem(
        "forgetful", {"x": (0.0, 1.0)}, ("k",), ("u",),
        lambda u, x, p: {"first": u.value[0], "second": u.value[0]}, lambda x, p: x, scale=lambda p: {"first": 1.0},
    )  # fmt: skip
    with pytest.raises(ValueError, match="'forgetful': scale has no entry for 'second'; add one"):
        sample(forgetful, Split({"k": (1.0,)}, points=3))


def test_points_move_to_another_precision() -> None:
    points = sample(helmholtz(), WAVES).to(dtype=torch.float32, device="cpu")
    assert {points.x.dtype, points.p.dtype, points.u.dtype} == {torch.float32}
    assert points.waves == 6


def test_a_problem_without_a_solution_has_no_data_to_sample() -> None:
    waves = helmholtz()
    problem = Problem("waves", waves.coordinates, waves.parameters, waves.outputs, waves.residual)
    assert problem.constraints == ("helmholtz",)
    with pytest.raises(ValueError, match="no exact solution is known"):
        sample(problem, Split({"amplitude": (1.0,), "frequency": (1.0,), "phase": (0.0,)}, points=3))


def one(solution: Any = lambda x, p: x, scale: Any = None) -> Problem:
    return Problem("one", {"x": (0.0, 1.0)}, ("k",), ("u",), lambda u, x, p: {"r": u.value[0]}, solution, scale)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (one(lambda x, p: 1.0), r"the solution is a float at one point; return a real tensor of shape \(1,\)"),
        (one(lambda x, p: torch.complex(x, x)), "the solution is a torch.complex128 at one point; return a real"),
        (one(scale=lambda p: p[0]), "scale returned a Tensor; return a number for each residual's name, e.g. {'r': …}"),
        (one(scale=lambda p: {"r": p}), r"the scale of 'r' has shape \(1,\) and torch.float64; return a real number"),
    ],
)
def test_solutions_and_scales_of_another_kind_are_refused(problem: Problem, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample(problem, Split({"k": (1.0,)}, points=3))
