"""A constrained neural network: a network and the PDE that its outputs should obey, as functions of θ.

`ConstrainedNetwork` is the one place where network, problem and points meet. With residuals g(θ) and data loss f(θ):

    terms(θ) per point = [ℓ, g_1 … g_C],   f = mean ℓ,   ℓ = mean over the outputs of (u − u*)².

Axis names: N points, C constraints, O outputs, D coordinates, K parameters, P parameters of the network.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cnn_core.clock import Clock
from cnn_core.derivatives import Jet, Order, PointField
from cnn_core.functional import Layout, layout_of
from cnn_core.networks import LayeredNetwork, LinearTrace
from cnn_core.problem import Problem


class Evaluation(NamedTuple):
    """One pass over points: predictions (N, O), residuals (N, C), and the layers' trace.

    `trace` is None when the pass took the general path, through nested differentiation.
    """

    prediction: Tensor
    residuals: Tensor
    trace: list[LinearTrace] | None


@dataclass(frozen=True, eq=False)
class ConstrainedNetwork:
    """A network bound to a problem. `scaled` divides residual rows by the problem's scale.

    `network` is a module with `forward(x (N, D), p (N, K)) → (N, O)`. Our own networks (`LayeredNetwork`) take the
    Taylor-mode path whenever the residual reads derivatives up to second order (`path` says which).
    """

    problem: Problem
    network: nn.Module
    scaled: bool = True
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", layout_of(self.network))

    @property
    def path(self) -> str:
        """`layers` (Taylor mode) or `general` (nested differentiation of single points)."""
        layered = isinstance(self.network, LayeredNetwork) and self.problem.order <= Order.HESSIAN
        return "layers" if layered else "general"

    def predict(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """u_θ at x (N, D) for p (N, K) → (N, O)."""
        return functional_call(self.network, self.layout.unflatten(theta), (x, p))

    def residuals(self, theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """g at x (N, D) for p (N, K) → (N, C)."""
        return self.evaluate(theta, x, p).residuals

    def evaluate(self, theta: Tensor, x: Tensor, p: Tensor, clock: Clock | None = None) -> Evaluation:
        """Predictions and residuals in one pass, differentiable in θ.

        `clock` gets the sections `forward` and `residual`; the general path cannot tell them apart and counts as `residual`.
        """
        clock = clock or Clock()
        if isinstance(self.network, LayeredNetwork) and self.path == "layers":
            with clock.section("forward"):
                jet, trace = self.network.propagate(self.layout.unflatten(theta), x, p, self.problem.order)
            with clock.section("residual"):
                return Evaluation(jet.value, self._residuals_of(jet, x, p), trace)
        with clock.section("residual"):
            prediction, residuals = torch.vmap(self._at_point, in_dims=(None, 0, 0))(theta, x, p)
        return Evaluation(prediction, residuals, None)

    def point_terms(self, theta: Tensor, x: Tensor, p: Tensor, u: Tensor) -> Tensor:
        """[ℓ, g_1 … g_C] at one point, (1 + C,), by the general path; u (O,) is the data there."""
        prediction, residuals = self._at_point(theta, x, p)
        return torch.cat([(prediction - u).square().mean()[None], residuals])

    def _residuals_of(self, jet: Jet, x: Tensor, p: Tensor) -> Tensor:
        known = {name: tensor for name, tensor in jet._asdict().items() if tensor is not None}

        def at_point(known: dict[str, Tensor], x: Tensor, p: Tensor) -> Tensor:
            return self.problem.point_residuals(Jet(**known), x, p, scaled=self.scaled)  # type: ignore[arg-type]

        return torch.vmap(at_point)(known, x, p)

    def _at_point(self, theta: Tensor, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        parameters = self.layout.unflatten(theta)

        def function(at: Tensor) -> Tensor:
            return functional_call(self.network, parameters, (at[None], p[None]))[0]

        field = PointField(function, x)
        return field.value, self.problem.point_residuals(field, x, p, scaled=self.scaled)


def point_losses(prediction: Tensor, u: Tensor) -> Tensor:
    """ℓ: the data loss of every point, (N, O) and (N, O) → (N,)."""
    return (prediction - u).square().mean(dim=-1)
