"""A problem with every kind of condition, and the same rows written out by hand, for tests of regions.

Two fields in a channel x ∈ [0, 1], y ∈ [−1, 1] over times t ∈ [0, 0.5]: u is carried and diffuses, v is a flux of it.
Unknowns stand among the given parameters, or all parameters are given.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import functional_call

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field, PointField
from cnn_core.domains import Box
from cnn_core.networks import Modulated, Network
from cnn_core.problems import Condition, PointSet, Problem, Split, Unknown, sample_regions
from tests.cnn_core.cases import general_twin, make_model

PARAMETERS = ("amplitude", "diffusivity", "sink", "speed")
UNKNOWNS = {"diffusivity": Unknown(0.3, positive=True, truth=0.25), "speed": Unknown(-0.4, truth=0.5)}
GIVEN = {"amplitude": (0.7, 1.3), "diffusivity": (0.3,), "sink": (0.2,), "speed": (-0.4,)}
COUNTS = {"interior": 3, "initial": 2, "x=0": 2, "x=1": 3, "y=-1": 2}
PROBES = torch.tensor([[0.2, 0.1, 0.3], [0.5, -0.5, 0.1], [0.9, 0.9, 0.4]], dtype=torch.float64)
PROBED = torch.tensor([[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]], dtype=torch.float64)
UP = torch.tensor([0.0, 2.0, 0.0], dtype=torch.float64)


def equations(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    amplitude, diffusivity, sink, speed = p
    carried = u["t"][0] + speed * u["x"][0] - diffusivity * (u["xx"][0] + u["yy"][0]) + sink * u.value[0] ** 2
    return {"carried": carried - amplitude * x[0], "flux": u.value[1] + diffusivity * u["x"][0]}


def scale(p: Tensor) -> dict[str, Tensor | float]:
    return {"carried": 1 + p[0], "flux": 2.0}


def solution(x: Tensor, p: Tensor) -> Tensor:
    u = p[0] * torch.sin(math.pi * x[0]) * torch.cos(math.pi * x[1]) * torch.exp(-p[1] * x[2])
    return torch.stack([u, -p[1] * u])


def start(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    return {"u": u.value[0] - p[0] * torch.sin(math.pi * x[0]), "v": u.value[1] - x[1]}


def jump(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    return {"value": u.value[0] - u.partner.value[0], "slope": u["y"][0] - u.partner["y"][0] * u.value[1]}


CONDITIONS = {
    "start": Condition("initial", start),
    "warm": Condition("x=0", lambda u, x, p: {"u": u.value[0]}, values=torch.tensor([[0.3]], dtype=torch.float64)),
    "out": Condition("x=1", lambda u, x, p: {"out": p[1] * u.gradient[0] @ u.normal}, scale=lambda p: {"out": p[0]}),
    "around": Condition("y=-1", jump, partner=lambda x: x + UP.to(x)),
    "probe": Condition(PROBES, lambda u, x, p: {"u": u.value[0], "slope": u["x"][0]}, values=PROBED),
    "level": Condition("interior", lambda u, x, p: {"level": u.value[1] * u.value[0] - p[3]}),
}


def channel(*, inverse: bool, conditions: Mapping[str, Condition] = CONDITIONS) -> Problem:
    return Problem(
        "channel", Box({"x": (0.0, 1.0), "y": (-1.0, 1.0), "t": (0.0, 0.5)}, time="t"), PARAMETERS, ("u", "v"),
        equations, solution, scale, conditions, UNKNOWNS if inverse else {},
    )  # fmt: skip


def channel_model(
    *, inverse: bool, scaled: bool = True, general: bool = False, network: Network | None = None
) -> ConstrainedNetwork:
    """A small network in the channel, by the path of its layers or by the general one."""
    problem = channel(inverse=inverse)
    model = make_model(problem, network or Modulated(widths=(5, 4), activation="tanh"), scaled=scaled)
    return general_twin(model) if general else model


def channel_points(
    problem: Problem, counts: Mapping[str, int] = COUNTS, *, observations: PointSet | None = None
) -> dict[str, PointSet]:
    split = Split({name: GIVEN[name] for name in problem.given}, counts)
    return sample_regions(problem, split, seed=3, data=observations)


def field_at(model: ConstrainedNetwork, theta: Tensor, p: Tensor) -> Callable[[Tensor], Tensor]:
    """u_θ (O,) as a function of x (D,), by torch alone; p (K,) are the given parameters."""
    parameters = model.layout.unflatten(theta[: model.layout.size])
    return lambda x: functional_call(model.network, parameters, (x[None], p[None]))[0]


def all_parameters(model: ConstrainedNetwork, theta: Tensor, p: Tensor) -> Tensor:
    """p (K,) with the unknowns, which θ holds at its end, where they belong."""
    if not model.problem.unknowns:
        return p
    diffusivity, speed = theta[-2].exp(), theta[-1]
    return torch.stack([p[0], diffusivity, p[1], speed])


def rows_by_hand(model: ConstrainedNetwork, theta: Tensor, region: str, points: PointSet) -> Tensor:
    """The residuals (N, C) of a region in the order that is promised, written out point by point."""
    return torch.stack([_row(model, theta, region, points, index) for index in range(len(points))])


def _row(model: ConstrainedNetwork, theta: Tensor, region: str, points: PointSet, index: int) -> Tensor:
    x, given, scaled = points.x[index], points.p[index], model.scaled
    function, p = field_at(model, theta, given), all_parameters(model, theta, given)
    u = PointField(function, x, model.problem.axes)
    if region == "interior":
        first, second = equations(u, x, p).values()  # type: ignore[arg-type]
        sizes = (1 + p[0], 2.0) if scaled else (1.0, 1.0)
        return torch.stack([first / sizes[0], second / sizes[1], u.value[1] * u.value[0] - p[3]])
    if region == "initial":
        return torch.stack([u.value[0] - p[0] * torch.sin(math.pi * x[0]), u.value[1] - x[1]])
    if region == "x=0":
        return u.value[:1] - 0.3
    if region == "x=1":
        return (p[1] * u["x"][0] / (p[0] if scaled else 1.0))[None]
    if region == "y=-1":
        other = PointField(function, x + UP, model.problem.axes)
        return torch.stack([u.value[0] - other.value[0], u["y"][0] - other["y"][0] * u.value[1]])
    assert region == "probe"
    return torch.stack([u.value[0], u["x"][0]]) - PROBED[int((x == PROBES).all(dim=1).nonzero())]


OWNERS = {
    "interior": ("carried", "flux", "level"), "initial": ("start", "start"), "x=0": ("warm",), "x=1": ("out",),
    "y=-1": ("around", "around"), "probe": ("probe", "probe"), "data": (),
}  # fmt: skip
"""What the rows of each region belong to."""


def measured_points(problem: Problem, count: int = 4) -> PointSet:
    """Observations with weights and gaps, on two waves of which one has more points."""
    generator = torch.Generator().manual_seed(8)
    x = torch.rand(count, 3, generator=generator, dtype=torch.float64) - torch.tensor([0.0, 0.5, 0.0])
    given = torch.tensor([GIVEN[name][0] for name in problem.given], dtype=torch.float64)
    u, weight = torch.rand(2, count, 2, generator=generator, dtype=torch.float64)
    weight[0, 1] = weight[2, 0] = 0.0
    return PointSet(x, given.repeat(count, 1), u, 2, weight=2 * count * weight / weight.sum(), sizes=(1, count - 1))


def asked_by_hand(
    model: ConstrainedNetwork, theta: Tensor, points: Mapping[str, PointSet], roles: Mapping[str, str]
) -> tuple[Tensor, dict[str, tuple[tuple[str, ...], Tensor]]]:
    """f, and what the constraints of each region belong to, with their residuals (N, C)."""
    objective, constraints = theta.new_zeros(()), {}
    for region, part in points.items():
        if part.observed and roles.get("data", "objective") == "objective":
            values = [field_at(model, theta, p)(x) for x, p in zip(part.x, part.p, strict=True)]
            weight = 1.0 if part.weight is None else part.weight
            objective = objective + (weight * (torch.stack(values) - part.u).square()).mean()
        owners, kept = OWNERS[region], []
        rows = rows_by_hand(model, theta, region, part) if owners else theta.new_zeros(len(part), 0)
        for owner in dict.fromkeys(owners):
            own = [index for index, name in enumerate(owners) if name == owner]
            if roles.get(owner, "constraint") == "objective":
                objective = objective + rows[:, own].square().mean()
            elif roles.get(owner, "constraint") == "constraint":
                kept += own
        if kept:
            constraints[region] = tuple(owners[index] for index in kept), rows[:, kept]
    return objective, constraints
