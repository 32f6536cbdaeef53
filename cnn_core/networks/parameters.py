"""A network as a function of its parameters.

Constraint methods do linear algebra on the parameters, so everything here works on one flat vector θ of shape (P,).
`Layout` remembers how θ is cut into the named tensors that a network's layers read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """Names and shapes of a network's parameters, in the order in which they stand in θ."""

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return sum(prod(shape) for shape in self.shapes)

    def flatten(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Named tensors → θ (P,)."""
        return torch.cat([parameters[name].reshape(-1) for name in self.names])

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """θ (P,) → named tensors that are views of θ, so that gradients flow back to it."""
        pieces = theta.split([prod(shape) for shape in self.shapes])
        return {name: piece.view(shape) for name, shape, piece in zip(self.names, self.shapes, pieces, strict=True)}


def layout_of(module: nn.Module) -> Layout:
    """The layout of a module's trainable parameters."""
    named = [(name, tensor.shape) for name, tensor in module.named_parameters() if tensor.requires_grad]
    return Layout(tuple(name for name, _ in named), tuple(shape for _, shape in named))


def parameter_vector(module: nn.Module) -> Tensor:
    """A copy of a module's trainable parameters as one vector θ (P,), without a graph."""
    return layout_of(module).flatten(dict(module.named_parameters())).detach().clone()
