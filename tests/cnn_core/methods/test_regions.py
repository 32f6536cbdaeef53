"""Every method on several regions, with roles, weights and unknowns, against formulas written out with autograd."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import jacrev

from cnn_core import checkpoint
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import (
    METHODS,
    AugmentedLagrangian,
    Batch,
    Broyden,
    Method,
    NullSpace,
    Reduction,
    Sample,
    Soft,
    Unconstrained,
)
from cnn_core.networks import Dense
from cnn_core.optimizers import Sgd
from cnn_core.problems import PointSet
from cnn_core.reductions import Huber, Lp
from cnn_core.tasks import Roles
from cnn_core.training import Training, TrainingStatus
from tests.cnn_core.cases import make_step, relative, start, theta_of
from tests.cnn_core.channel import asked_by_hand, channel_model, channel_points, measured_points

ROLES: dict[str, Roles] = {
    "default": {},
    "mixed": {"flux": "objective", "start": "objective", "probe": "measured", "out": "objective"},
    "no data": {"data": "measured", "around": "objective"},
}

SETTINGS = [
    pytest.param("default", True, False, id="default-inverse-layers"),
    pytest.param("mixed", True, False, id="mixed-inverse-layers"),
    pytest.param("mixed", False, True, id="mixed-forward-general"),
    pytest.param("no data", False, False, id="no-data-forward-layers"),
]  # fmt: skip

RATES: dict[str, dict[str, Any]] = {
    "batch": {"gain": 0.3, "objective_rate": 0.9},
    "no-loss": {"gain": 0.3},
    "non-projecting": {"gain": 0.3, "objective_rate": 0.9},
    "null-space": {"constraint_rate": 0.3, "objective_rate": 0.9, "preconditioner": "identity"},
}
"""So that all have the gain 0.3, and the objective's rate 0.9 where they know one."""

MEAN_SQUARE = Lp()
COUNTS = {"interior": 2, "initial": 1, "x=0": 2, "x=1": 1, "y=-1": 2}


def setting(*, inverse: bool, general: bool, wide: bool = False) -> tuple[ConstrainedNetwork, dict[str, PointSet]]:
    network = Dense(widths=(12, 11), activation="tanh") if wide else None
    model = channel_model(inverse=inverse, general=general, network=network)
    return model, channel_points(model.problem, COUNTS, observations=measured_points(model.problem))


class Hand:
    """f, constraints and their derivatives at a θ, by autograd on what was written by hand."""

    def __init__(self, model: ConstrainedNetwork, theta: Tensor, points: Mapping[str, PointSet], roles: Roles) -> None:
        self.theta = theta.detach()
        self._asked = lambda at: asked_by_hand(model, at, points, roles)
        self.constraints = {region: (names, g.detach()) for region, (names, g) in self._asked(theta)[1].items()}
        self.slope = jacrev(lambda at: self._asked(at)[0])(self.theta)
        self.residuals = torch.cat([g.flatten() for _, g in self.constraints.values()])
        self.blocks = jacrev(lambda at: {name: g for name, (_, g) in self._asked(at)[1].items()})(self.theta)
        self.rows = torch.cat([block.flatten(0, 1) for block in self.blocks.values()])

    def slope_of(self, loss) -> Tensor:
        """The gradient of loss(f, constraints by region)."""
        return jacrev(lambda at: loss(*self._asked(at)))(self.theta)


def asked(method: Method, roles: str, *, inverse: bool, general: bool, wide: bool = False) -> tuple[Tensor, Hand]:
    """The method's first direction, and what it should be made of."""
    model, points = setting(inverse=inverse, general=general, wide=wide)
    step = make_step(model, points, roles=ROLES[roles])
    answer = method.direction(step, start(method, model, points, roles=ROLES[roles]))
    return answer.gradient, by_hand(roles, inverse, general, wide)


@cache
def by_hand(roles: str, inverse: bool, general: bool, wide: bool = False) -> Hand:
    """At the network's own parameters."""
    model, points = setting(inverse=inverse, general=general, wide=wide)
    return Hand(model, theta_of(model), points, ROLES[roles])


