"""Layered networks: a multilayer perceptron in x whose hidden layers may be modulated by p, layer by layer.

Before the first layer x may pass an embedding, behind the last one the outputs a transform; neither is trained.

A pass carries derivatives in x along with the values (`cnn_core.networks.streams`) and remembers what entered the
layers, so that any quantities of the outputs can be pulled back to them: this is what gradients and per-point
Jacobians are made of (`cnn_core.jacobian`).

Axis names: S streams, N points, D coordinates, K parameters of the family, Q quantities, O outputs.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from cnn_core.linear_algebra.layers import Affine, Layers, summed_rows
from cnn_core.networks.activations import ACTIVATIONS, Activation
from cnn_core.networks.embedding import Embedding
from cnn_core.networks.hard_values import Transform
from cnn_core.networks.parameters import Layout
from cnn_core.networks.products import multiply, multiply_back
from cnn_core.networks.streams import Carried, activate, pull_back, values_of


class LinearTrace(NamedTuple):
    """One linear layer z = W h + b during one pass: its parameters' names and what entered it, h (S, N, in).

    The bias enters stream 0 only, since its derivatives in x are zero.
    """

    weight: str
    bias: str
    inputs: Tensor


class HiddenTrace(NamedTuple):
    """A hidden layer in one pass: before and after its activation (S, N, width), and its rates r_l (1, N, width)."""

    before: Tensor
    after: Tensor
    rates: Tensor | None


class Trace(NamedTuple):
    """What a pass left behind, enough to pull quantities back to the layers; linear layers in the order they ran.

    `factor` (S, N, O or 1) is what the outputs of the last layer were multiplied by, if anything.
    """

    carried: Carried
    linears: list[LinearTrace]
    hidden: list[HiddenTrace]
    factor: Tensor | None = None

    def of_values(self) -> "Trace":
        """The part that quantities of the values alone, not of their derivatives in x, are pulled back through."""
        linears = [layer._replace(inputs=layer.inputs[:1]) for layer in self.linears]
        hidden = [HiddenTrace(before[:1], after[:1], rates) for before, after, rates in self.hidden]
        factor = None if self.factor is None else self.factor[:1]
        return Trace(values_of(self.carried.inputs), linears, hidden, factor)

    def at(self, points: slice) -> "Trace":
        """The part that belongs to some of the points."""
        linears = [layer._replace(inputs=layer.inputs[:, points]) for layer in self.linears]
        hidden = [
            HiddenTrace(before[:, points], after[:, points], None if rates is None else rates[:, points])
            for before, after, rates in self.hidden
        ]
        return Trace(self.carried, linears, hidden, None if self.factor is None else self.factor[:, points])

    def layers(self, deltas: Sequence[Tensor]) -> Layers:
        """Every linear layer's h and its δ."""
        return [(layer.inputs, delta) for layer, delta in zip(self.linears, deltas, strict=True)]

    def select(self, parameters: Mapping[str, Tensor]) -> list[Affine]:
        """Every linear layer's own among the named tensors."""
        return [Affine(parameters[layer.weight], parameters[layer.bias]) for layer in self.linears]

    def named(self, tensors: Sequence[Affine]) -> dict[str, Tensor]:
        """Every linear layer's tensors by the names of its parameters."""
        named: dict[str, Tensor] = {}
        for layer, (weight, bias) in zip(self.linears, tensors, strict=True):
            named |= {layer.weight: weight, layer.bias: bias}
        return named


