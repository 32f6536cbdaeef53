"""Residuals: the Taylor path against nested differentiation, for our networks and for a researcher's own."""

import math
from dataclasses import replace
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from cnn_core.clock import Clock
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field
from cnn_core.networks import LayeredNetwork, Modulated, Network
from cnn_core.problems import Condition, Problem, helmholtz
from tests.cnn_core.cases import (
    FAMILIES,
    NETWORKS,
    OwnNetwork,
    general_twin,
    grid_points,
    make_model,
    make_problem,
    relative,
    theta_of,
    third_order,
)


def hessian_problem(inputs: int) -> Problem:
    """Δu and the determinant or square of the Hessian, on a field of two outputs: reads every order at once."""

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {
            "bent": u.hessian.square().sum() + p[0] * u.gradient.sum() * u.value[0],
            "mixed": u.hessian[1, 0, -1] * u.value[1] - u.laplacian[0] * x[0],
        }

    interval = {f"x{axis}": (-1.0, 1.0) for axis in range(inputs)}
    return Problem("hessian", interval, ("amplitude",), ("u", "v"), residual, lambda x, p: p[0] * x[0].repeat(2).sin())


EVERY_PROBLEM = [*(make_problem(name) for name in FAMILIES), *(hessian_problem(inputs) for inputs in (1, 2, 3))]


IDS = [f"{problem.name}-{len(problem.axes)}" for problem in EVERY_PROBLEM]


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("problem", EVERY_PROBLEM, ids=IDS)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_both_paths_give_the_same_residuals_and_gradients(network: Network, problem: Problem, scaled: bool) -> None:
    model = make_model(problem, network, scaled=scaled)
    general = general_twin(model)
    assert (model.path, general.path) == ("layers", "general")
    points = grid_points(problem, 5)
    generator = torch.Generator().manual_seed(0)
    gradients = []
    shares = torch.randn(5, len(problem.constraints), generator=generator, dtype=torch.float64)
    passes = []
    for twin in (model, general):
        theta = theta_of(twin)
        evaluation = twin.evaluate(theta, points.x, points.p)
        passes.append(evaluation)
        total = (evaluation.residuals * shares).sum() + evaluation.prediction.square().sum()
        gradients.append(torch.autograd.grad(total, theta)[0])
    assert relative(passes[0].prediction.detach(), passes[1].prediction.detach()) < 1e-13
    assert relative(passes[0].residuals.detach(), passes[1].residuals.detach()) < 1e-12
    assert relative(*gradients) < 1e-12  # type: ignore[misc]


