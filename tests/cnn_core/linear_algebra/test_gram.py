"""Gram matrices in tiles, and in a metric, against J itself."""

from functools import partial

import pytest
import torch
from torch import Tensor

from cnn_core.linear_algebra import gram
from cnn_core.linear_algebra.gram import gram_matrix, product_matrix, weighted_gram_matrix
from cnn_core.linear_algebra.layers import Affine, Layers, layer_rows
from tests.cnn_core.cases import relative


def random_layers(points: int, quantities: int, streams: int, *, seed: int = 0) -> Layers:
    """Layers of which one is cheaper by its rows, and one by its factors."""
    generator = torch.Generator().manual_seed(seed)
    random = partial(torch.randn, generator=generator, dtype=torch.float64)
    return [(random(streams, points, a), random(streams, points, quantities, b)) for a, b in [(40, 50), (2, 3)]]


def rows_of(layers: Layers) -> Tensor:
    return torch.cat([torch.cat(layer_rows(*layer), dim=1) for layer in layers], dim=1)


def test_gram_against_rows() -> None:
    layers = random_layers(11, 2, 3)
    rows = rows_of(layers)
    assert relative(gram_matrix(layers, tile_rows=8), rows @ rows.T) < 1e-12


def test_gram_in_a_metric_against_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gram, "FORMED_ENTRIES", 5000)  # a few outputs at a time
    layers = random_layers(11, 2, 3)
    metric = [Affine(torch.rand(b, a).double(), torch.rand(b).double()) for a, b in [(40, 50), (2, 3)]]
    rows = rows_of(layers)
    diagonal = torch.cat([piece.flatten() for pieces in metric for piece in pieces])
    assert relative(weighted_gram_matrix(layers, metric), rows * diagonal @ rows.T) < 1e-12


def test_products_in_tiles() -> None:
    left, right = random_layers(11, 2, 3), random_layers(5, 3, 2, seed=1)
    whole = product_matrix(left, right)
    assert relative(whole, rows_of(left) @ rows_of(right).T) < 1e-12
    assert relative(product_matrix(left, right, tile_rows=4), whole) < 1e-12
    assert relative(product_matrix(left, left, tile_rows=6), gram_matrix(left, tile_rows=8)) < 1e-12
