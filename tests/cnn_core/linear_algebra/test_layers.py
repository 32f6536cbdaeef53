"""Products of J, as layers hold it, against its rows."""

import pytest
import torch

from cnn_core.linear_algebra.layers import (
    Affine,
    layer_rows,
    point_products,
    summed_rows,
    times,
    transposed_times,
    weight_rows,
    with_bias_input,
)
from tests.cnn_core.cases import relative
from tests.cnn_core.linear_algebra.test_gram import random_layers, rows_of


def test_a_bias_is_one_more_input() -> None:
    for inputs, deltas in random_layers(4, 2, 3):
        rows = layer_rows(inputs, deltas)
        size = deltas.shape[-1]
        extended = weight_rows(with_bias_input(inputs), deltas).view(8, size, -1)
        assert relative(extended[..., :-1].flatten(1), rows.weight) < 1e-15
        assert relative(extended[..., -1], rows.bias) < 1e-15


@pytest.mark.parametrize("quantities", [1, 3])
def test_sums_of_rows(quantities: int) -> None:
    for inputs, deltas in random_layers(4, quantities, 2):
        rows, sums = layer_rows(inputs, deltas), summed_rows(inputs, deltas)
        assert relative(sums.weight.flatten(), rows.weight.sum(dim=0)) < 1e-12
        assert relative(sums.bias, rows.bias.sum(dim=0)) < 1e-12


@pytest.mark.parametrize("quantities", [1, 3])
def test_products_against_rows(quantities: int) -> None:
    layers = random_layers(5, quantities, 3)
    rows = rows_of(layers)
    vectors = [Affine(torch.randn(b, a).double(), torch.randn(b).double()) for a, b in [(40, 50), (2, 3)]]
    flat = torch.cat([piece.flatten() for vector in vectors for piece in vector])
    weights = torch.randn(len(rows)).double()
    pulled = torch.cat([piece.flatten() for pieces in transposed_times(layers, weights) for piece in pieces])
    assert relative(times(layers, vectors), rows @ flat) < 1e-12
    assert relative(pulled, weights @ rows) < 1e-12
    deltas = [delta for _, delta in random_layers(5, 2, 2, seed=1)]
    others = [(inputs[:2], delta) for (inputs, _), delta in zip(layers, deltas, strict=True)]  # of the same points
    blocks = rows.view(5, quantities, -1) @ rows_of(others).view(5, 2, -1).mT
    assert relative(point_products(layers, others), blocks) < 1e-12
