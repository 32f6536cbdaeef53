"""Damped least-squares steps: the same on either side, and as exact as J allows."""

import pytest
import torch
from torch import Tensor

from cnn_core.jacobian import ExplicitJacobian
from cnn_core.linear_algebra import sides
from cnn_core.linear_algebra.sides import Side, cheaper_space, side_of
from tests.cnn_core.cases import relative


def matrix_of(rows: int, parameters: int, condition: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """J (rows × parameters) with evenly spread singular values, the largest 1, and a v (rows,)."""
    generator = torch.Generator().manual_seed(seed)
    rank = min(rows, parameters)
    left = torch.linalg.qr(torch.randn(rows, rank, generator=generator, dtype=torch.float64)).Q
    right = torch.linalg.qr(torch.randn(parameters, rank, generator=generator, dtype=torch.float64)).Q
    values = torch.tensor(condition, dtype=torch.float64) ** -torch.linspace(0, 1, rank, dtype=torch.float64)
    return left * values @ right.T, torch.randn(rows, generator=generator, dtype=torch.float64)


def exact(matrix: Tensor, slack: float, values: Tensor) -> Tensor:
    """By the singular value decomposition of J itself."""
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    return -right.T @ (sizes / (sizes**2 + slack) * (left.T @ values))


def side(matrix: Tensor, space, weights: Tensor | None = None, *, scaled: bool = False) -> Side:
    weights = torch.ones(len(matrix), dtype=matrix.dtype) if weights is None else weights
    return side_of(ExplicitJacobian(matrix, 1), weights, matrix.shape[1], space, scaled=scaled)


@pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
@pytest.mark.parametrize("space", ["rows", "parameters"])
def test_both_sides_take_the_same_step(shape: tuple[int, int], space) -> None:
    matrix, values = matrix_of(*shape, condition=10.0)
    weights = torch.linspace(0.5, 2, len(matrix), dtype=torch.float64)
    weighted = weights[:, None] * matrix
    x, change = side(matrix, space, weights).damped(1e-3).shortest(values)
    assert relative(x, exact(weighted, 1e-3, values)) < 1e-11
    assert relative(change, weighted @ x) < 1e-11
    assert side(matrix, space, weights).square == pytest.approx(float(weighted.square().sum()))


@pytest.mark.parametrize("scaled", [False, True])
def test_what_is_too_large_to_form_is_summed_in_pieces(scaled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, values = matrix_of(30, 12, condition=100.0)
    weights = torch.linspace(0.5, 2, 30, dtype=torch.float64)
    formed = side(matrix, "parameters", weights, scaled=scaled)
    monkeypatch.setattr(sides, "LARGEST_FORMED", 7 * 12)
    with monkeypatch.context() as nowhere:
        nowhere.setattr(ExplicitJacobian, "matrix", lambda jacobian: pytest.fail("J was formed"))
        summed = side(matrix, "parameters", weights, scaled=scaled)
    for slack in (1e-3, 1e-8):
        for mine, whole in zip(
            summed.damped(slack).shortest(values), formed.damped(slack).shortest(values), strict=True
        ):
            assert relative(mine, whole) < 1e-10
    x = torch.ones(12, dtype=torch.float64)
    assert summed.square == pytest.approx(formed.square)
    assert summed.length(x) == pytest.approx(formed.length(x))


def test_in_pieces_damping_is_no_less_than_the_gram_matrix_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without J there is no QR decomposition."""
    matrix, values = matrix_of(400, 120, 1e12)
    monkeypatch.setattr(sides, "LARGEST_FORMED", 50 * 120)
    summed = side(matrix, "parameters")
    least = sides.KNOWN * summed.square
    assert relative(summed.damped(1e-24).shortest(values)[1], summed.damped(least).shortest(values)[1]) < 1e-12
    assert relative(summed.damped(1e-24).shortest(values)[1], exact(matrix, least, values) @ matrix.T) < 1e-6


@pytest.mark.parametrize("condition", [1e4, 1e8, 1e12])
@pytest.mark.parametrize("slack", [1e-8, 1e-12, 1e-16, 1e-20, 1e-24])
def test_the_space_of_parameters_keeps_the_digits_of_j(condition: float, slack: float) -> None:
    """x loses no more digits than J's own condition number takes, and the minimum is a minimum."""
    matrix, values = matrix_of(400, 120, condition)
    x, change = side(matrix, "parameters").damped(slack).shortest(values)
    wanted = exact(matrix, slack, values)
    known = min(condition, slack**-0.5)
    assert relative(x, wanted) < 1e-14 * known
    assert relative(change, matrix @ wanted) < 1e-14 * known

    def cost(x: Tensor) -> float:
        return float((matrix @ x + values).square().sum() + slack * x.square().sum())

    assert cost(x) <= (1 + 1e-6) * cost(wanted)


@pytest.mark.parametrize("space", ["rows", "parameters"])
def test_units_of_parameters_do_not_matter_half_as_much(space) -> None:
    """Scaled, x solves the problem in which the damping weighs each parameter by its column's size."""
    matrix, values = matrix_of(30, 12, condition=10.0)
    matrix = matrix * torch.logspace(-3, 3, 12, dtype=torch.float64)
    sizes = matrix.norm(dim=0)
    weights = sizes * sizes.mean()
    x, change = side(matrix, space, scaled=True).damped(1e-2).shortest(values)
    normal = matrix.T @ matrix + 1e-2 * torch.diag(weights.clamp_min(1e-6 * float(sizes.max()) * sizes.mean()))
    assert relative(x, -torch.linalg.solve(normal, matrix.T @ values)) < 1e-9
    assert relative(change, matrix @ x) < 1e-9
    assert side(matrix, space, scaled=True).length(x) == pytest.approx(float((weights.sqrt() * x).norm()), rel=1e-6)


@pytest.mark.parametrize("space", ["rows", "parameters"])
def test_where_nothing_depends_on_theta_nothing_moves(space) -> None:
    x, change = (
        side(torch.zeros(5, 3, dtype=torch.float64), space, scaled=True).damped(1.0).shortest(torch.ones(5).double())
    )
    assert x.tolist() == [0.0] * 3 and change.tolist() == [0.0] * 5


def test_the_smaller_system_is_the_cheaper_one() -> None:
    assert cheaper_space(rows=400, parameters=11_351) == "rows"
    assert cheaper_space(rows=1020, parameters=257) == "parameters"
