"""Networks: u_θ(x, p), a field in x that depends on the parameters p of the problem's family.

* `dense`: an MLP on the concatenation (x, p).
* `modulated` (the workbook's ParameterizedDense): an MLP on x; after every hidden activation layer l is multiplied
  elementwise by r_l(p), the l-th slice of one linear layer p → (sum of widths).

Both are one `LayeredNetwork`, which carries derivatives in x along with the values (`cnn_core.derivatives`) and can show
what entered and left each of its linear layers, which is what per-point gradients are made of (`cnn_core.jacobian`).
A researcher's own `nn.Module` with `forward(x, p)` works wherever a network is asked for, by a more general path.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from cnn_core.derivatives import Activation, Jet, Order, activate_streams, jet_of, seed_streams


def _tanh(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    value = torch.tanh(a)
    first = 1 - value.square()
    return value, first, -2 * value * first


def _swish(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    gate = torch.sigmoid(a)
    slope = gate * (1 - gate)
    return a * gate, gate + a * slope, slope * (2 + a * (1 - 2 * gate))


ACTIVATIONS: Mapping[str, Activation] = {
    "tanh": Activation(torch.tanh, _tanh),
    "swish": Activation(nn.functional.silu, _swish),
}


class LinearTrace(NamedTuple):
    """One linear layer during one pass: its parameters' names, what entered (S, N, in) and what left (S, N, out).

    The bias enters stream 0 only, since its derivatives in x are zero.
    """

    weight: str
    bias: str
    inputs: Tensor
    outputs: Tensor


class LayeredNetwork(nn.Module):
    """The module behind `dense` and `modulated`."""

    def __init__(
        self, inputs: int, parameters: int, outputs: int, widths: tuple[int, ...], activation: str, *, modulated: bool
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.widths = widths
        self.activation = ACTIVATIONS[activation]
        sizes = [inputs if modulated else inputs + parameters, *widths]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.modulation = nn.Linear(parameters, sum(widths)) if modulated else None
        self.output = nn.Linear(sizes[-1], outputs)

    def forward(self, x: Tensor, p: Tensor) -> Tensor:
        """x (…, D), p (…, parameters) → u (…, O)."""
        leading = x.shape[:-1]
        x, p = x.reshape(-1, x.shape[-1]), p.reshape(-1, p.shape[-1])
        jet, _ = self.propagate(dict(self.named_parameters()), x, p, Order.VALUE)
        return jet.value.reshape(*leading, -1)

    def propagate(
        self, parameters: Mapping[str, Tensor], x: Tensor, p: Tensor, order: Order
    ) -> tuple[Jet, list[LinearTrace]]:
        """One pass with the given parameters: the jet of u at x (N, D) for p (N, parameters), and every linear layer's trace."""
        trace: list[LinearTrace] = []

        def apply(layer: str, streams: Tensor) -> Tensor:
            weight, bias = f"{layer}.weight", f"{layer}.bias"
            outputs = linear(streams, parameters[weight])
            outputs = (
                torch.cat([outputs[:1] + parameters[bias], outputs[1:]])
                if len(outputs) > 1
                else (outputs + parameters[bias])
            )
            trace.append(LinearTrace(weight, bias, streams, outputs))
            return outputs

        rates = apply("modulation", p[None]).split(self.widths, dim=-1) if self.modulation is not None else None
        streams = seed_streams(x, None if rates is not None else p, order)
        for index in range(len(self.hidden)):
            streams = activate_streams(apply(f"hidden.{index}", streams), self.activation, self.inputs, order)
            if rates is not None:
                streams = streams * rates[index]
        return jet_of(apply("output", streams), self.inputs, order), trace


@dataclass(frozen=True)
class Dense:
    """An MLP on (x, p)."""

    widths: tuple[int, ...] = (50, 50, 50, 50, 50)
    activation: Literal["tanh", "swish"] = "swish"
    name: Literal["dense"] = "dense"

    def __post_init__(self) -> None:
        _require_widths(self.widths)

    def build(self, *, inputs: int, parameters: int, outputs: int, seed: int) -> LayeredNetwork:
        """A freshly initialised network; the same seed gives the same parameters and leaves the global generator alone."""
        return _build(inputs, parameters, outputs, self.widths, self.activation, modulated=False, seed=seed)


@dataclass(frozen=True)
class Modulated:
    """An MLP on x whose hidden layers are multiplied by a linear function of p."""

    widths: tuple[int, ...] = (50, 50, 50, 50, 50)
    activation: Literal["tanh", "swish"] = "swish"
    name: Literal["modulated"] = "modulated"

    def __post_init__(self) -> None:
        _require_widths(self.widths)

    def build(self, *, inputs: int, parameters: int, outputs: int, seed: int) -> LayeredNetwork:
        """A freshly initialised network; the same seed gives the same parameters and leaves the global generator alone."""
        return _build(inputs, parameters, outputs, self.widths, self.activation, modulated=True, seed=seed)


NETWORKS = {"dense": Dense, "modulated": Modulated}

Network = Dense | Modulated


def _build(
    inputs: int, parameters: int, outputs: int, widths: tuple[int, ...], activation: str, *, modulated: bool, seed: int
) -> LayeredNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LayeredNetwork(inputs, parameters, outputs, widths, activation, modulated=modulated)


def _require_widths(widths: tuple[int, ...]) -> None:
    if not widths or min(widths) < 1:
        raise ValueError(f"widths must be one or more positive whole numbers, got {list(widths)}")