class LayeredNetwork(nn.Module):
    """The module behind the networks that come with the package.

    `activation` is a name, or has one for each hidden layer. `transform` may be set at any time: u is then what it
    makes of the outputs.
    """

    FIRST: ClassVar[tuple[str, ...]] = ("hidden.0.weight", "hidden.0.bias")
    """The parameters of the first layer that sees x."""

    def __init__(
        self,
        inputs: int,
        parameters: int,
        outputs: int,
        widths: tuple[int, ...],
        activation: str | Sequence[Activation],
        *,
        modulated: bool,
        embedding: Embedding | None = None,
        transform: Transform | None = None,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.shape = inputs, parameters, outputs
        self.widths = widths
        named = isinstance(activation, str)
        self.activations = (ACTIVATIONS[activation],) * len(widths) if named else tuple(activation)
        self.embedding = embedding or Embedding(inputs, None)
        self.transform = transform
        features = self.embedding.width
        sizes = [features if modulated else features + parameters, *widths]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.modulation = nn.Linear(parameters, sum(widths)) if modulated else None
        self.output = nn.Linear(sizes[-1], outputs)

    @property
    def plain(self) -> bool:
        """Whether `propagate` is all that `forward` does: not with a `forward` of one's own, hooks or other layers."""
        own = type(self).forward is not LayeredNetwork.forward or type(self).propagate is not LayeredNetwork.propagate
        hooked = any(module._forward_hooks or module._forward_pre_hooks for module in self.modules())
        layers = [f"hidden.{index}" for index in range(len(self.widths))]
        layers += ["output"] if self.modulation is None else ["modulation", "output"]
        expected = {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
        trained = {name for name, parameter in self.named_parameters() if parameter.requires_grad}
        return not own and not hooked and trained == expected

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        """x (…, D), p (…, K) → u (…, O)."""
        leading = x.shape[:-1]
        count = prod(leading)  # of symbols, where torch exports the network for any number of points
        x, p = x.reshape(count, x.shape[-1]), p.reshape(count, p.shape[-1])
        streams, _ = self.propagate(dict(self.named_parameters()), x, p, values_of(self.inputs))
        return streams[0].reshape(*leading, -1)

    def propagate(
        self, parameters: Mapping[str, Tensor], x: Tensor, p: Tensor, carried: Carried
    ) -> tuple[Tensor, Trace]:
        """One pass with the given parameters at x (N, D), p (N, K): the outputs' streams (S, N, O) and the trace."""
        trace = Trace(carried, [], [])

        def apply(layer: str, streams: Tensor) -> Tensor:
            weight, bias = f"{layer}.weight", f"{layer}.bias"
            trace.linears.append(LinearTrace(weight, bias, streams))
            if len(streams) == 1:
                return linear(streams, parameters[weight], parameters[bias])
            value = linear(streams[:1], parameters[weight], parameters[bias])
            return torch.cat([value, linear(streams[1:], parameters[weight])])

        modulated = self.modulation is not None
        rates = apply("modulation", p[None]).split(self.widths, dim=-1) if modulated else [None] * len(self.widths)
        streams = self.embedding(x, None if modulated else p, carried)
        for index, rate in enumerate(rates):
            before = apply(f"hidden.{index}", streams)
            after = activate(before, self.activations[index], carried)
            trace.hidden.append(HiddenTrace(before, after, rate))
            streams = after if rate is None else after * rate
        streams = apply("output", streams)
        if self.transform is None:
            return streams, trace
        offset, factor = self.transform.streams(x, carried)
        return offset + multiply(factor, streams, carried), trace._replace(factor=factor)

    def pull_back(self, parameters: Mapping[str, Tensor], trace: Trace, weights: Tensor) -> list[Tensor]:
        """∂q/∂(output streams) (S, N, Q, O) → δ = ∂q/∂z (S, N, Q, out) of every linear layer, in the trace's order."""
        if trace.factor is not None:
            weights = multiply_back(weights, trace.factor.unsqueeze(2), trace.carried)
        deltas = [weights]
        on_rates: list[Tensor] = []
        above = "output"
        for index in reversed(range(len(self.hidden))):
            before, after, rate = trace.hidden[index]
            weights = deltas[-1] @ parameters[f"{above}.weight"]
            if rate is not None:
                on_rates.append((weights * after.unsqueeze(2)).sum(dim=0, keepdim=True))
                weights = weights * rate.unsqueeze(2)
            deltas.append(pull_back(weights, before, self.activations[index], trace.carried))
            above = f"hidden.{index}"
        modulation = [torch.cat(on_rates[::-1], dim=-1)] if on_rates else []
        return modulation + deltas[::-1]


class LayerPass(NamedTuple):
    """A pass: the outputs' streams (S, N, O), what the layers remember, and the parameters it ran with.

    `layout` says how θ (P,) is cut into them.
    """

    network: LayeredNetwork
    layout: Layout
    parameters: Mapping[str, Tensor]
    streams: Tensor
    trace: Trace

    def of_values(self) -> "LayerPass":
        """The part that quantities of the values alone are pulled back through."""
        return self._replace(streams=self.streams[:1], trace=self.trace.of_values())

    def pull_back(self, weights: Tensor) -> list[Tensor]:
        """∂q/∂(output streams) (S, N, Q, O) → δ (S, N, Q, out) of every linear layer."""
        return self.network.pull_back(self.parameters, self.trace, weights)

    def gradient(self, weights: Tensor) -> Tensor:
        """∂q/∂(output streams) (S, N, O) → ∂q/∂θ (P,), for one quantity q of all points."""
        deltas = self.pull_back(weights.unsqueeze(2))
        sums = [summed_rows(inputs, delta) for inputs, delta in self.trace.layers(deltas)]
        return self.layout.flatten(self.trace.named(sums))
