"""Perceptrons: descriptions of the networks that come with the package, each of which `build`s a module.

* `dense`: an MLP on the concatenation (x, p).
* `modulated` (the workbook's ParameterizedDense): an MLP on x; after every hidden activation layer l is multiplied
  elementwise by r_l(p), the l-th slice of one linear layer p → (sum of widths).
* `siren` (Sitzmann et al. 2020, "Implicit neural representations with periodic activation functions"): an MLP on (x, p)
  with sin(ω a) for activations, and weights drawn so that all layers have the same distribution.
* `fourier` (Tancik et al. 2020, "Fourier features let networks learn high frequency functions in low dimensional
  domains"): an MLP on (cos 2πBx, sin 2πBx, p), with random frequencies B that are not trained.

All of them take
* `normalise`: x is mapped from the domain's box to [−1, 1] first;
* `periodic`: coordinates in which u is periodic, with the box's length as period;
* `hard`: values of all outputs at the ends of coordinates, which hold whatever θ.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NotRequired, Protocol, TypedDict, Unpack

import torch
from torch import nn

from cnn_core.networks.activations import Activation, sine
from cnn_core.networks.embedding import Box, Embedding, Waves, fourier_features, periodic_waves, scaling_to_unit
from cnn_core.networks.hard_values import BoxValues, Ends, Wall, require_ends
from cnn_core.networks.layered import LayeredNetwork

ActivationName = Literal["tanh", "swish", "sine"]


class Shape(TypedDict):
    """What a network is built for: `box` has the ends of every coordinate, `coordinates` their names."""

    inputs: int
    parameters: int
    outputs: int
    seed: int
    box: NotRequired[Box | None]
    coordinates: NotRequired[Sequence[str]]


class Description(Protocol):
    """A description of a network. The same seed gives the same parameters; the global generator is left alone."""

    def build(self, **shape: Unpack[Shape]) -> nn.Module:
        """A fresh network u(x, p); without a box nothing is normalised.

        Raises ValueError where it does not suit the box and its coordinates.
        """
        ...


@dataclass(frozen=True)
class Dense:
    """An MLP on (x, p)."""

    widths: tuple[int, ...] = (50, 50, 50, 50, 50)
    activation: ActivationName = "swish"
    normalise: bool = True
    periodic: tuple[str, ...] = ()
    hard: Mapping[str, Ends] = field(default_factory=dict, hash=False)
    name: Literal["dense"] = "dense"

    def __post_init__(self) -> None:
        _require_sensible(self)

    def build(self, **shape: Unpack[Shape]) -> LayeredNetwork:
        """As in `Description`."""
        return _build(self, shape, self.activation)


@dataclass(frozen=True)
class Modulated:
    """An MLP on x whose hidden layers are multiplied by a linear function of p; without any p, they are left alone."""

    widths: tuple[int, ...] = (50, 50, 50, 50, 50)
    activation: ActivationName = "swish"
    normalise: bool = True
    periodic: tuple[str, ...] = ()
    hard: Mapping[str, Ends] = field(default_factory=dict, hash=False)
    name: Literal["modulated"] = "modulated"

    def __post_init__(self) -> None:
        _require_sensible(self)

    def build(self, **shape: Unpack[Shape]) -> LayeredNetwork:
        """As in `Description`."""
        return _build(self, shape, self.activation, modulated=shape["parameters"] > 0)


@dataclass(frozen=True)
class Siren:
    """An MLP on (x, p) with sin(omega · a) in its first layer and sin(hidden_omega · a) in the others."""

    widths: tuple[int, ...] = (50, 50, 50, 50, 50)
    omega: float = 30.0
    hidden_omega: float = 30.0
    normalise: bool = True
    periodic: tuple[str, ...] = ()
    hard: Mapping[str, Ends] = field(default_factory=dict, hash=False)
    name: Literal["siren"] = "siren"

    def __post_init__(self) -> None:
        _require_sensible(self)
        _require_positive(omega=self.omega, hidden_omega=self.hidden_omega)

    def build(self, **shape: Unpack[Shape]) -> LayeredNetwork:
        """As in `Description`."""
        activations = [sine(self.omega), *[sine(self.hidden_omega)] * (len(self.widths) - 1)]
        return _build(self, shape, activations, initialise=self._initialise)

    def _initialise(self, network: LayeredNetwork) -> None:
        """First W ~ U(±1/n), the others U(±√(6/n)/ω), for n inputs of a layer; biases as torch draws them."""
        first, *others = [*network.hidden, network.output]
        nn.init.uniform_(first.weight, -1 / first.in_features, 1 / first.in_features)
        for layer in others:
            bound = math.sqrt(6 / layer.in_features) / self.hidden_omega
            nn.init.uniform_(layer.weight, -bound, bound)


@dataclass(frozen=True)
class Fourier:
    """An MLP on (cos 2πBx, sin 2πBx, p): so many `features` of each kind, B ~ N(0, scale²), fixed by the seed."""

    widths: tuple[int, ...] = (50, 50, 50, 50, 50)
    activation: ActivationName = "swish"
    features: int = 64
    scale: float = 1.0
    normalise: bool = True
    periodic: tuple[str, ...] = ()
    hard: Mapping[str, Ends] = field(default_factory=dict, hash=False)
    name: Literal["fourier"] = "fourier"

    def __post_init__(self) -> None:
        _require_sensible(self)
        _require_positive(features=self.features, scale=self.scale)

    def build(self, **shape: Unpack[Shape]) -> LayeredNetwork:
        """As in `Description`."""
        return _build(self, shape, self.activation, waves=self._waves)

    def _waves(self, width: int) -> Waves:
        return fourier_features(width, self.features, self.scale)


Network = Dense | Modulated | Siren | Fourier


def _build(
    network: Network,
    shape: Shape,
    activation: str | Sequence[Activation],
    *,
    modulated: bool = False,
    waves: Callable[[int], Waves] | None = None,
    initialise: Callable[[LayeredNetwork], None] | None = None,
) -> LayeredNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(shape["seed"])
        module = LayeredNetwork(
            shape["inputs"],
            shape["parameters"],
            shape["outputs"],
            network.widths,
            activation,
            modulated=modulated,
            embedding=_embedding(network, shape, waves),
            transform=_transform(network, shape),
        )
        if initialise is not None:
            initialise(module)
        return module


def _embedding(network: Network, shape: Shape, waves: Callable[[int], Waves] | None) -> Embedding:
    inputs, box = shape["inputs"], shape.get("box")
    scaling = scaling_to_unit(box) if box is not None and network.normalise else None
    stages: list[Waves] = []
    if network.periodic:
        sides = _sides(network.periodic, "periodic", shape)
        stages.append(periodic_waves(inputs, {axis: high - low for axis, (low, high) in sides.items()}, scaling))
    if waves is not None:
        stages.append(waves(stages[-1].width if stages else inputs))
    return Embedding(inputs, scaling, stages)


def _transform(network: Network, shape: Shape) -> BoxValues | None:
    if not network.hard:
        return None
    sides = _sides(network.hard, "hard", shape)
    values = network.hard.values()
    return BoxValues(tuple(Wall(axis, *side, ends) for (axis, side), ends in zip(sides.items(), values, strict=True)))


def _sides(names: Iterable[str], option: str, shape: Shape) -> dict[int, tuple[float, float]]:
    """The places and the ends of the coordinates that an option names."""
    box, coordinates = shape.get("box"), tuple(shape.get("coordinates", ()))
    if box is None or len(coordinates) != len(box):
        raise ValueError(f"{option} needs the coordinates' ends and names; build the network with box and coordinates")
    for name in names:
        if name not in coordinates:
            raise ValueError(f"{option} names {name!r}, which is no coordinate; write one of: {', '.join(coordinates)}")
    return {coordinates.index(name): box[coordinates.index(name)] for name in names}


def _require_sensible(network: Network) -> None:
    widths, periodic = network.widths, network.periodic
    if not widths or min(widths) < 1:
        raise ValueError(f"widths must be one or more positive whole numbers, got {list(widths)}")
    if len(set(periodic)) < len(periodic):
        raise ValueError(f"periodic has a coordinate twice, got {list(periodic)}; name each once")
    if both := set(periodic) & set(network.hard):
        raise ValueError(f"{min(both)} is periodic and has hard values at its ends; choose one of them")
    require_ends(network.hard)


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
