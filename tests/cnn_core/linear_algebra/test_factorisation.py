"""Multipliers against the equation they solve, also where the constraints repeat, vanish or are not finite."""

import math

import pytest
import torch
from torch import Tensor

from cnn_core.linear_algebra.factorisation import (
    Factorisation,
    SolveStatus,
    effective_rank,
    factorise,
    solve_multipliers,
)
from tests.cnn_core.cases import random_rows, relative


def test_small_system_by_hand() -> None:
    """G = diag(4, 1), b = (8, 3): λ = (2, 3); with δ = 1 and s = 2.5, λ = (8/6.5, 3/3.5)."""
    gram, right = torch.diag(torch.tensor([4.0, 1.0]).double()), torch.tensor([8.0, 3.0]).double()
    exact, damped = solve_multipliers(gram, right), solve_multipliers(gram, right, damping=1.0)
    assert exact.values.tolist() == [2.0, 3.0]
    assert damped.values.tolist() == pytest.approx([8 / 6.5, 3 / 3.5], rel=1e-15)
    assert (exact.damping, exact.status, damped.damping, damped.status) == (0.0, "solved", 1.0, "solved")


@pytest.mark.parametrize(
    ("gram", "right_side", "status"),
    [
        (torch.zeros(3, 3), torch.ones(3), SolveStatus.ZERO),
        (torch.full((3, 3), math.nan), torch.ones(3), SolveStatus.NOT_FINITE),
        (torch.eye(3) * math.inf, torch.ones(3), SolveStatus.NOT_FINITE),
        (torch.tensor([[1, 0, 0], [0, 1, 0], [math.nan, 0, 1]]), torch.ones(3), SolveStatus.NOT_FINITE),
        (torch.eye(3), torch.tensor([1.0, math.nan, 1.0]), SolveStatus.NOT_FINITE),
        (torch.eye(3), torch.tensor([1.0, math.inf, 1.0]), SolveStatus.NOT_FINITE),
        (torch.eye(3).double() * 1e-310, torch.ones(3), SolveStatus.NOT_FINITE),
    ],
    ids=["zero", "nan", "infinite", "nan off the diagonal", "nan on the right", "infinity on the right", "underflow"],
)
@pytest.mark.parametrize("damping", [0.0, 1e-3])
def test_hopeless_systems_have_zero_multipliers_and_say_why(
    gram: Tensor, right_side: Tensor, status: SolveStatus, damping: float
) -> None:
    multipliers = solve_multipliers(gram.double(), right_side.double(), damping=damping)
    assert multipliers.values.tolist() == [0.0, 0.0, 0.0]
    assert multipliers.status == status


@pytest.mark.parametrize("damping", [1e14, 1e300])
def test_damping_without_limit_takes_the_multipliers_to_zero(damping: float) -> None:
    multipliers = solve_multipliers(torch.eye(2).double(), torch.ones(2).double(), damping=damping)
    assert multipliers.status is SolveStatus.SOLVED
    assert multipliers.values.abs().max() <= 1 / damping


def test_damping_asked_for_is_kept_where_it_works() -> None:
    rows = random_rows(10)
    solved = solve_multipliers(rows @ rows.T, torch.ones(10).double(), damping=0.5)
    scale = float((rows @ rows.T).diagonal().mean())
    expected = torch.linalg.solve(rows @ rows.T + 0.5 * scale * torch.eye(10).double(), torch.ones(10).double())
    assert relative(solved.values, expected) < 1e-12
    assert (solved.damping, solved.status) == (0.5, SolveStatus.SOLVED)


def test_condition_is_a_lower_bound_for_the_matrix_with_unit_diagonal() -> None:
    for seed in range(5):
        rows = random_rows(20, 21, seed=seed) * torch.logspace(-3, 3, 20, dtype=torch.float64)[:, None]
        unit = rows / rows.norm(dim=1, keepdim=True)
        condition = factorise(rows @ rows.T).condition
        assert 1 < condition <= float(torch.linalg.cond(unit @ unit.T)) * 1.001


