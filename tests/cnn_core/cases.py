"""Problems, networks and points that many tests of the core share, all in float64."""

import math
from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import jacfwd

from cnn_core.constrained import ConstrainedNetwork, Evaluation
from cnn_core.construction import fresh
from cnn_core.derivatives import Field, Jet, Order, PointField
from cnn_core.jacobian import Jacobian
from cnn_core.linearisation import field_jacobian
from cnn_core.methods.method import Method, MiniBatch, Part, State, Step
from cnn_core.networks import Dense, Modulated, Network
from cnn_core.problems import PROBLEMS, PointSet, Problem, by_region, collocation_points, helmholtz
from cnn_core.tasks import Roles, Task, tasks

RANGES = {
    "amplitude": (0.2, 5.0), "frequency": (0.2, 5.0), "phase": (-0.5, 0.5),
    "u_infinity": (0.2, 2.0), "suction": (0.2, 1.0), "w_infinity": (0.2, 2.0), "diffusivity": (0.05, 1.0),
}  # fmt: skip
"""The parameters' ranges in the main experiments."""

FAMILIES = ("helmholtz", "pythagorean", "truth", "viscous-flow", "synthetic")
"""The shipped problems without conditions: waves in a box, on which tests of the machinery run."""

NETWORKS: dict[str, Network] = {
    f"{kind.__name__}-{activation}": kind(widths=(6, 5), activation=activation)
    for kind in (Dense, Modulated)
    for activation in ("tanh", "swish")
}


def field_of(function: Callable[[Tensor], Tensor], x: Tensor) -> Field:
    """A field given as a function of x, at one point."""
    return cast(Field, PointField(function, x))


def make_problem(name: str) -> Problem:
    """A registered problem, small."""
    return PROBLEMS[name](constraints=3) if name == "synthetic" else PROBLEMS[name]()


def grid_points(problem: Problem, count: int, *, seed: int = 0) -> PointSet:
    """Random points on waves picked from the main experiments' grid of ten values per parameter."""
    generator = torch.Generator().manual_seed(seed)
    ranges = torch.tensor([RANGES[name] for name in problem.parameters], dtype=torch.float64).reshape(-1, 2)
    steps = torch.randint(10, (count, len(ranges)), generator=generator) / 9
    p = ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * steps
    x = collocation_points(problem, count, "random", seed=seed + 1)
    return PointSet(x, p, torch.vmap(problem.solution)(x, p), count)


def make_model(problem: Problem, network: Network, *, seed: int = 0, scaled: bool = True) -> ConstrainedNetwork:
    return ConstrainedNetwork(problem, fresh(network, problem, seed=seed).double(), scaled=scaled)


def theta_of(model: ConstrainedNetwork) -> Tensor:
    return model.begin.requires_grad_()


def make_step(
    model: ConstrainedNetwork,
    points: PointSet | Mapping[str, PointSet],
    *,
    epoch: float = 0.0,
    theta: Tensor | None = None,
    roles: Roles | None = None,
) -> Step:
    """A step whose batch is the whole point set, of the interior or of every region."""
    regions = by_region(points)
    parts = [make_part(task, regions[task.region]) for task in tasks(model, regions, roles)]
    return Step(parts, theta_of(model) if theta is None else theta, epoch)


def make_part(task: Task, points: PointSet, index: Tensor | None = None) -> Part:
    """Some of these points, or all, as part of a step."""
    index = torch.arange(len(points)) if index is None else index
    weight = None if points.weight is None else points.weight[index]
    return Part(task, MiniBatch(points.x[index], points.constants[index], points.u[index], index, weight))


def start(
    method: Method,
    model: ConstrainedNetwork,
    points: PointSet | Mapping[str, PointSet],
    *,
    roles: Roles | None = None,
) -> State:
    """A method's state at the start of a training on these points."""
    regions = by_region(points)
    return method.start(tasks(model, regions, roles), regions)


def residual_jacobian(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor
) -> Jacobian:
    """J of all residuals, rows n·C + c."""
    outputs, constraints = evaluation.prediction.shape[1], evaluation.residuals.shape[1]
    return field_jacobian(model, theta, evaluation, x, p, outputs, outputs + constraints)


def relative(actual: Tensor, expected: Tensor) -> float:
    """|actual − expected| / |expected|, in the Euclidean norm."""
    return float(((actual - expected).norm() / expected.norm()).detach())


def random_rows(rows: int, columns: int = 300, *, seed: int = 0) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_same_jet(jet: Jet, expected: Jet, order: Order, tolerance: float = 1e-13) -> None:
    """Everything up to the order is there and agrees; nothing beyond is claimed, except a Laplacian from a Hessian."""
    assert relative(jet.value, expected.value) < tolerance
    present = {"gradient": Order.GRADIENT, "laplacian": Order.LAPLACIAN, "hessian": Order.HESSIAN}
    for name, needed in present.items():
        actual = getattr(jet, name)
        if order < needed:
            assert actual is None
        else:
            assert actual.shape == getattr(expected, name).shape
            assert relative(actual, getattr(expected, name)) < tolerance


class OwnNetwork(nn.Module):
    """What a researcher might bring: no layers of ours, a sine and a skip connection."""

    def __init__(self, inputs: int, parameters: int, outputs: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            self.first = nn.Linear(inputs + parameters, 5)
            self.frequencies = nn.Parameter(torch.linspace(0.5, 1.5, 5))
            self.second = nn.Linear(5 + inputs, outputs)
        self.double()

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        waves = torch.sin(self.frequencies * self.first(torch.cat([x, p], dim=-1)))
        return self.second(torch.cat([waves, x], dim=-1))


class Hidden(nn.Module):
    """A layered network whose layers cannot be seen from outside, so that it takes the general path."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        return self.inner(x, p)


def general_twin(model: ConstrainedNetwork) -> ConstrainedNetwork:
    """The same network and θ by the general path."""
    return ConstrainedNetwork(model.problem, Hidden(model.network), scaled=model.scaled)


def third_order() -> Problem:
    """u''' + (2πν)² u' = 0, which reads a derivative that only `u.function` can give; waves satisfy it."""

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        slope = jacfwd(u.function)
        third = jacfwd(jacfwd(slope))(x)
        return {"third": third[0, 0, 0, 0] + (2 * math.pi * p[1]) ** 2 * slope(x)[0, 0]}

    waves = helmholtz()
    return Problem("third-order", waves.coordinates, waves.parameters, waves.outputs, residual, waves.solution)
