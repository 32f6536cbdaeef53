"""Residuals and Jacobians of every region, and of all regions stacked, against rows differentiated one by one."""

import pytest
import torch
from torch import Tensor
from torch.func import jacrev

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field
from cnn_core.jacobian import BorderedJacobian, Jacobian, SummedJacobian, stacked
from cnn_core.linearisation import batch_terms
from cnn_core.problems import Condition, PointSet
from tests.cnn_core.cases import Hidden, make_step, residual_jacobian, theta_of
from tests.cnn_core.channel import (
    CONDITIONS,
    channel,
    channel_model,
    channel_points,
    field_at,
    rows_by_hand,
)

REGIONS = ("interior", "initial", "x=0", "x=1", "y=-1", "probe")

KINDS = [
    pytest.param(True, False, True, id="inverse-layers-scaled"),
    pytest.param(True, True, False, id="inverse-general-bare"),
    pytest.param(False, False, False, id="forward-layers-bare"),
    pytest.param(False, True, True, id="forward-general-scaled"),
]


def jacobian_by_hand(model: ConstrainedNetwork, theta: Tensor, region: str, points: PointSet) -> Tensor:
    """(N, C, P)."""
    return jacrev(lambda at: rows_by_hand(model, at, region, points))(theta.detach())


def jacobian_of(model: ConstrainedNetwork, theta: Tensor, region: str, points: PointSet) -> Jacobian:
    bound, p = model.on(region), points.constants
    return residual_jacobian(bound, theta, bound.evaluate(theta, points.x, p), points.x, p)


def metric_like(theta: Tensor) -> Tensor:
    return torch.rand(len(theta), generator=torch.Generator().manual_seed(4), dtype=torch.float64) + 0.1


def close(actual: Tensor, expected: Tensor) -> bool:
    """To 1e-12 relative; where rows do not read a thing at all, exactly."""
    return bool((actual - expected).norm() <= 1e-12 * expected.norm())


@pytest.mark.parametrize(("inverse", "general", "scaled"), KINDS)
def test_residuals_are_those_written_by_hand(inverse: bool, general: bool, scaled: bool) -> None:
    model = channel_model(inverse=inverse, general=general, scaled=scaled)
    points, theta = channel_points(model.problem), theta_of(model)
    assert tuple(points) == REGIONS
    for region, part in points.items():
        bound = model.on(region)
        assert bound.path == ("general" if general else "layers")
        assert close(bound.residuals(theta, part.x, part.constants), rows_by_hand(model, theta, region, part)), region


@pytest.mark.parametrize(("inverse", "general", "scaled"), KINDS)
def test_the_jacobian_of_each_region(inverse: bool, general: bool, scaled: bool) -> None:
    model = channel_model(inverse=inverse, general=general, scaled=scaled)
    points, theta = channel_points(model.problem), theta_of(model)
    metric, generator = metric_like(theta), torch.Generator().manual_seed(0)
    for region, part in points.items():
        jacobian, blocks = jacobian_of(model, theta, region, part), jacobian_by_hand(model, theta, region, part)
        rows = blocks.flatten(0, 1)
        vector, weights = (torch.randn(size, generator=generator, dtype=torch.float64) for size in rows.T.shape)
        assert isinstance(jacobian, BorderedJacobian) == (inverse and not general)
        assert close(jacobian.matrix(), rows), region
        assert close(jacobian.gram(), rows @ rows.T), region
        assert close(jacobian.gram(metric), rows * metric @ rows.T), region
        assert close(jacobian.times(vector), rows @ vector), region
        assert close(jacobian.transposed_times(weights), weights @ rows), region
        assert close(jacobian.point_products(jacobian), blocks @ blocks.mT), region
        assert close(jacobian.part(0, 1).matrix(), blocks[:, 0]), region


@pytest.mark.parametrize(("inverse", "general", "scaled"), KINDS)
def test_the_jacobian_of_all_regions_stacked(inverse: bool, general: bool, scaled: bool) -> None:
    model = channel_model(inverse=inverse, general=general, scaled=scaled)
    points, theta = channel_points(model.problem), theta_of(model)
    terms = make_step(model, points, theta=theta).terms()
    rows = torch.cat([jacobian_by_hand(model, theta, *part).flatten(0, 1) for part in points.items()])
    metric, generator = metric_like(theta), torch.Generator().manual_seed(0)
    vector, weights = (torch.randn(size, generator=generator, dtype=torch.float64) for size in rows.T.shape)
    assert close(terms.constraints.gram(), rows @ rows.T)
    assert close(terms.constraints.gram(metric), rows * metric @ rows.T)
    assert close(terms.constraints.times(vector), rows @ vector)
    assert close(terms.constraints.transposed_times(weights), weights @ rows)
    residuals = torch.cat([rows_by_hand(model, theta, *part).flatten() for part in points.items()])
    assert close(terms.residuals, residuals.detach())