def test_a_cap_scales_all_multipliers_together() -> None:
    multipliers = solve_multipliers(torch.eye(3).double(), torch.tensor([1.0, -4.0, 2.0]).double())
    assert multipliers.capped(2.0).values.tolist() == [0.5, -2.0, 1.0]
    assert multipliers.capped(4.0).values.tolist() == multipliers.capped(None).values.tolist() == [1.0, -4.0, 2.0]


def test_a_large_float32_system_is_solved_as_in_float64() -> None:
    rows = random_rows(500, 550)
    gram, right_side = (rows @ rows.T).float(), random_rows(1, 500, seed=1)[0]
    solved = factorise(gram, damping=1e-4)
    assert solved.factor is not None and solved.factor.dtype == torch.float32
    values = solved.solve(right_side).values
    assert (solved.matrix @ values - right_side).norm() < 1e-10 * right_side.norm()


def test_where_refinement_fails_a_large_system_is_factorised_in_float64() -> None:
    """Kahan's matrix: its pivots hide how ill-conditioned it is."""
    sine = 0.97
    upper = -((1 - sine**2) ** 0.5) * torch.triu(torch.ones(256, 256, dtype=torch.float64), diagonal=1)
    kahan = sine ** torch.arange(256, dtype=torch.float64)[:, None] * (upper + torch.eye(256, dtype=torch.float64))
    gram = (kahan.T @ kahan).float()
    result = factorise(gram)
    right_side = random_rows(1, 256)[0]
    assert result.factor is not None
    values = result.solve(right_side).values
    assert (result.matrix @ values - right_side).norm() < 1e-4 * right_side.norm()


def test_large_systems_tell_what_is_not_finite() -> None:
    right_side = torch.ones(300)
    right_side[7] = math.nan
    assert solve_multipliers(torch.eye(300), right_side).status is SolveStatus.NOT_FINITE


def rank(factorisation: Factorisation) -> float:
    return effective_rank(factorisation.factor, factorisation.shift)


def test_rank_counts_the_constraints_that_say_something_new() -> None:
    """20 rows, of which two repeat others, one is the sum of some, and one is zero."""
    rows = random_rows(20)
    rows[5], rows[9] = rows[2], -3 * rows[4]
    rows[12], rows[19] = rows[:12].sum(dim=0), 0
    for damping in (0.0, 1e-9, 1e-6):
        assert rank(factorise(rows @ rows.T, damping=damping)) == pytest.approx(16, abs=0.05)


@pytest.mark.parametrize("damping", [0.0, 1e-3, 1.0])
def test_rank_is_a_sum_over_eigenvalues(damping: float) -> None:
    gram = (rows := random_rows(30)) @ rows.T
    values, shift = torch.linalg.eigvalsh(gram), damping * float(gram.diagonal().mean())
    assert rank(factorise(gram, damping=damping)) == pytest.approx(float((values / (values + shift)).sum()), rel=1e-12)


def test_what_vanishes_has_no_rank() -> None:
    assert rank(factorise(torch.zeros(3, 3).double())) == 0


def test_more_constraints_than_parameters_have_the_rank_of_the_parameters() -> None:
    rows = random_rows(50, 30)
    result = factorise(rows @ rows.T)
    assert result.status is SolveStatus.DAMPED
    assert rank(result) == pytest.approx(30, abs=0.05)


def test_a_constraint_without_gradient_takes_no_part_in_a_cap() -> None:
    rows = random_rows(6)
    rows[2] = 0
    multipliers = solve_multipliers(rows @ rows.T, torch.ones(6, dtype=torch.float64), damping=1e-6)
    assert multipliers.values[2] == 0
    assert multipliers.capped(float(multipliers.values.abs().max())) is multipliers
