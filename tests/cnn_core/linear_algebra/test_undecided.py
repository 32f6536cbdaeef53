import math

import pytest
import torch

from cnn_core.linear_algebra.factorisation import factorise
from cnn_core.linear_algebra.undecided import factorise_undecided
from tests.cnn_core.cases import random_rows, relative


@pytest.mark.parametrize("damping", [0.0, 1e-3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_regular_system_is_solved_as_by_the_host(damping: float, dtype: torch.dtype) -> None:
    rows = random_rows(20).to(dtype)
    gram, right_side = rows @ rows.T, random_rows(1, 20)[0].to(dtype)
    expected = factorise(gram, damping=damping)
    for asked in (damping, torch.tensor(damping, dtype=torch.float64)):
        actual = factorise_undecided(gram, damping=asked)
        solved = actual.solve(right_side)
        assert relative(solved.values, expected.solve(right_side).values) < 10 * torch.finfo(dtype).eps
        assert float(actual.damping) == pytest.approx(damping)
        assert float(actual.condition) == pytest.approx(expected.condition)
        assert bool(solved.solved)
    assert bool(factorise_undecided(gram, damping=damping).solve(right_side).exact) is (damping == 0)


@pytest.mark.parametrize("spread", [1.0, 1e3, 1e6])
def test_a_singular_system_is_damped_and_not_by_much_more_than_the_host_does(spread: float) -> None:
    """Two equal rows, and rows whose lengths differ."""
    rows = random_rows(20) * torch.logspace(0, math.log10(spread), 20, dtype=torch.float64)[:, None]
    rows[3] = rows[4]
    expected, actual = factorise(rows @ rows.T), factorise_undecided(rows @ rows.T)
    assert bool(actual.usable)
    assert not bool(actual.solve(rows[:, 0]).exact)
    assert expected.damping <= float(actual.damping) * (1 + 1e-9)
    assert float(actual.damping) < 1e4 * expected.damping
    pulled, by_host = (one.solve(rows @ rows[0]).values @ rows for one in (actual, expected))
    assert relative(pulled, by_host) < 1e-3


@pytest.mark.parametrize("entry", [0.0, math.nan, math.inf])
def test_what_cannot_be_solved_gives_no_multipliers(entry: float) -> None:
    solved = factorise_undecided(torch.full((3, 3), entry, dtype=torch.float64)).solve(torch.ones(3).double())
    assert torch.equal(solved.values, torch.zeros(3, dtype=torch.float64))
    assert not bool(solved.exact)
    assert not bool(solved.solved)


def test_a_right_side_that_is_not_finite_gives_no_multipliers() -> None:
    solved = factorise_undecided(torch.eye(2)).solve(torch.tensor([1.0, math.nan]))
    assert torch.equal(solved.values, torch.zeros(2))
    assert not bool(solved.solved)


def test_a_constraint_that_no_parameter_moves_has_no_multiplier() -> None:
    rows = random_rows(3)
    rows[1] = 0
    solved = factorise_undecided(rows @ rows.T).solve(torch.ones(3, dtype=torch.float64))
    assert solved.values[1] == 0
    assert solved.values[0] != 0


def test_a_cap_scales_all_multipliers() -> None:
    multipliers = factorise_undecided(torch.eye(2)).solve(torch.tensor([1.0, -4.0]))
    capped = multipliers.capped(2.0)
    assert torch.allclose(capped.values, torch.tensor([0.5, -2.0]))
    assert bool(capped.held_back)
    assert not bool(capped.exact)
    free = multipliers.capped(5.0)
    assert torch.equal(free.values, multipliers.values)
    assert not bool(free.held_back)
    assert bool(free.exact)
    assert multipliers.capped(None) is multipliers
