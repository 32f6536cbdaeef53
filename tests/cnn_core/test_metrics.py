import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cnn_core import metrics
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import (
    METRICS,
    WORST,
    Measurement,
    errors,
    errors_of_regions,
    finite,
    measure,
    measure_regions,
    metric_names,
    percentiles,
)
from cnn_core.networks import Dense
from cnn_core.problems import PointSet, Split, helmholtz, kovasznay, sample_regions
from tests.cnn_core.cases import general_twin, grid_points, make_model, relative, theta_of


def point_set(u: Tensor) -> PointSet:
    return PointSet(torch.zeros(len(u), 1), torch.zeros(len(u), 1), u, 1)


def test_errors_against_closed_forms() -> None:
    u = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    residuals = torch.tensor([[-4.0], [1.0]])
    found = errors(Measurement(u + torch.tensor([[1.0, -1.0], [2.0, 0.0]]), residuals), point_set(u))
    assert found == pytest.approx(
        {
            "data_mse": 6 / 4,
            "relative_l2": math.sqrt(6) / 5,
            "constraint_mse": 17 / 2,
            "residual_abs_p50": 2.5,
            "residual_abs_p95": 1 + 0.95 * 3,
            "residual_abs_max": 4.0,
        },
        rel=1e-6,
    )
    assert tuple(sorted(found)) == tuple(sorted(METRICS))


def test_an_exact_field_has_no_error() -> None:
    u = torch.ones(5, 2)
    found = errors(Measurement(u, torch.zeros(5, 1)), point_set(u))
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_counts_as_worst(bad: float) -> None:
    u = torch.ones(5, 1)
    prediction, residuals = u.clone(), torch.zeros(5, 1)
    prediction[2], residuals[3] = bad, bad
    found = errors(Measurement(prediction, residuals), point_set(u))
    worst = ("data_mse", "relative_l2", "constraint_mse", "residual_abs_max")
    assert all(found[name] == WORST for name in worst)
    assert found["residual_abs_p50"] == 0.0
    assert all(math.isfinite(value) and value <= WORST for value in found.values())


def test_float32_errors_do_not_overflow() -> None:
    """A large but finite float32 residual has a square beyond float32."""
    u = torch.ones(2, 1)
    found = errors(Measurement(u, torch.full((2, 1), 1e20)), point_set(u))
    assert found["constraint_mse"] == WORST
    assert found["residual_abs_max"] == WORST
    large = errors(Measurement(u * 1e3, torch.full((2, 1), 3e3)), point_set(u))
    assert large["constraint_mse"] == pytest.approx(9e6)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.5, 1.5), (-2.0, -2.0), (math.nan, WORST), (math.inf, WORST), (-math.inf, -WORST), (1e300, WORST)],
)
def test_finite(value: float, expected: float) -> None:
    assert finite(value) == expected


def test_percentiles_of_a_ramp_are_the_ramp() -> None:
    shuffled = torch.arange(0, 101.0)[torch.randperm(101)].reshape(1, 101)
    assert percentiles(shuffled) == pytest.approx(list(range(101)))


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_percentiles_interpolate_as_torch_does(count: int) -> None:
    values = torch.randn(count, dtype=torch.float64)
    expected = torch.quantile(values, torch.linspace(0, 1, 101, dtype=torch.float64))
    assert percentiles(values) == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-12)


def test_percentiles_of_bad_values_are_worst_at_their_end() -> None:
    values = torch.tensor([0.0, math.nan, -math.inf, math.inf, 1.0])
    found = percentiles(values)
    assert (found[0], found[25], found[50], found[75], found[100]) == (-WORST, 0.0, 1.0, WORST, WORST)
    assert found == sorted(found)


@pytest.mark.slow
def test_percentiles_of_very_many_values() -> None:
    """Parameter differences of many waves of a wide network: more than torch.quantile takes."""
    found = percentiles(torch.linspace(0, 1, 2**24 + 2))
    assert found == pytest.approx([index / 100 for index in range(101)], abs=1e-6)


def test_measurements_are_scaled_whatever_training_used() -> None:
    points = grid_points(helmholtz(), 9)
    scaled, bare = (make_model(helmholtz(), Dense(widths=(5,)), scaled=scaled) for scaled in (True, False))
    theta = theta_of(scaled)
    first, second = measure(scaled, theta, points), measure(bare, theta, points)
    assert torch.equal(first.residuals, second.residuals)
    assert relative(bare.residuals(theta, points.x, points.p), first.residuals) > 0.1
    assert not first.residuals.requires_grad
    assert not first.prediction.requires_grad


def test_measurements_in_chunks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, points = make_model(helmholtz(), Dense(widths=(5,))), grid_points(helmholtz(), 23)
    whole = measure(model, theta_of(model), points)
    monkeypatch.setattr(metrics, "POINTS_AT_ONCE", 7)
    parts = measure(model, theta_of(model), points)
    assert relative(parts.residuals, whole.residuals) < 1e-14
    assert relative(parts.prediction, whole.prediction) < 1e-14


def test_any_module_can_be_measured() -> None:
    model, points = make_model(helmholtz(), Dense(widths=(5,))), grid_points(helmholtz(), 4)
    twin = replace(general_twin(model), scaled=False)
    found = measure(twin, theta_of(twin), points)
    assert relative(found.residuals, measure(model, theta_of(model), points).residuals) < 1e-12
    assert not found.residuals.requires_grad


def test_each_of_several_outputs_has_an_error_of_its_own() -> None:
    x = torch.rand(4, 2).double()
    truth = torch.tensor([[3.0, 1.0], [4.0, 1.0], [6.0, 1.0], [8.0, 1.0]]).double()
    points = PointSet(x, x[:, :0], truth, 2)
    moved = Measurement(truth + torch.tensor([0.0, 0.5]).double(), x[:, :0], outputs=("u", "v"))
    found = errors_of_regions({"interior": moved}, {"interior": points})
    assert (found["u_relative_l2"], found["v_relative_l2"]) == pytest.approx((0.0, 0.5), abs=1e-15)
    scaled = replace(moved, prediction=truth * torch.tensor([1.5, 1.0]).double())
    found = errors_of_regions({"interior": scaled}, {"interior": points})
    assert (found["u_relative_l2"], found["v_relative_l2"]) == pytest.approx((0.5, 0.0), abs=1e-15)
    assert "u_relative_l2" not in errors_of_regions({"data": scaled}, {"data": points})
    alone = replace(moved, prediction=moved.prediction[:, :1], outputs=("u",))
    assert set(errors_of_regions({"interior": alone}, {"interior": replace(points, u=truth[:, :1])})) == {
        "data_mse", "relative_l2",
    }  # fmt: skip


def test_the_names_of_what_is_measured_are_those_that_are_measured() -> None:
    problem = kovasznay(40.0)
    model = ConstrainedNetwork(problem, Dense(widths=(4,)).build(inputs=2, parameters=0, outputs=3, seed=0).double())
    points = sample_regions(problem, Split({}, {"interior": 9, "boundary": 8}, "random"))
    found = errors_of_regions(measure_regions(model, model.begin, points), points)
    assert tuple(found) == metric_names(problem, points.keys(), observed=True)
    assert found.keys() >= {"u_relative_l2", "v_relative_l2", "p_relative_l2"}
    assert "u_relative_l2" not in metric_names(problem, (*points, "data"), observed=True)
    assert "u_relative_l2" not in metric_names(problem, points.keys(), observed=False)
