"""The nearest point of a cone against the conditions that define it, and against all active sets in turn."""

import itertools

import pytest
import torch
from torch import Tensor

from cnn_core.linear_algebra.cone import nearest_in_cone, nonnegative
from tests.cnn_core.cases import random_rows, relative

COUNT = 30


def case(rows: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """A step, rows of very different lengths, and a metric."""
    drawn = random_rows(rows + 2, COUNT, seed=seed)
    lengths = 10.0 ** torch.linspace(-6, 6, rows, dtype=torch.float64)
    return drawn[0], lengths[:, None] * drawn[2:], drawn[1].exp()


def by_all_active_sets(products: Tensor, slopes: Tensor) -> Tensor:
    """The y ≥ 0 of least ½ yᵀAy + bᵀy, by trying every set of entries above 0."""
    best, value = torch.zeros_like(slopes), 0.0
    for size in range(1, len(slopes) + 1):
        for chosen in itertools.combinations(range(len(slopes)), size):
            index = list(chosen)
            y = torch.zeros_like(slopes)
            y[index] = torch.linalg.solve(products[index][:, index], -slopes[index])
            reached = float(0.5 * y @ products @ y + slopes @ y)
            if (y >= 0).all() and reached < value:
                best, value = y, reached
    return best


@pytest.mark.parametrize("rows", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", range(5))
def test_no_row_points_against_the_nearest_step_and_none_is_nearer(rows: int, seed: int) -> None:
    """The conditions of Karush, Kuhn and Tucker, which make it the only solution."""
    step, matrix, metric = case(rows, seed)
    found, turned = nearest_in_cone(step, matrix, metric)
    lengths = (metric * matrix.square()).sum(dim=1).sqrt()
    slopes = matrix @ found / lengths
    assert (turned >= 0).all()
    assert float(slopes.min()) > -1e-12
    assert float((turned * slopes).abs().max()) < 1e-12
    assert relative(found - step, metric * (turned / lengths @ matrix)) < 1e-10 or torch.equal(found, step)


@pytest.mark.parametrize("rows", [2, 4, 5])
@pytest.mark.parametrize("seed", range(10))
def test_the_dual_problem_against_all_active_sets(rows: int, seed: int) -> None:
    drawn = random_rows(rows, rows + 1, seed=seed)
    drawn = drawn / drawn.norm(dim=1, keepdim=True)
    slopes = random_rows(1, rows, seed=seed + 100)[0]
    products = drawn @ drawn.T
    expected = by_all_active_sets(products, slopes)
    torch.testing.assert_close(nonnegative(products, slopes), expected, rtol=1e-8, atol=1e-10)


def test_a_step_that_nothing_points_against_stays_as_it_is() -> None:
    rows = random_rows(3, COUNT)
    step = rows.sum(dim=0) * 10
    assert (rows @ step > 0).all()
    found, turned = nearest_in_cone(step, rows, torch.ones(COUNT, dtype=torch.float64))
    assert found is step and not turned.any()


@pytest.mark.parametrize("seed", range(5))
def test_lengths_of_rows_do_not_count(seed: int) -> None:
    step, rows, metric = case(4, seed)
    scaled = torch.tensor([1e-3, 7.0, 1e4, 0.2], dtype=torch.float64)[:, None] * rows
    assert relative(nearest_in_cone(step, scaled, metric)[0], nearest_in_cone(step, rows, metric)[0]) < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_rows_that_vanish_repeat_or_oppose(dtype: torch.dtype) -> None:
    first, second, step = random_rows(3, COUNT).to(dtype)
    step = step - 3 * first * (1 + (step @ first) / first.square().sum())
    rows = torch.stack([first, torch.zeros_like(first), 2 * first, -first, first + second, second])
    found, _ = nearest_in_cone(step, rows)
    assert found.dtype == dtype
    rounding = 100 * torch.finfo(dtype).eps * float(step.norm())
    slopes = rows.double() @ found.double() / rows.double().norm(dim=1).clamp_min(1e-300)
    assert float(slopes.min()) > -rounding
    assert abs(float(slopes[0])) < rounding  # both it and its opposite allow no more than 0
    assert float(found.norm()) <= float(step.norm())


def test_what_is_not_finite_stays_for_others_to_see() -> None:
    step, rows, _ = case(2, 0)
    rows[1, 3] = torch.nan
    assert nearest_in_cone(step, rows)[0] is step
