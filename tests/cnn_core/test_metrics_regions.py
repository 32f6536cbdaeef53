"""Metrics over regions: their names, their sums, and data with gaps."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import pytest
import torch

from cnn_core.metrics import METRICS, WORST, Measurement, errors, errors_of_regions, measure_regions, metric_names
from cnn_core.networks import Dense
from cnn_core.problems import Condition, PointSet, Problem
from tests.cnn_core.cases import grid_points, make_model, make_problem, theta_of
from tests.cnn_core.channel import OWNERS, channel, channel_model, channel_points, measured_points, rows_by_hand

CHEAP = Dense(widths=(4,))
REGIONS = ("interior", "initial", "x=0", "y=-1", "probe")


def measured(model, points: Mapping[str, PointSet]) -> dict[str, float]:
    return errors_of_regions(measure_regions(model, theta_of(model), points), points)


def test_constraint_mse_is_the_pdes_and_that_of_every_condition() -> None:
    model = channel_model(inverse=True, scaled=False)
    points, theta = channel_points(model.problem), theta_of(model).detach()
    scaled = channel_model(inverse=True)
    squares = {region: rows_by_hand(scaled, theta, region, part).square() for region, part in points.items()}
    found = measured(model, points)
    by_owner = {
        name: float(squares[region][:, [index for index, owner in enumerate(owners) if owner == name]].mean())
        for region, owners in OWNERS.items()
        if region in points
        for name in owners
    }
    for name, value in by_owner.items():
        assert found[f"{name}_mse"] == pytest.approx(value, rel=1e-10), name
    equations = 0.5 * (by_owner["carried"] + by_owner["flux"])
    conditions = sum(value for name, value in by_owner.items() if name not in ("carried", "flux"))
    assert found["constraint_mse"] == pytest.approx(equations + conditions, rel=1e-10)
    assert found["residual_abs_max"] <= float(squares["interior"][:, :2].max().sqrt()) * (1 + 1e-12)


@pytest.mark.parametrize("observed", ["exact", "file", "nothing"])
def test_names_are_those_of_what_is_found(observed: str) -> None:
    model = channel_model(inverse=True)
    observations = measured_points(model.problem) if observed == "file" else None
    every = channel_points(model.problem, observations=observations)
    every["interior"] = replace(every["interior"], observed=observed == "exact")
    always = ("data",) if observed == "file" else ()
    for count in range(1, len(REGIONS) + 1):
        for regions in combinations(REGIONS, count):
            points = {region: every[region] for region in (*regions, *always)}
            seen = any(part.observed for part in points.values())
            assert tuple(measured(model, points)) == metric_names(model.problem, points, observed=seen), regions


@pytest.mark.parametrize("name", ["helmholtz", "viscous-flow", "pythagorean"])
def test_the_interior_alone_has_the_numbers_of_a_problem_without_regions(name: str) -> None:
    problem = make_problem(name)
    model, points = make_model(problem, CHEAP), grid_points(problem, 6)
    alone = {"interior": points}
    measurements = measure_regions(model, theta_of(model), alone)
    found = errors_of_regions(measurements, alone)
    before = errors(measurements["interior"], points)
    assert {metric: found[metric] for metric in METRICS} == before
    assert tuple(found) == metric_names(problem, alone, observed=True)
    each = [len(names) for names in (problem.constraints, problem.outputs) if len(names) > 1]
    assert len(found) - len(METRICS) == sum(each)


def test_a_residual_called_like_a_metric_does_not_replace_it() -> None:
    problem = Problem(
        "odd", {"x": (0.0, 1.0)}, (), ("u",), lambda u, x, p: {"constraint": u.value[0], "other": u["x"][0]},
        conditions={"ends": Condition("boundary", lambda u, x, p: {"u": u.value[0] - 5})},
    )  # fmt: skip
    zero = torch.zeros(2, 1)
    points = {region: PointSet(zero, zero[:, :0], zero, 1, observed=False) for region in ("interior", "boundary")}
    measurements = {
        "interior": Measurement(zero, torch.tensor([[1.0, 3.0]] * 2), ("constraint", "other"), (None, None)),
        "boundary": Measurement(zero, torch.tensor([[2.0]] * 2), ("ends",), ("ends",)),
    }
    found = errors_of_regions(measurements, points)
    assert (found["constraint_mse"], found["other_mse"], found["ends_mse"]) == (5.0 + 4.0, 9.0, 4.0)
    assert tuple(found) == metric_names(problem, points, observed=False)


def gaps() -> tuple[Measurement, PointSet]:
    """Two waves of one and two points and an empty one, with two gaps."""
    u = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    weight = torch.tensor([[1.0, 0.0], [0.5, 2.5], [0.0, 2.0]])
    zeros = torch.zeros(3, 0)
    return Measurement(u + 1, zeros), PointSet(u, zeros, u, 3, weight=weight, sizes=(1, 0, 2))


def test_errors_of_data_leave_gaps_and_empty_waves_out() -> None:
    measurement, points = gaps()
    found = errors(measurement, points)
    assert set(found) == {"data_mse", "relative_l2"}
    assert found["data_mse"] == 1.0
    assert found["relative_l2"] == pytest.approx((1.0 + math.sqrt(3) / math.sqrt(9 + 16 + 36)) / 2, rel=1e-12)


def test_weights_that_are_alike_change_no_error() -> None:
    model = make_model(make_problem("helmholtz"), CHEAP)
    points = replace(grid_points(model.problem, 6), waves=2)
    weighed = replace(points, weight=torch.ones_like(points.u))
    sized = replace(points, sizes=(3, 3))
    plain = measured(model, {"interior": points})
    for other in (weighed, sized):
        assert measured(model, {"interior": other}) == pytest.approx(plain, rel=1e-12)


def test_waves_of_different_sizes_count_alike() -> None:
    residuals = torch.tensor([[1.0], [2.0], [2.0]])
    points = PointSet(residuals, residuals[:, :0], residuals, 3, observed=False, sizes=(1, 0, 2))
    found = errors(Measurement(residuals, residuals), points)
    assert found["constraint_mse"] == 2.5 and found["residual_abs_max"] == 1.5


def test_data_that_is_all_gaps_counts_as_worst() -> None:
    measurement, points = gaps()
    found = errors(measurement, replace(points, weight=torch.zeros(3, 2)))
    assert found == {"data_mse": WORST, "relative_l2": WORST}


def test_points_keep_what_belongs_to_them() -> None:
    points = replace(measured_points(channel(inverse=False), 5), attached=torch.arange(5.0)[:, None].double())
    assert [len(points.wave(index)) for index in range(2)] == [1, 4]
    second = points.wave(1)
    assert (second.waves, second.sizes) == (1, None)
    assert torch.equal(second.weight, points.weight[1:])  # type: ignore[index, arg-type]
    some = points.at(torch.tensor([4, 0]))
    assert some.attached is not None and some.attached.flatten().tolist() == [4.0, 0.0]
    assert torch.equal(some.constants, torch.cat([points.p[[4, 0]], some.attached], dim=1))
    single = points.to(dtype=torch.float32, device="cpu")
    assert {single.x.dtype, single.constants.dtype, single.weight.dtype} == {torch.float32}  # type: ignore[union-attr]
    assert single.sizes == (1, 4)
