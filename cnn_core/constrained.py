"""A constrained neural network: a network and the PDE that its outputs should obey, as functions of θ.

`ConstrainedNetwork` is the one place where network, problem and points meet. With residuals g(θ) and data loss f(θ):

    terms(θ) per point = [ℓ, g_1 … g_C],   f = mean ℓ,   ℓ = mean over the outputs of (u − u*)².

Axis names: N points, C constraints, O outputs, D coordinates, K parameters, P parameters of the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from cnn_core.clock import Clock
from cnn_core.derivatives import Field, Jet, Order, PointField
from cnn_core.functional import Layout, layout_of
from cnn_core.networks import LayeredNetwork, Trace
from cnn_core.problem import Problem
from cnn_core.streams import jet_of


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


@dataclass(frozen=True, eq=False)
class ConstrainedNetwork:
    """A network bound to a problem. `scaled` divides residual rows by the problem's scale; `taylor` allows Taylor mode.

    `network` is a module with `forward(x (N, D), p (N, K)) → (N, O)`. Our own networks (`LayeredNetwork`) take the
    Taylor-mode path whenever the residual reads derivatives up to second order (`path` says which).
    """

    problem: Problem
    network: nn.Module
    scaled: bool = True
    taylor: bool = True
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", layout_of(self.network))

    @property
    def path(self) -> str:
        """`layers` (Taylor mode) or `general` (nested differentiation of single points)."""
        layered = isinstance(self.network, LayeredNetwork) and self.problem.order <= Order.HESSIAN
        return "layers" if layered and self.taylor else "general"

    def predict(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """u_θ at x (N, D) for p (N, K) → (N, O), differentiable once in θ."""
        if isinstance(self.network, LayeredNetwork):
            return self._propagate(self.network, theta, x, p, Order.VALUE).streams[0]
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
        if not isinstance(self.network, LayeredNetwork) or self.path == "general":
            theta = theta if torch.is_grad_enabled() else theta.detach()
            with clock.section("residual"), torch.enable_grad():  # without, torch lacks second derivatives of SiLU
                prediction, residuals = torch.vmap(self._at_point, in_dims=(None, 0, 0))(theta, x, p)
            return Evaluation(prediction, residuals, None)
        with clock.section("forward"):
            layers = self._propagate(self.network, theta, x, p, self.problem.order)
        with clock.section("residual"):
            jet = jet_of(layers.streams, self.network.inputs, layers.trace.order)
            return Evaluation(jet.value, self._residuals_of(jet, x, p), layers)

    def _propagate(self, network: LayeredNetwork, theta: Tensor, x: Tensor, p: Tensor, order: Order) -> LayerPass:
        parameters = self.layout.unflatten(theta.detach())
        with torch.no_grad():
            streams, trace = network.propagate(parameters, x, p, order)
        layers = LayerPass(streams, trace, parameters)
        return layers._replace(streams=_Attached.apply(theta, self, layers))

    def point_terms(self, theta: Tensor, x: Tensor, p: Tensor, u: Tensor) -> Tensor:
        """[ℓ, g_1 … g_C] at one point, (1 + C,), by the general path; u (O,) is the data there."""
        prediction, residuals = self._at_point(theta, x, p)
        return torch.cat([(prediction - u).square().mean()[None], residuals])

    def point_field(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """[u_1 … u_O, g_1 … g_C] at one point, (O + C,), by the general path."""
        return torch.cat(self._at_point(theta, x, p))

    def _residuals_of(self, jet: Jet, x: Tensor, p: Tensor) -> Tensor:
        known = {name: tensor for name, tensor in jet._asdict().items() if tensor is not None}

        def at_point(known: dict[str, Tensor], x: Tensor, p: Tensor) -> Tensor:
            return self.problem.point_residuals(Jet(**known), x, p, scaled=self.scaled)  # type: ignore[arg-type]

        return torch.vmap(at_point)(known, x, p)

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
        ctx.model, ctx.layers = model, layers
        return layers.streams.view_as(layers.streams)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None, None]:
        network, layers = ctx.model.network, ctx.layers
        deltas = network.pull_back(layers.parameters, layers.trace, weights.unsqueeze(2))
        return ctx.model.layout.flatten(network.parameter_gradient(layers.trace, deltas)), None, None


def point_losses(prediction: Tensor, u: Tensor) -> Tensor:
    """ℓ: the data loss of every point, (N, O) and (N, O) → (N,)."""
    return (prediction - u).square().mean(dim=-1)
