"""Conditions: what is known of u at some points only, such as boundary and initial values, or data.

    quantity(u, x, p) = values    at x (B, D),

where `quantity` is written like a problem's residual: for one point, against a field. u(0) = 0 and u'(0) = 1 are

    Condition(
        torch.tensor([[0.0]]),
        lambda u, x, p: {"u": u.value[0], "slope": u.gradient[0, 0]},
        values=torch.tensor([[0.0, 1.0]]),
    )
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_core.problems.problem import Residual


@dataclass(frozen=True, eq=False)
class Condition:
    """Named quantities of u at the points `x` (B, D), and their `values` there, (B, Q) or (1, Q) for all.

    Q counts the quantities, in the order in which `quantity` names them. Without `values` they should vanish.
    Raises ValueError where shapes do not fit or a number is not finite.
    """

    x: Tensor
    quantity: Residual
    values: Tensor | None = None

    def __post_init__(self) -> None:
        if self.x.dim() != 2 or len(self.x) == 0:
            raise ValueError(f"condition: x must have the shape (points, coordinates), got {tuple(self.x.shape)}")
        if self.values is not None and (self.values.dim() != 2 or len(self.values) not in (1, len(self.x))):
            raise ValueError(
                f"condition: values must have the shape ({len(self.x)}, quantities), got {tuple(self.values.shape)}"
            )
        for name, tensor in (("x", self.x), ("values", self.values)):
            if tensor is not None and not torch.isfinite(tensor).all():
                raise ValueError(f"condition: {name} holds a number that is not finite; leave such points out")
