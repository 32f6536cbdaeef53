from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cnn_core.reductions import Huber, Lp, Reduction

RESIDUALS = torch.tensor([[-7.0, 0.5], [0.25, -6.0], [3.0, 0.0], [6.5, 1e-3], [-1.0, -2.0]], dtype=torch.float64)

ALL: list[Reduction] = [Lp(1.0), Lp(1.5), Lp(2.0), Lp(3.0), Huber(), Huber(0.5)]


def gradient(reduction: Reduction, residuals: Tensor) -> Tensor:
    leaf = residuals.clone().requires_grad_()
    return torch.autograd.grad(reduction(leaf).sum(), leaf)[0]


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0, 3.0])
def test_lp_value_and_gradient_against_the_closed_form(exponent: float) -> None:
    for column in range(2):
        values = RESIDUALS[:, column].tolist()
        expected = sum(abs(value) ** exponent for value in values) / len(values)
        assert float(Lp(exponent)(RESIDUALS)[column]) == pytest.approx(expected, rel=1e-14)
        slopes = [
            exponent * abs(value) ** (exponent - 1) * ((value > 0) - (value < 0)) / len(values) for value in values
        ]
        assert gradient(Lp(exponent), RESIDUALS)[:, column].tolist() == pytest.approx(slopes, rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("delta", [0.5, 1.0, 6.0])
def test_huber_value_and_gradient_against_the_closed_form(delta: float) -> None:
    for column in range(2):
        values = RESIDUALS[:, column].tolist()
        each = [0.5 * v**2 if abs(v) <= delta else delta * (abs(v) - 0.5 * delta) for v in values]
        slopes = [v if abs(v) <= delta else delta * ((v > 0) - (v < 0)) for v in values]
        assert float(Huber(delta)(RESIDUALS)[column]) == pytest.approx(sum(each) / len(each), rel=1e-14)
        expected = [slope / len(values) for slope in slopes]
        assert gradient(Huber(delta), RESIDUALS)[:, column].tolist() == pytest.approx(expected, rel=1e-13, abs=1e-300)


def test_huber_and_its_slope_are_continuous_at_delta() -> None:
    around = torch.tensor([[6.0 - 1e-9], [6.0], [6.0 + 1e-9]], dtype=torch.float64)
    values = torch.stack([Huber()(row[None])[0] for row in around])
    assert (values - 18.0).abs().max() < 1e-8
    assert (3 * gradient(Huber(), around) - 6.0).abs().max() < 1e-8


def test_workbook_default_is_six() -> None:
    assert Huber().delta == 6.0


@pytest.mark.parametrize("reduction", ALL, ids=str)
def test_value_and_gradient_at_zero_are_zero(reduction: Reduction) -> None:
    zeros = torch.zeros(4, 2, dtype=torch.float64)
    assert reduction(zeros).tolist() == [0.0, 0.0]
    assert gradient(reduction, zeros).abs().max() == 0.0


@pytest.mark.parametrize("reduction", ALL, ids=str)
@given(scale=st.floats(1e-6, 1e6), repeats=st.integers(1, 4))
def test_reductions_are_even_positive_and_do_not_depend_on_the_batch_size(
    reduction: Reduction, scale: float, repeats: int
) -> None:
    residuals = scale * RESIDUALS
    value = reduction(residuals)
    assert (value > 0).all()
    assert torch.equal(reduction(-residuals), value)
    torch.testing.assert_close(reduction(residuals.repeat(repeats, 1)), value, rtol=1e-13, atol=0)


@pytest.mark.parametrize("reduction", ALL, ids=str)
def test_constraints_are_reduced_separately(reduction: Reduction) -> None:
    changed = RESIDUALS.clone()
    changed[:, 1] *= 3
    assert reduction(changed)[0] == reduction(RESIDUALS)[0]
    assert reduction(changed)[1] != reduction(RESIDUALS)[1]


def test_registry_names() -> None:
    assert {Lp().name: Lp, Huber().name: Huber} == {kind().name: kind for kind in get_args(Reduction)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lp(0.5), "exponent must be at least 1 .* got 0.5"),
        (lambda: Huber(0.0), "delta must be positive, got 0.0"),
        (lambda: Huber(-1.0), "delta must be positive, got -1.0"),
    ],
)
def test_meaningless_reductions_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