def reduced(
    constraints: Mapping[str, tuple[tuple[str, ...], Tensor]], reduction: Lp | Huber = MEAN_SQUARE
) -> dict[str, Tensor]:
    """One number for each condition: the mean over its quantities."""
    return {
        name: reduction(g[:, [index for index, owner in enumerate(owners) if owner == name]]).mean()
        for owners, g in constraints.values()
        for name in dict.fromkeys(owners)
    }


@pytest.mark.parametrize(("roles", "inverse", "general"), SETTINGS)
def test_unconstrained_is_the_slope_of_the_objective(roles: str, inverse: bool, general: bool) -> None:
    direction, hand = asked(Unconstrained(), roles, inverse=inverse, general=general)
    assert relative(direction, hand.slope) < 1e-12


@pytest.mark.parametrize("reduction", [Lp(), Lp(3.0), Huber(0.5)], ids=repr)
@pytest.mark.parametrize(("roles", "inverse", "general"), SETTINGS)
def test_soft_weighs_each_condition(roles: str, inverse: bool, general: bool, reduction: Lp | Huber) -> None:
    weights = {"warm": 3.0, "around": 0.25, "level": 7.0}
    method = Soft(weight=0.6, weights=weights, reduction=reduction)
    direction, hand = asked(method, roles, inverse=inverse, general=general)

    def loss(objective, constraints):
        numbers = reduced(constraints, reduction)
        return objective + 0.6 * sum(weights.get(name, 1.0) * number for name, number in numbers.items())

    assert relative(direction, hand.slope_of(loss)) < 1e-12


@pytest.mark.parametrize(("roles", "inverse", "general"), SETTINGS)
def test_augmented_lagrangian_has_multipliers_by_region(roles: str, inverse: bool, general: bool) -> None:
    model, points = setting(inverse=inverse, general=general)
    method, own = AugmentedLagrangian(penalty=0.8, multiplier_rate=0.5), ROLES[roles]
    step = make_step(model, points, roles=own)
    hand = by_hand(roles, inverse, general)
    first = method.direction(step, start(method, model, points, roles=own))
    held = first.state["multipliers"]
    for region, (_, g) in hand.constraints.items():
        assert relative(held[region], 0.4 * g) < 1e-12
    second = method.direction(step, first.state)

    def loss(objective, constraints):
        each = [
            (0.4 * hand.constraints[name][1] * g + 0.4 * g.square()).sum(1).mean()
            for name, (_, g) in constraints.items()
        ]
        return objective + sum(each)

    assert relative(second.gradient, hand.slope_of(loss)) < 1e-12


@pytest.mark.parametrize(("roles", "inverse", "general"), SETTINGS)
@pytest.mark.parametrize("damping", [0.0, 1e-3])
@pytest.mark.parametrize("method", RATES)
def test_multipliers_of_all_rows_keep_their_promise(
    method: str, damping: float, roles: str, inverse: bool, general: bool
) -> None:
    """J·direction = gain·g of all regions; damped, direction − d = Jᵀλ with the right λ."""
    direction, hand = asked(
        METHODS[method](**(RATES[method] | {"damping": damping})), roles, inverse=inverse, general=general, wide=True
    )
    descent = torch.zeros_like(hand.slope) if method == "no-loss" else 0.9 * hand.slope
    pulled = torch.zeros_like(descent) if method == "non-projecting" else descent
    rows, wanted = hand.rows, 0.3 * hand.residuals
    if damping == 0:
        free = direction - (descent - pulled)
        assert relative(rows @ free, wanted) < 1e-9
        outside = free - pulled  # lies in the span of the rows
        assert relative(rows.T @ torch.linalg.lstsq(rows.T, outside[:, None]).solution[:, 0], outside) < 1e-6
        return
    gram = rows @ rows.T
    damped = gram + damping * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    multipliers = torch.linalg.solve(damped, wanted - rows @ pulled)
    assert relative(direction, descent + multipliers @ rows) < 1e-9


