"""The explicit form: it vanishes for the general solution, and not for singular or glued ones."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.problems import Problem, helmholtz, pythagorean, synthetic, viscous_flow
from cnn_core.problems.explicit import EXPLICIT, with_explicit_form
from tests.cnn_core.cases import field_of

P = torch.tensor([1.7, 0.9, 0.2], dtype=torch.float64)


def explicit_of(problem, function, at, p=P):
    x = torch.tensor([at], dtype=torch.float64)
    return float(with_explicit_form(problem).residual(field_of(function, x), x, p)[EXPLICIT])


@given(at=st.floats(-1, 1), amplitude=st.floats(0.1, 5), frequency=st.floats(0.2, 5), phase=st.floats(-3, 3))
def test_it_vanishes_for_the_general_solution(at, amplitude, frequency, phase):
    p = torch.tensor([amplitude, frequency, phase], dtype=torch.float64)
    k = 2 * math.pi * frequency
    explicit = explicit_of(pythagorean(), lambda x: amplitude * torch.sin(k * x + phase), at, p)
    assert abs(explicit) <= 1e-6 * amplitude * k**2


@pytest.mark.parametrize("at", [-0.7, 0.1, 0.6])
def test_for_any_field_it_is_the_equation_solved_for_the_highest_derivative(at):
    k = 2 * math.pi * float(P[1])
    explicit = explicit_of(pythagorean(), lambda x: torch.exp(x) + x**2, at)
    assert explicit == pytest.approx(math.exp(at) + 2 + k**2 * (math.exp(at) + at**2), rel=1e-12)


def test_an_equation_that_names_x_is_differentiated_in_x_too():
    clairaut = Problem(
        "clairaut", {"x": (0.0, 1.0)}, parameters=("c",), outputs=("u",),
        residual=lambda u, x, p: {"r": u.value[0] - x[0] * u.gradient[0, 0] - u.gradient[0, 0] ** 2},
    )  # fmt: skip
    p = torch.ones(1, dtype=torch.float64)
    assert explicit_of(clairaut, lambda x: 3 * x + 9, 0.3, p) == pytest.approx(0, abs=1e-12)  # general: u = cx + c²
    assert explicit_of(clairaut, lambda x: x**3, 0.3, p) == pytest.approx(6 * 0.3, rel=1e-12)


def test_where_the_separant_vanishes_nothing_is_demanded():
    assert explicit_of(pythagorean(), lambda x: 0 * x + 1.7, 0.3) == 0


@pytest.mark.parametrize("problem", [helmholtz(), synthetic(2), viscous_flow()], ids=lambda problem: problem.name)
def test_other_equations_are_refused(problem):
    with pytest.raises(
        ValueError, match=r"for one equation of first order in one coordinate, got .*write solutions: all"
    ):
        with_explicit_form(problem)
