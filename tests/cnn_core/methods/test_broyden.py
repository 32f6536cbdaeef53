"""Broyden's approximation of reduced constraints: exact where it recomputes, and a secant in between."""

from itertools import pairwise

import pytest
import torch

from cnn_core.methods import Broyden, Reduction
from cnn_core.reductions import Huber, Lp
from cnn_core.reductions import Reduction as AnyReduction
from tests.cnn_core.cases import relative
from tests.cnn_core.methods.reduced import first_step, formula, values_and_rows, walk


@pytest.mark.parametrize("reduction", [Lp(), Huber()], ids=str)
def test_broyden_that_always_recomputes_is_the_reduction(reduction: AnyReduction) -> None:
    settings = {"reduction": reduction, "gain": 0.7, "objective_rate": 1.3, "damping": 0.01}
    ours = walk(Broyden(**settings, refresh_interval=1), 4)
    theirs = walk(Reduction(**settings), 4)
    for (_, mine, _), (_, exact, _) in zip(ours, theirs, strict=True):
        assert relative(mine, exact) < 1e-10


def test_broyden_satisfies_the_secant_equation() -> None:
    """B_new Δθ = ΔF; and B changes along Δθ only, by the least that does it."""
    steps = walk(Broyden(refresh_interval=None), 5)
    for (_, _, old), (step, direction, new) in pairwise(steps):
        move = new["theta"] - old["theta"]
        values, _ = values_and_rows(step, Lp())
        assert relative(new["values"], values) < 1e-13
        assert relative(new["rows"] @ move, new["values"] - old["values"]) < 1e-10
        change = new["rows"] - old["rows"]
        across = torch.randn(3, len(move), dtype=torch.float64)
        across = across - torch.outer(across @ move, move) / move.square().sum()
        assert (change @ across.T).abs().max() < 1e-10 * change.norm() * across.norm()
        assert relative(direction, formula(values, new["rows"], gain=1.0, rate=1.0)[0]) < 1e-6


def test_broyden_starts_from_exact_derivatives_and_refreshes_on_time() -> None:
    steps = walk(Broyden(refresh_interval=3), 7)
    exact = [relative(state["rows"], values_and_rows(step, Lp())[1]) < 1e-12 for step, _, state in steps]
    assert exact == [True, False, False, True, False, False, True]


def test_broyden_stands_still_where_theta_does() -> None:
    step = first_step()
    method = Broyden()
    first = method.direction(step, {"age": 0})
    again = method.direction(step, first.state)
    assert torch.equal(again.state["rows"], first.state["rows"])
    assert torch.equal(again.gradient, first.gradient)
