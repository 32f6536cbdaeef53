"""A constrained neural network: a network and the PDE that its outputs should obey, as functions of θ.

`ConstrainedNetwork` is the one place where network, problem and points meet. With residuals g(θ) and data loss f(θ):

    terms(θ) per point = [ℓ, g_1 … g_C],   f = mean ℓ,   ℓ = mean over the outputs of (u − u*)².

Axis names: N points, C constraints, O outputs, D coordinates, K parameters, P parameters of the network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call, grad

from cnn_core.clock import Clock
from cnn_core.compilation import compiled
from cnn_core.derivatives import Field, Jet, Order, PointField
from cnn_core.networks import LayeredNetwork, Layout, layout_of
from cnn_core.networks.layered import Trace
from cnn_core.networks.streams import jet_of
from cnn_core.problems import Problem


class LayerPass(NamedTuple):
    """A Taylor-mode pass: the outputs' streams (S, N, O), what the layers remember, and the parameters it ran with."""

    streams: Tensor
    trace: Trace
    parameters: Mapping[str, Tensor]


class Evaluation(NamedTuple):
    """One pass over points: predictions (N, O) and residuals (N, C), differentiable once in θ.

    `layers` is None when the pass took the general path, through nested differentiation.
    """

    prediction: Tensor
    residuals: Tensor
    layers: LayerPass | None


class Pulled(NamedTuple):
    """A scalar objective's gradient in θ (P,), and the pass's predictions (N, O) and residuals (N, C); no graph."""

    gradient: Tensor
    prediction: Tensor
    residuals: Tensor


Objective = Callable[..., Tensor]
"""(predictions (N, O), residuals (N, C), …) → a scalar."""


