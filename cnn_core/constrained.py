"""A constrained neural network: a network and the PDE that its outputs should obey, as functions of θ.

`ConstrainedNetwork` is the one place where network, problem and points meet. With residuals g(θ) and data loss f(θ):

    terms(θ) per point = [ℓ, g_1 … g_C],   f = mean ℓ,   ℓ = mean over the outputs of (u − u*)².

Axis names: N points, C constraints, O outputs, D coordinates, K parameters, P parameters of the network.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call, grad, jacrev

from cnn_core.clock import Clock
from cnn_core.compilation import compiled
from cnn_core.derivatives import Field, Jet, Order
from cnn_core.networks import LayeredNetwork, Layout, layout_of, parameter_vector
from cnn_core.networks.layered import LayerPass, Trace
from cnn_core.networks.streams import Carried, carried_for, jet_of, values_of
from cnn_core.problems import Problem


class Evaluation(NamedTuple):
    """One pass over points: predictions (N, O) and residuals (N, C), differentiable once in θ.

    `p` (N, K + E) are all parameters of every point, the unknown ones too, with what is attached to it. `layers` is
    None when the pass took the general path, through nested differentiation.
    """

    prediction: Tensor
    residuals: Tensor
    p: Tensor
    layers: LayerPass | None


class Pulled(NamedTuple):
    """A scalar objective, its gradient in θ (P,), and the pass's predictions (N, O) and residuals (N, C); no graph."""

    value: Tensor
    gradient: Tensor
    prediction: Tensor
    residuals: Tensor


Objective = Callable[..., Tensor]
"""(predictions (N, O), residuals (N, C), …) → a scalar."""

Propagate = Callable[..., tuple[Tensor, Trace]]
"""`LayeredNetwork.propagate`, perhaps compiled."""