def test_pairs_and_unknowns_are_kept_as_sums_and_borders() -> None:
    model = channel_model(inverse=True)
    around = jacobian_of(model, theta_of(model), "y=-1", channel_points(model.problem)["y=-1"])
    assert isinstance(around, BorderedJacobian) and isinstance(around.network, SummedJacobian)
    assert around.path == "layers"


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("order", [("interior", "x=1"), ("x=1", "interior"), ("y=-1", "x=1"), ("x=1", "y=-1")])
def test_a_region_by_the_general_path_goes_with_others_by_the_layers(inverse: bool, order: tuple[str, str]) -> None:
    """One whose condition differentiates u.function itself."""

    def out(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"out": p[1] * torch.func.jacfwd(u.function)(x)[0] @ u.normal}

    conditions = CONDITIONS | {"out": Condition("x=1", out, scale=CONDITIONS["out"].scale)}
    model = channel_model(inverse=inverse).with_problem(channel(inverse=inverse, conditions=conditions))
    every, theta = channel_points(model.problem), theta_of(model)
    points = {region: every[region] for region in order}
    assert {model.on(region).path for region in points} == {"layers", "general"}
    parts = [jacobian_of(model, theta, *part) for part in points.items()]
    jacobian = stacked(parts, [len(part.matrix()) for part in parts])
    rows = torch.cat([jacobian_by_hand(model, theta, *part).flatten(0, 1) for part in points.items()])
    metric = metric_like(theta)
    assert close(jacobian.gram(), rows @ rows.T)
    assert close(jacobian.gram(metric), rows * metric @ rows.T)


@pytest.mark.parametrize("general", [False, True], ids=["layers", "general"])
@pytest.mark.parametrize("region", ["interior", "x=1", "y=-1"])
@pytest.mark.parametrize(("learns", "objectives"), [(True, 0), (False, 1), (True, 1)])
def test_losses_of_points_with_weights_and_residuals_as_objectives(
    region: str, general: bool, learns: bool, objectives: int
) -> None:
    """ℓ = mean of w (u − u*)² + share·g² of the last residuals, the others are constraints."""
    model = channel_model(inverse=True, general=general)
    points, theta = channel_points(model.problem)[region], theta_of(model)
    generator = torch.Generator().manual_seed(1)
    u, weight = torch.rand(2, len(points), 2, generator=generator, dtype=torch.float64)
    weight[0, 1] = 0.0
    bound = model.on(region)
    shares = torch.tensor([0.7], dtype=torch.float64) if objectives else None
    data = (u, weight) if learns else (None, None)
    terms = batch_terms(bound, theta, points.x, points.constants, data[0], weight=data[1], shares=shares)

    def losses(theta: Tensor) -> Tensor:
        found = theta.new_zeros(len(points))
        if learns:
            predictions = [field_at(model, theta, p)(x) for x, p in zip(points.x, points.p, strict=True)]
            found = found + (weight * (torch.stack(predictions) - u).square()).mean(dim=1)
        if objectives:
            found = found + 0.7 * rows_by_hand(model, theta, region, points)[:, -1].square()
        return found

    rows = jacrev(losses)(theta.detach())
    constraints = jacobian_by_hand(model, theta, region, points)[:, : len(bound.problem.constraints) - objectives]
    assert close(terms.gradient, rows.mean(dim=0))
    assert terms.losses is not None and close(terms.losses.matrix(), rows)
    if not constraints.shape[1]:
        assert terms.constraints is None
        return
    assert terms.constraints is not None and close(terms.constraints.matrix(), constraints.flatten(0, 1))
    products = constraints @ rows[:, :, None]
    scale = constraints.norm() * rows.norm()
    assert (terms.constraints.point_products(terms.losses) - products).norm() <= 1e-12 * scale


@pytest.mark.parametrize("general", [False, True], ids=["layers", "general"])
def test_predictions_do_not_read_unknowns(general: bool) -> None:
    model = channel_model(inverse=True, general=general)
    points, theta = channel_points(model.problem)["interior"], theta_of(model)
    moved = theta.detach().clone()
    moved[-2:] += 1.0
    assert torch.equal(model.predict(theta, points.x, points.p), model.predict(moved, points.x, points.p))
    assert theta.shape == (model.layout.size + 2,)
    assert model.unknowns(theta).tolist() == pytest.approx([0.3, -0.4], rel=1e-15)


def test_a_hidden_network_and_its_layers_have_the_same_unknowns() -> None:
    model = channel_model(inverse=True)
    assert isinstance(channel_model(inverse=True, general=True).network, Hidden)
    assert torch.equal(model.begin, channel_model(inverse=True, general=True).begin)