@dataclass(frozen=True, eq=False)
class ConstrainedNetwork:
    """A network bound to a problem. `scaled` divides residual rows by the problem's scale; `taylor` allows Taylor mode.

    `compile` lets torch compile the Taylor-mode passes (`cnn_core.compilation`); the general path runs as it is.

    `network` is a module with `forward(x (N, D), p (N, K)) → (N, O)`. Our own networks (`LayeredNetwork`) take the
    Taylor-mode path whenever the residual reads derivatives up to second order (`path` says which).
    """

    problem: Problem
    network: nn.Module
    scaled: bool = True
    taylor: bool = True
    compile: bool = False
    layout: Layout = field(init=False)
    layered: bool = field(init=False)
    """Whether passes go through the layers of a network of ours, which is as we built it and trained as a whole."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", layout_of(self.network))
        object.__setattr__(self, "layered", isinstance(self.network, LayeredNetwork) and self.network.plain)
        if self.compile:
            _ = self.problem.constraints  # found out by running the residual, which cannot happen while tracing

    @property
    def path(self) -> str:
        """`layers` (Taylor mode) or `general` (nested differentiation of single points)."""
        return "layers" if self.layered and self.taylor and self.problem.order <= Order.HESSIAN else "general"

    def predict(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """u_θ at x (N, D) for p (N, K) → (N, O), differentiable once in θ."""
        if self.layered:
            return self._propagate(theta, x, p, Order.VALUE).streams[0]
        return functional_call(self.network, self.layout.unflatten(theta), (x, p))

    def residuals(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """g at x (N, D) for p (N, K) → (N, C)."""
        return self.evaluate(theta, x, p).residuals

    def evaluate(self, theta: Tensor, x: Tensor, p: Tensor, clock: Clock | None = None) -> Evaluation:
        """Predictions and residuals in one pass, differentiable once in θ.

        `clock` gets the sections `forward` and `residual`; the general path cannot tell them apart and counts as
        `residual`.
        """
        clock = clock or Clock()
        if self.path == "general":
            theta = theta if torch.is_grad_enabled() else theta.detach()
            with clock.section("residual"), torch.enable_grad():  # without, torch lacks second derivatives of SiLU
                prediction, residuals = torch.vmap(self._at_point, in_dims=(None, 0, 0))(theta, x, p)
            return Evaluation(prediction, residuals, None)
        with clock.section("forward"):
            layers = self._propagate(theta, x, p, self.problem.order)
        with clock.section("residual"):
            return Evaluation(*self.read(layers.streams, x, p), layers)

    def gradient(
        self, theta: Tensor, x: Tensor, p: Tensor, objective: Objective, *arguments: Any, clock: Clock | None = None
    ) -> Pulled:
        """∂objective(predictions, residuals, *arguments)/∂θ at x (N, D) for p (N, K).

        `objective` is a module's function and its arguments are what varies: a compiled pass is compiled anew for
        every other function. Compiled, all of it counts as the section `step`.
        """
        clock = clock or Clock()
        if self.compile and self.path == "layers":
            arguments = tuple(theta.new_tensor(one) if isinstance(one, float) else one for one in arguments)
            with clock.section("step"):
                return self.kernel(_gradient)(self, theta.detach(), x, p, objective, *arguments)
        evaluation = self.evaluate(theta, x, p, clock)
        with clock.section("step"):
            loss = objective(evaluation.prediction, evaluation.residuals, *arguments)
            gradient = torch.autograd.grad(loss, theta)[0]
        return Pulled(gradient, evaluation.prediction.detach(), evaluation.residuals.detach())

    def kernel(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A pure tensor function as it is to be called: compiled, if this network compiles."""
        return compiled(function) if self.compile else function

    def read(self, streams: Tensor, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions (N, O) and residuals (N, C) from the outputs' streams (S, N, O)."""
        jet = jet_of(streams, x.shape[-1], self.problem.order)
        known = {name: tensor for name, tensor in jet._asdict().items() if tensor is not None}

        def at_point(known: dict[str, Tensor], x: Tensor, p: Tensor) -> Tensor:
            return self.problem.point_residuals(Jet(**known), x, p, scaled=self.scaled)  # type: ignore[arg-type]

        return jet.value, torch.vmap(at_point)(known, x, p)

    def _propagate(self, theta: Tensor, x: Tensor, p: Tensor, order: Order) -> LayerPass:
        network = cast(LayeredNetwork, self.network)
        parameters = self.layout.unflatten(theta.detach())
        with torch.no_grad():
            streams, trace = self.kernel(_propagate)(network, parameters, x, p, order)
        layers = LayerPass(streams, trace, parameters)
        return layers._replace(streams=_Attached.apply(theta, self, layers))

    def point_terms(self, theta: Tensor, x: Tensor, p: Tensor, u: Tensor) -> Tensor:
        """[ℓ, g_1 … g_C] at one point, (1 + C,), by the general path; u (O,) is the data there."""
        prediction, residuals = self._at_point(theta, x, p)
        return torch.cat([(prediction - u).square().mean()[None], residuals])

    def point_residuals(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """[g_1 … g_C] at one point, (C,), by the general path."""
        return self._at_point(theta, x, p)[1]

    def point_field(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """[u_1 … u_O, g_1 … g_C] at one point, (O + C,), by the general path."""
        return torch.cat(self._at_point(theta, x, p))

    def _at_point(self, theta: Tensor, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        parameters = self.layout.unflatten(theta)

        def function(at: Tensor) -> Tensor:
            return functional_call(self.network, parameters, (at[None], p[None]))[0]

        field = cast(Field, PointField(function, x))  # to type checkers a cached property is no property
        return field.value, self.problem.point_residuals(field, x, p, scaled=self.scaled)


class _Attached(torch.autograd.Function):
    """Ties a pass that ran without a graph to θ: its backward is the network's own `pull_back`."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, model: ConstrainedNetwork, layers: LayerPass) -> Tensor:
        ctx.save_for_backward(theta)  # so that torch notices when it is changed in place
        ctx.model, ctx.trace = model, layers.trace
        return layers.streams.view_as(layers.streams)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None, None]:
        parameters = ctx.model.layout.unflatten(ctx.saved_tensors[0].detach())
        return ctx.model.kernel(_pull)(ctx.model, parameters, ctx.trace, weights), None, None


def _propagate(
    network: LayeredNetwork, parameters: Mapping[str, Tensor], x: Tensor, p: Tensor, order: Order
) -> tuple[Tensor, Trace]:
    return network.propagate(parameters, x, p, order)


def _pull(model: ConstrainedNetwork, parameters: Mapping[str, Tensor], trace: Trace, weights: Tensor) -> Tensor:
    network = cast(LayeredNetwork, model.network)
    deltas = network.pull_back(parameters, trace, weights.unsqueeze(2))
    return model.layout.flatten(network.parameter_gradient(trace, deltas))


def _gradient(
    model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, objective: Objective, *arguments: Any
) -> Pulled:
    """`ConstrainedNetwork.gradient` as one graph."""
    parameters = model.layout.unflatten(theta)
    streams, trace = cast(LayeredNetwork, model.network).propagate(parameters, x, p, model.problem.order)

    def value(streams: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        prediction, residuals = model.read(streams, x, p)
        return objective(prediction, residuals, *arguments), (prediction, residuals)

    weights, (prediction, residuals) = grad(value, has_aux=True)(streams)
    return Pulled(_pull(model, parameters, trace, weights), prediction, residuals)


def point_losses(prediction: Tensor, u: Tensor) -> Tensor:
    """ℓ: the data loss of every point, (N, O) and (N, O) → (N,)."""
    return (prediction - u).square().mean(dim=-1)