@pytest.mark.parametrize(("roles", "inverse", "general"), SETTINGS)
@pytest.mark.parametrize("kind", [Reduction, Broyden], ids=lambda kind: kind.name)
def test_reduced_methods_have_one_row_for_each_condition(
    kind: type[Reduction | Broyden], roles: str, inverse: bool, general: bool
) -> None:
    method = kind(gain=0.3, objective_rate=0.9)
    direction, hand = asked(method, roles, inverse=inverse, general=general)
    numbers = torch.stack(list(reduced(hand.constraints).values()))
    slopes = hand.slope_of(lambda _, constraints: reduced(constraints))
    rows = torch.stack(list(slopes.values()))
    assert len(rows) == len({name for names, _ in hand.constraints.values() for name in names})
    multipliers = torch.linalg.solve(rows @ rows.T, 0.3 * numbers - 0.9 * rows @ hand.slope)
    assert relative(direction, 0.9 * hand.slope + multipliers @ rows) < 1e-8


@pytest.mark.parametrize(("roles", "inverse", "general"), SETTINGS)
def test_sample_is_a_loop_over_the_points_of_every_region(roles: str, inverse: bool, general: bool) -> None:
    method = Sample(gain=0.3, objective_rate=0.9, damping=0.1)
    direction, hand = asked(method, roles, inverse=inverse, general=general)
    model, points = setting(inverse=inverse, general=general)
    expected = torch.zeros_like(hand.slope)
    for region, part in points.items():
        for index in range(len(part)):
            alone = {region: part.at(slice(index, index + 1))}
            objective, _ = asked_by_hand(model, theta := theta_of(model), alone, ROLES[roles])
            slope = torch.autograd.grad(objective + 0 * theta.sum(), theta)[0]
            expected += 0.9 * slope / len(part)
            if region in hand.constraints:
                rows, g = hand.blocks[region][index], hand.constraints[region][1][index]
                gram = rows @ rows.T
                gram = gram + 0.1 * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
                expected += torch.linalg.solve(gram, 0.3 * g - 0.9 * rows @ slope) @ rows / len(part)
    assert relative(direction, expected) < 1e-9


@pytest.mark.parametrize("name", METHODS)
def test_a_state_survives_a_checkpoint(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"refresh_interval": 3} if name in ("batch", "null-space", "reduction") else {}
    method = METHODS[name](**options)
    model, points = setting(inverse=True, general=False)
    state = start(method, model, points, roles=ROLES["mixed"])
    step = make_step(model, points, roles=ROLES["mixed"])
    state = method.direction(step, state).state
    checkpoint.save({"method": state}, tmp_path / "checkpoint.pt")
    restored = checkpoint.load(tmp_path / "checkpoint.pt")["method"]
    moved = make_step(model, points, roles=ROLES["mixed"], theta=(step.theta.detach() + 1e-3).requires_grad_())
    assert torch.equal(method.direction(moved, restored).gradient, method.direction(moved, state).gradient)


def test_multipliers_stay_at_their_points_of_all_regions() -> None:
    model, points = setting(inverse=True, general=False)
    method, own = Batch(objective_rate=0.0, damping=0.0, refresh_interval=5), ROLES["mixed"]
    step = make_step(model, points, roles=own)
    state = method.direction(step, start(method, model, points, roles=own)).state
    theta = (step.theta.detach() + 1e-3).requires_grad_()
    fewer = {region: part.at(slice(1)) for region, part in points.items()}
    held = method.direction(make_step(model, fewer, roles=own, theta=theta), state).gradient
    assert relative(held, state["multipliers"] @ Hand(model, theta, points, own).rows) < 1e-10


PROMISED = [
    Batch(gain=1.0, damping=0.0),
    NullSpace(constraint_rate=1e-3, preconditioner="identity", damping=0.0),
]


@pytest.mark.parametrize("method", PROMISED, ids=lambda method: method.name)
def test_constraints_of_all_regions_decay_together_as_promised(method: Method) -> None:
    """(1 − rate)^t, for rows that are well-conditioned and a rate that is small against their curvature."""
    model, points = setting(inverse=False, general=False, wide=True)
    fewer = {region: points[region] for region in ("interior", "x=1", "y=-1")}
    whole = dict.fromkeys(fewer, 10)
    training = Training(model, fewer, method, Sgd(1e-3), whole, epochs=60, roles={"data": "measured"})

    def size() -> float:
        return float(make_step(model, fewer).constraints(training.theta.detach()).norm())

    started = size()
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
    assert size() / started == pytest.approx(0.999**60, rel=0.01)