def test_residual_of_a_network_by_hand() -> None:
    """u = c + v tanh(w x + b) in one dimension, so u'' = −2 v w² tanh sech²; ν = 1.5."""
    model = make_model(helmholtz(), Modulated(widths=(1,), activation="tanh"))
    named = {
        "hidden.0.weight": 0.7, "hidden.0.bias": 0.2, "modulation.weight": [0.0, 0.0, 0.0], "modulation.bias": 1.0,
        "output.weight": -1.3, "output.bias": 0.4,
    }  # fmt: skip
    layout = model.layout
    tensors = {
        name: torch.tensor(named[name], dtype=torch.float64).reshape(shape)
        for name, shape in zip(layout.names, layout.shapes, strict=True)
    }
    theta = layout.flatten(tensors)
    x, p = torch.tensor([[0.6]], dtype=torch.float64), torch.tensor([[2.0, 1.5, 0.3]], dtype=torch.float64)
    t = math.tanh(0.7 * 0.6 + 0.2)
    bend, value = -1.3 * 0.49 * -2 * t * (1 - t * t), 0.4 - 1.3 * t
    expected = bend / (2 * math.pi * 1.5) ** 2 + value
    assert float(model.residuals(theta, x, p)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_researchers_own_module_takes_the_general_path(name: str) -> None:
    problem = make_problem(name)
    network = OwnNetwork(len(problem.axes), len(problem.parameters), len(problem.outputs))
    model = ConstrainedNetwork(problem, network)
    points = grid_points(problem, 4)
    evaluation = model.evaluate(theta_of(model), points.x, points.p)
    assert model.path == "general"
    torch.testing.assert_close(evaluation.prediction, network(points.x, points.p), rtol=1e-13, atol=0)
    assert evaluation.residuals.shape == (4, len(problem.constraints))
    for point in range(4):
        field = _differentiated(network, points.x[point], points.p[point])
        alone = problem.point_residuals(cast(Field, field), points.x[point], points.p[point], scaled=True)
        torch.testing.assert_close(evaluation.residuals[point], alone, rtol=1e-11, atol=1e-13)


class _differentiated:
    """A field of one point by plain nested autograd."""

    def __init__(self, network: nn.Module, x: Tensor, p: Tensor) -> None:
        leaf = x.clone().requires_grad_()
        self.value = network(leaf[None], p[None])[0]
        rows = [torch.autograd.grad(value, leaf, create_graph=True)[0] for value in self.value]
        self.gradient = torch.stack(rows)
        second = [[torch.autograd.grad(slope, leaf, retain_graph=True)[0] for slope in row] for row in rows]
        self.hessian = torch.stack([torch.stack(row) for row in second])
        self.laplacian = self.hessian.diagonal(dim1=-2, dim2=-1).sum(-1)
        self.function = lambda at: network(at[None], p[None])[0]

    def __getitem__(self, name: str) -> Tensor:
        raise NotImplementedError(name)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_residual_beyond_second_order_takes_the_general_path(network: Network) -> None:
    model = make_model(third_order(), network)
    points = grid_points(model.problem, 3)
    assert model.path == "general"
    theta = theta_of(model)
    residuals = model.residuals(theta, points.x, points.p)
    values = residuals.detach()
    for point in range(3):
        leaf = points.x[point].clone().requires_grad_()
        derivatives = [model.network(leaf[None], points.p[point][None])[0, 0]]
        for _ in range(3):
            derivatives.append(torch.autograd.grad(derivatives[-1], leaf, create_graph=True)[0][0])
        expected = derivatives[3] + (2 * math.pi * points.p[point, 1]) ** 2 * derivatives[1]
        assert float(values[point]) == pytest.approx(float(expected.detach()), rel=1e-10)
    assert torch.isfinite(torch.autograd.grad(residuals.sum(), theta)[0]).all()


def test_scaling_divides_the_residuals_by_the_problems_scale() -> None:
    points = grid_points(helmholtz(), 7)
    bare, scaled = (
        make_model(helmholtz(), Modulated(widths=(4,)), scaled=scaled).residuals(
            theta_of(make_model(helmholtz(), Modulated(widths=(4,)))), points.x, points.p
        )
        for scaled in (False, True)
    )
    assert relative(scaled[:, 0] * (2 * math.pi * points.p[:, 1]) ** 2, bare[:, 0]) < 1e-14


def test_evaluation_fills_in_the_clock() -> None:
    model = make_model(helmholtz(), Modulated(widths=(4,)))
    points = grid_points(helmholtz(), 7)
    for twin, sections in ((model, {"forward", "residual"}), (general_twin(model), {"residual"})):
        clock = Clock()
        twin.evaluate(theta_of(twin), points.x, points.p, clock)
        assert set(clock.seconds) == sections
        assert all(seconds > 0 for seconds in clock.seconds.values())


def test_a_network_of_ours_with_frozen_parameters_takes_the_general_path() -> None:
    problem = make_problem("helmholtz")
    model = make_model(problem, Modulated(widths=(4, 3)))
    points = grid_points(problem, 3)
    residuals, prediction = (f(theta_of(model), points.x, points.p) for f in (model.residuals, model.predict))
    model.network.get_parameter("hidden.0.weight").requires_grad_(False)
    frozen = ConstrainedNetwork(problem, model.network)
    assert (frozen.path, frozen.layout.size) == ("general", model.layout.size - 4)
    assert relative(frozen.residuals(theta_of(frozen), points.x, points.p), residuals) < 1e-12
    assert relative(frozen.predict(theta_of(frozen), points.x, points.p), prediction) < 1e-12


class Walled(LayeredNetwork):
    """A network of ours that is zero at x = ±1, whatever its parameters."""

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        return (1 - x.square()) * super().forward(x, p)


def doubled(module: nn.Module, entered: tuple[Tensor, ...], left: Tensor) -> Tensor:
    return 2 * left


def test_a_network_of_ours_that_was_changed_takes_the_general_path() -> None:
    problem = make_problem("helmholtz")
    points = grid_points(problem, 5)
    walled = Walled(1, 3, 1, (4, 3), "tanh", modulated=True).double()
    hooked = Modulated(widths=(4, 3)).build(inputs=1, parameters=3, outputs=1, seed=0).double()
    hooked.register_forward_hook(doubled)
    for network in (walled, hooked):
        model = ConstrainedNetwork(problem, network)
        assert model.path == "general"
        prediction = model.predict(theta_of(model), points.x, points.p)
        assert relative(prediction, network(points.x, points.p).detach()) < 1e-12


def test_parameters_that_move_before_the_backward_pass_are_noticed() -> None:
    model = make_model(make_problem("helmholtz"), Modulated(widths=(4, 3)))
    points, theta = grid_points(make_problem("helmholtz"), 5), theta_of(model)
    loss = model.residuals(theta, points.x, points.p).square().mean()
    with torch.no_grad():
        theta.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, theta)


