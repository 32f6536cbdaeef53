"""Perceptrons: descriptions of the networks that come with the package, each of which `build`s a module.

* `dense`: an MLP on the concatenation (x, p).
* `modulated` (the workbook's ParameterizedDense): an MLP on x; after every hidden activation layer l is multiplied
  elementwise by r_l(p), the l-th slice of one linear layer p → (sum of widths).
"""

from dataclasses import dataclass
from typing import Literal

import torch

from cnn_core.networks.layered import LayeredNetwork


@dataclass(frozen=True)
class Dense:
    """An MLP on (x, p)."""

    widths: tuple[int, ...] = (50, 50, 50, 50, 50)
    activation: Literal["tanh", "swish"] = "swish"
    name: Literal["dense"] = "dense"

    def __post_init__(self) -> None:
        _require_widths(self.widths)

    def build(self, *, inputs: int, parameters: int, outputs: int, seed: int) -> LayeredNetwork:
        """A fresh network; the same seed gives the same parameters, and the global generator is left alone."""
        return _build(inputs, parameters, outputs, self.widths, self.activation, modulated=False, seed=seed)


@dataclass(frozen=True)
class Modulated:
    """An MLP on x whose hidden layers are multiplied by a linear function of p; without any p, they are left alone."""

    widths: tuple[int, ...] = (50, 50, 50, 50, 50)
    activation: Literal["tanh", "swish"] = "swish"
    name: Literal["modulated"] = "modulated"

    def __post_init__(self) -> None:
        _require_widths(self.widths)

    def build(self, *, inputs: int, parameters: int, outputs: int, seed: int) -> LayeredNetwork:
        """A fresh network; the same seed gives the same parameters, and the global generator is left alone."""
        return _build(inputs, parameters, outputs, self.widths, self.activation, modulated=parameters > 0, seed=seed)


def _build(
    inputs: int, parameters: int, outputs: int, widths: tuple[int, ...], activation: str, *, modulated: bool, seed: int
) -> LayeredNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LayeredNetwork(inputs, parameters, outputs, widths, activation, modulated=modulated)


def _require_widths(widths: tuple[int, ...]) -> None:
    if not widths or min(widths) < 1:
        raise ValueError(f"widths must be one or more positive whole numbers, got {list(widths)}")
