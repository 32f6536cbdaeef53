import math

import pytest
import torch
from torch import Tensor

from cnn_core.derivatives import Field, Order
from cnn_core.problems import (
    Problem,
    Residual,
    helmholtz,
    pythagorean,
    truth,
    viscous_flow,
)
from tests.cnn_core.cases import third_order


def poisson(parameters: tuple[str, ...] = (), interval: tuple[float, float] = (0.0, 1.0)) -> Problem:
    """Δu = −2π² sin πx sin πy on a square: a family of one solution."""

    def solution(x: Tensor, p: Tensor) -> Tensor:
        return (math.pi * x).sin().prod(dim=-1, keepdim=True)

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"poisson": u.laplacian[0] + 2 * math.pi**2 * (math.pi * x).sin().prod()}

    return Problem("poisson", {"x": interval, "y": interval}, parameters, ("u",), residual, solution)


def test_order_and_constraints_are_found_by_probing() -> None:
    assert [problem().order for problem in (helmholtz, pythagorean, truth, viscous_flow, third_order, poisson)] == [
        Order.LAPLACIAN, Order.GRADIENT, Order.VALUE, Order.LAPLACIAN, Order.FUNCTION, Order.LAPLACIAN,
    ]  # fmt: skip
    assert viscous_flow().constraints == ("continuity", "momentum_x", "momentum_y", "momentum_z")


def test_scale_divides_each_row_by_its_own() -> None:
    problem = Problem(
        "two", {"x": (0.0, 1.0)}, ("k",), ("u",),
        residual=lambda u, x, p: {"first": u.value[0], "second": u.gradient[0, 0]},
        solution=lambda x, p: (p[0] * x).sin(),
        scale=lambda p: {"second": p[0], "first": 2.0},
    )  # fmt: skip
    x, p = torch.tensor([0.3], dtype=torch.float64), torch.tensor([4.0], dtype=torch.float64)
    field = problem.exact_field(x, p)
    bare, scaled = (problem.point_residuals(field, x, p, scaled=scaled) for scaled in (False, True))
    assert bare.tolist() == pytest.approx([math.sin(1.2), 4 * math.cos(1.2)], rel=1e-14)
    assert scaled.tolist() == pytest.approx([math.sin(1.2) / 2, math.cos(1.2)], rel=1e-14)


def test_a_problem_without_scale_is_the_same_scaled_or_not() -> None:
    x, p = torch.tensor([0.3], dtype=torch.float64), torch.tensor([2.0, 1.0, 0.1], dtype=torch.float64)
    field = helmholtz().exact_field(x + 0.01, p)
    rows = [truth().point_residuals(field, x, p, scaled=scaled) for scaled in (False, True)]
    assert torch.equal(rows[0], rows[1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: poisson(interval=(1.0, 0.0)), r"'poisson': coordinate 'x' needs a finite interval .* got \(1"),
        (lambda: poisson(interval=(0.0, math.inf)), "needs a finite interval"),
        (
            lambda: Problem("p", {}, (), ("u",), lambda u, x, p: {}, lambda x, p: x),
            "coordinates is empty",
        ),
        (lambda: Problem("p", {"x": (0.0, 1.0)}, (), (), lambda u, x, p: {}, lambda x, p: x), "outputs is empty"),
        (
            lambda: Problem("p", {"x": (0.0, 1.0)}, (), ("u",), lambda u, x, p: {}, lambda x, p: x).constraints,
            "returned no constraint; return at least one named scalar",
        ),
        (
            lambda: Problem("p", {"x": (0.0, 1.0)}, (), ("u",), lambda u, x, p: u.value[0]).constraints,  # type: ignore[arg-type]
            "'p': residual returned a Tensor; return named scalars",
        ),
        (
            lambda: Problem("p", {"x": (0.0, 1.0)}, (), ("temperature"), lambda u, x, p: {}),  # type: ignore[arg-type]
            r"'p': outputs is the text 'temperature'; write a tuple of names, \('temperature',\)",
        ),
        (lambda: poisson(parameters="k"), r"'poisson': parameters is the text 'k'; write a tuple"),  # type: ignore[arg-type]
        (lambda: poisson(parameters=("k", "k")), r"'poisson': parameters has a name twice, got \('k', 'k'\)"),
    ],
)
def test_bad_descriptions_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("residual", "kind"),
    [(lambda u, x, p: {"r": u.value}, r"shape \(1,\)"), (lambda u, x, p: {"r": 1.0}, "type float")],
)
def test_a_residual_that_is_no_scalar_is_refused(residual: Residual, kind: str) -> None:
    problem = Problem("bent", {"x": (0.0, 1.0)}, ("k",), ("u",), residual, lambda x, p: x)
    with pytest.raises(
        ValueError, match=f"'bent': residual 'r' must be a scalar tensor, got {kind}; pick one component"
    ):
        _ = problem.constraints


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (
            lambda u, x, p: {"r": torch.complex(u.value[0], u.value[0])},
            "must be a real number, got torch.complex128; ret",
        ),
        (lambda u, x, p: {"r": (u.value[0] > 0).long()}, "must be a real number, got torch.int64, which has no deriv"),
    ],
)
def test_a_residual_that_is_no_real_number_is_refused(residual: Residual, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _ = Problem("odd", {"x": (0.0, 1.0)}, (), ("u",), residual).constraints


@pytest.mark.parametrize("grad", [True, False])
def test_a_parameter_that_only_the_residual_reads_is_refused(grad: bool) -> None:
    """It would never be trained, whether it belongs to the network or not; frozen, it is a number as any other."""
    speed = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

    def make(speed: Tensor) -> Problem:
        return Problem("wave", {"x": (0.0, 1.0)}, (), ("u",), lambda u, x, p: {"r": speed * u.value[0]})

    with (
        torch.set_grad_enabled(grad),
        pytest.raises(ValueError, match="residual 'r' reads a parameter that no training reaches"),
    ):
        _ = make(speed).constraints
    assert make(speed.detach()).constraints == ("r",)
