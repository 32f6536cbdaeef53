"""Measuring several networks at once finds what measuring each finds."""

import pytest
import torch
from torch import Tensor

from cnn_core import stacked_metrics
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import errors_of_regions, measure_regions
from cnn_core.networks import Dense
from cnn_core.problems import PointSet, Split, heat, kovasznay, sample_regions
from cnn_core.stacked_metrics import measure_stacked
from tests.cnn_core.cases import general_twin

Points = dict[str, PointSet]


def networks(count: int = 3) -> tuple[list[ConstrainedNetwork], list[Tensor]]:
    """Of one shape and one problem, which has conditions."""
    problem = kovasznay(20.0)
    built = (
        Dense(widths=(7, 6), activation="tanh").build(inputs=2, parameters=0, outputs=3, seed=s) for s in range(count)
    )
    models = [ConstrainedNetwork(problem, network.double()) for network in built]
    return models, [model.begin for model in models]


def points_of(seed: int, *, interior: int = 20) -> Points:
    counts = {"interior": interior, "boundary": 12}
    return sample_regions(kovasznay(20.0), Split({}, counts, "random"), seed=seed)


def test_each_finds_what_it_would_by_itself() -> None:
    models, thetas = networks()
    points = [points_of(seed) for seed in range(3)]
    found = measure_stacked(models[0], thetas, points)
    for model, theta, own, measured in zip(models, thetas, points, found, strict=True):
        alone = measure_regions(model, theta, own)
        assert measured.keys() == alone.keys() == {"interior", "boundary"}
        for region, one in alone.items():
            assert torch.allclose(measured[region].prediction, one.prediction, rtol=1e-13, atol=1e-14)
            assert torch.allclose(measured[region].residuals, one.residuals, rtol=1e-12, atol=1e-13)
        assert errors_of_regions(measured, own) == pytest.approx(errors_of_regions(alone, own), rel=1e-12)
        assert errors_of_regions(measured, own).keys() == errors_of_regions(alone, own).keys()


def test_regions_of_other_sizes_are_left_out() -> None:
    models, thetas = networks(2)
    found = measure_stacked(models[0], thetas, [points_of(0), points_of(1, interior=21)])
    assert [set(one) for one in found] == [{"boundary"}] * 2
    less = [points_of(0), {"interior": points_of(1)["interior"]}]
    assert [set(one) for one in measure_stacked(models[0], thetas, less)] == [{"interior"}] * 2


def test_many_points_are_measured_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked_metrics, "MOST_ON_CPU", 15)
    models, thetas = networks(2)
    assert [set(one) for one in measure_stacked(models[0], thetas, [points_of(0), points_of(1)])] == [{"boundary"}] * 2


def test_passes_that_are_no_pure_functions_are_left_out() -> None:
    models, thetas = networks(2)
    assert measure_stacked(general_twin(models[0]), thetas, [points_of(0), points_of(1)]) == [{}, {}]


def test_scaled_whatever_training_used() -> None:
    problem = heat()
    network = Dense(widths=(5,), activation="tanh").build(inputs=2, parameters=1, outputs=1, seed=0).double()
    plain, scaled = (ConstrainedNetwork(problem, network, scaled=scaled) for scaled in (False, True))
    points = sample_regions(problem, Split({"diffusivity": (0.25,)}, {"interior": 9}, "random"))
    (found,) = measure_stacked(plain, [plain.begin], [points])
    alone = measure_regions(scaled, scaled.begin, points)
    assert torch.allclose(found["interior"].residuals, alone["interior"].residuals, rtol=1e-12)