@dataclass(frozen=True, eq=False)
class ConstrainedNetwork:
    """A network bound to a problem. `scaled` divides residual rows by the problem's scale; `taylor` allows Taylor mode.

    `compile` lets torch compile the Taylor-mode passes (`cnn_core.compilation`); the general path runs as it is.
    `functional` passes are pure functions of tensors, which `torch.func` may transform; not those of the general path.

    θ (P,) holds the network's parameters, and behind them a number for each of the problem's unknowns; `begin` is what
    a training starts from. The p of points are those parameters that are given, with what is attached to a point of the
    problem's region behind them; the network sees only the former.

    `network` is a module with `forward(x (N, D), p (N, K)) → (N, O)`; another number of outputs than the problem's
    raises ValueError, here or in the first pass. Our own networks (`LayeredNetwork`) take the Taylor-mode path unless
    the residual differentiates `u.function` itself (`path` says which).
    """

    problem: Problem
    network: nn.Module
    scaled: bool = True
    taylor: bool = True
    compile: bool = False
    functional: bool = False
    layout: Layout = field(init=False)
    layered: bool = field(init=False)
    """Whether passes go through the layers of a network of ours, which is as we built it and trained as a whole."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", layout_of(self.network))
        object.__setattr__(self, "layered", isinstance(self.network, LayeredNetwork) and self.network.plain)
        if self.layered and (problem := _shape_of(self.problem)) != (own := cast(LayeredNetwork, self.network).shape):
            raise ValueError(
                f"network: problem {self.problem.name!r} has {problem} (coordinates, parameters, outputs), and the "
                f"network was built for {own}; build it for those of the problem"
            )
        if self.compile:
            _ = self.carried  # found out by running the residual, which cannot happen while tracing

    @cached_property
    def carried(self) -> Carried:
        """The streams that a pass carries for the residual."""
        return carried_for(self.problem.reads)

    def on(self, region: str) -> "ConstrainedNetwork":
        """The same network, bound to what holds on a region of the problem."""
        return self.with_problem(self.problem.on(region))

    def with_problem(self, problem: Problem) -> "ConstrainedNetwork":
        """The same network, bound to another problem for the same inputs and outputs."""
        return self if problem is self.problem else replace(self, problem=problem)

    @property
    def begin(self) -> Tensor:
        """A copy of the network's parameters and the unknowns' starting values, as one vector θ (P,)."""
        theta, unknowns = parameter_vector(self.network), self.problem.unknowns.values()
        return torch.cat([theta, theta.new_tensor([one.begin for one in unknowns])]) if unknowns else theta

    def unknowns(self, theta: Tensor) -> Tensor:
        """The values (U,) of the problem's unknowns at θ (P,), in their order."""
        held = theta[self.layout.size :]
        values = [one.value(value) for one, value in zip(self.problem.unknowns.values(), held, strict=True)]
        return torch.stack(values) if values else held

    def of_network(self, theta: Tensor) -> Tensor:
        """The part of θ that the network's parameters are."""
        return theta[: self.layout.size] if self.problem.unknowns else theta

    def complete(self, theta: Tensor, p: Tensor) -> Tensor:
        """All parameters, (…, K + E), from those that points know."""
        return self.problem.complete(p, self.unknowns(theta)) if self.problem.unknowns else p

    def seen(self, p: Tensor) -> Tensor:
        """The columns of p that the network sees: the given parameters, without what is attached."""
        count = len(self.problem.given)
        return p if p.shape[-1] == count else p[..., :count]

    @property
    def paired(self) -> bool:
        """Whether the residual reads the field at a partner of each point, too."""
        return self.problem.region.partner is not None

    @property
    def whole(self) -> bool:
        """Whether a step is one pure function, to be compiled as one graph or transformed."""
        return (self.compile or self.functional) and self.pure

    @property
    def pure(self) -> bool:
        """Whether a step can be a pure function."""
        return self.path == "layers" and not self.paired and not self.problem.unknowns

    @property
    def path(self) -> str:
        """`layers` (Taylor mode) or `general` (nested differentiation of single points)."""
        return "layers" if self.layered and self.taylor and self.problem.order <= Order.HESSIAN else "general"

    def predict(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """u_θ at x (N, D) for p (N, K) → (N, O), differentiable once in θ."""
        if self.layered:
            return self._attached_pass(theta, x, p, values_of(x.shape[-1])).streams[0]
        prediction = functional_call(self.network, self.layout.unflatten(self.of_network(theta)), (x, self.seen(p)))
        self._require_outputs(prediction, len(x))
        return prediction

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
                prediction, residuals = torch.vmap(self.at_point, in_dims=(None, 0, 0))(theta, x, p)
            return Evaluation(prediction, residuals, p, None)
        with clock.section("forward"):
            layers = self._attached_pass(theta, *self.with_partners(x, p), self.carried)
        with clock.section("residual"):
            p = self.complete(theta, p)
            return Evaluation(*self.read(layers.streams, x, p), p, layers)

    def with_partners(self, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        """The points of a pass: x and p, and behind them the partners, where the residual reads these."""
        if (partner := self.problem.region.partner) is None:
            return x, p
        return torch.cat([x, torch.vmap(partner)(x)]), torch.cat([p, p])

    def gradient(
        self, theta: Tensor, x: Tensor, p: Tensor, objective: Objective, *arguments: Any, clock: Clock | None = None
    ) -> Pulled:
        """∂objective(predictions, residuals, *arguments)/∂θ at x (N, D) for p (N, K).

        `objective` is a module's function and its arguments are what varies: a compiled pass is compiled anew for
        every other function. Compiled, all of it counts as the section `step`.
        """
        clock = clock or Clock()
        if self.whole:
            arguments = tuple(theta.new_full((), one) if isinstance(one, float) else one for one in arguments)
            with clock.section("step"):
                return self.kernel(_gradient)(self, theta.detach(), x, p, objective, *arguments)
        evaluation = self.evaluate(theta, x, p, clock)
        with clock.section("step"):
            loss = objective(evaluation.prediction, evaluation.residuals, *arguments)
            gradient = torch.autograd.grad(loss, theta)[0]
        return Pulled(loss.detach(), gradient, evaluation.prediction.detach(), evaluation.residuals.detach())

    def gradients(
        self, theta: Tensor, x: Tensor, p: Tensor, values: Objective, *arguments: Any
    ) -> tuple[Tensor, Tensor]:
        """values(predictions, residuals, *arguments) (T,) and their gradients in θ (T, P), for `functional` passes."""
        layers = self.layer_pass(theta, x, p, self.carried)

        def of_streams(streams: Tensor) -> tuple[Tensor, Tensor]:
            found = values(*self.read(streams, x, p), *arguments)
            return found, found

        weights, found = jacrev(of_streams, has_aux=True)(layers.streams)
        return found, torch.stack([layers.gradient(one) for one in weights])

    def kernel(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A pure tensor function as it is to be called: compiled, if this network compiles."""
        return compiled(function) if self.compile else function

    def read(self, streams: Tensor, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions (N, O) and residuals (N, C) from the outputs' streams (S, N, O), for all parameters p (N, K + E).

        The streams of the points' partners, where there are any, stand behind those of the points.
        """
        jets = [_known(jet_of(part, self.carried)) for part in streams.split(len(x), dim=1)]
        if not self.problem.constraints:
            return jets[0]["value"], x.new_zeros(len(x), 0)

        def at_point(jets: list[dict[str, Any]], x: Tensor, p: Tensor) -> Tensor:
            own, *partners = (Jet(**known, coordinates=self.problem.axes) for known in jets)
            u = cast(Field, own._replace(partner=partners[0]) if partners else own)
            return self.problem.point_residuals(u, x, p, scaled=self.scaled)

        return jets[0]["value"], torch.vmap(at_point)(jets, x, p)

    def layer_pass(
        self, theta: Tensor, x: Tensor, p: Tensor, carried: Carried, *, propagate: Propagate = LayeredNetwork.propagate
    ) -> LayerPass:
        """A pass through the layers at θ (P,), x (N, D), p (N, K), as it is: for passes on the path `layers` only."""
        network, parameters = cast(LayeredNetwork, self.network), self.layout.unflatten(self.of_network(theta))
        return LayerPass(network, self.layout, parameters, *propagate(network, parameters, x, self.seen(p), carried))

    def _attached_pass(self, theta: Tensor, x: Tensor, p: Tensor, carried: Carried) -> LayerPass:
        if self.functional:
            return self.layer_pass(theta, x, p, carried)
        theta = self.of_network(theta)
        with torch.no_grad():
            propagate = self.kernel(LayeredNetwork.propagate)
            layers = self.layer_pass(theta.detach(), x, p, carried, propagate=propagate)
        return layers._replace(streams=_Attached.apply(theta, self, layers))

    def at_point(self, theta: Tensor, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        """u (O,) and g (C,) at one point, by the general path."""
        parameters, seen = self.layout.unflatten(self.of_network(theta)), self.seen(p)

        def function(at: Tensor) -> Tensor:
            prediction = functional_call(self.network, parameters, (at[None], seen[None]))
            self._require_outputs(prediction, 1)
            return prediction[0]

        field = self.problem.field_of(function, x)
        return field.value, self.problem.point_residuals(field, x, self.complete(theta, p), scaled=self.scaled)

    def _require_outputs(self, prediction: Tensor, points: int) -> None:
        """Other shapes would be stretched to that of the data."""
        expected = (points, len(self.problem.outputs))
        if prediction.shape != expected:
            raise ValueError(
                f"network: forward returned the shape {tuple(prediction.shape)} for {points} points of problem "
                f"{self.problem.name!r}; return {expected}, one column for each of its outputs"
            )


def _shape_of(problem: Problem) -> tuple[int, int, int]:
    return len(problem.axes), len(problem.given), len(problem.outputs)


def _known(jet: Jet) -> dict[str, Any]:
    """What a jet holds, by name."""
    left_out = ("coordinates", "partner")
    return {name: held for name, held in jet._asdict().items() if held is not None and name not in left_out}


class _Attached(torch.autograd.Function):
    """Ties a pass that ran without a graph to θ: its backward is the pass's own `gradient`."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, model: ConstrainedNetwork, layers: LayerPass) -> Tensor:
        ctx.save_for_backward(theta)
        ctx.model, ctx.layers = model, layers
        return layers.streams.view_as(layers.streams)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None, None]:
        _ = ctx.saved_tensors  # torch raises where θ was changed in place
        return ctx.model.kernel(LayerPass.gradient)(ctx.layers, weights), None, None


def _gradient(
    model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, objective: Objective, *arguments: Any
) -> Pulled:
    """`ConstrainedNetwork.gradient` as one graph."""
    layers = model.layer_pass(theta, x, p, model.carried)

    def value(streams: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        prediction, residuals = model.read(streams, x, p)
        loss = objective(prediction, residuals, *arguments)
        return loss, (loss, prediction, residuals)

    weights, (loss, prediction, residuals) = grad(value, has_aux=True)(layers.streams)
    return Pulled(loss, layers.gradient(weights), prediction, residuals)