@pytest.mark.parametrize("outputs", [2, 3])
def test_a_module_with_other_outputs_than_the_problem_is_refused(outputs: int) -> None:
    """Against data of one column its predictions would be stretched, and train on nonsense."""
    model = ConstrainedNetwork(helmholtz(), OwnNetwork(1, 3, outputs))
    points = grid_points(helmholtz(), 4)
    message = rf"forward returned the shape \(\d, {outputs}\) for \d points of problem 'helmholtz'; return \(\d, 1\)"
    for run in (model.predict, model.evaluate):
        with pytest.raises(ValueError, match=message):
            run(theta_of(model), points.x, points.p)


def test_a_module_without_an_axis_of_outputs_is_refused() -> None:
    class Flat(OwnNetwork):
        def forward(self, x: Tensor, p: Tensor) -> Tensor:
            return super().forward(x, p)[:, 0]

    model = ConstrainedNetwork(helmholtz(), Flat(1, 3, 1))
    points = grid_points(helmholtz(), 4)
    with pytest.raises(ValueError, match=r"forward returned the shape \(1,\) for 1 points"):
        model.evaluate(theta_of(model), points.x, points.p)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_network_of_ours_for_another_problem_is_refused(network: Network) -> None:
    module = network.build(inputs=1, parameters=3, outputs=2, seed=0)
    with pytest.raises(ValueError, match=r"'helmholtz' has \(1, 3, 1\) \(coordinates.* built for \(1, 3, 2\); build"):
        ConstrainedNetwork(helmholtz(), module)


def test_a_condition_in_the_interior_holds_there_beside_the_pde() -> None:
    inside = Condition("interior", lambda u, x, p: {"bound": u.value[0]})
    model = make_model(replace(helmholtz(), conditions={"inside": inside}), Modulated(widths=(4,)))
    points, theta = grid_points(model.problem, 3), theta_of(model)
    residuals = model.on("interior").residuals(theta, points.x, points.p)
    assert torch.equal(residuals[:, :1], model.residuals(theta, points.x, points.p))
    assert torch.equal(residuals[:, 1:], model.predict(theta, points.x, points.p))
    assert model.on("interior").on("interior").problem is model.problem.on("interior")
