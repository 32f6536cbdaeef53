"""Conditions: what holds beside the PDE, on a part of the domain or at some points: boundary and initial values, data.

    quantity(u, x, p) = values    on a region,

where `quantity` is written like a problem's residual: for one point, against a field. On a boundary it may read
`u.normal` (D,), the outward normal there; with a `partner` it may read `u.partner`, the field at partner(x). The ends
of a string that is fixed at x = 0, insulated at x = 1, and periodic in y are

    Condition("x=0", lambda u, x, p: {"u": u.value[0]})
    Condition("x=1", lambda u, x, p: {"flux": u.gradient[0] @ u.normal})
    Condition("y=0", lambda u, x, p: {"jump": u.value[0] - u.partner.value[0]}, partner=opposite)

for `opposite = lambda x: torch.stack([x[0], x[1] + 1.0])`,
and u(0) = 0, u'(0) = 1 are

    Condition(
        torch.tensor([[0.0]]),
        lambda u, x, p: {"u": u.value[0], "slope": u.gradient[0, 0]},
        values=torch.tensor([[0.0, 1.0]]),
    )
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_core.problems.functions import ProblemError, Residual, Scale

Partner = Callable[[Tensor], Tensor]
"""x (D,) → x' (D,)."""


@dataclass(frozen=True, eq=False)
class Condition:
    """Named quantities of u `on` a region of the domain, or at points (B, D), and their `values` there.

    `values` are (1, Q) for all points, or (B, Q); Q counts the quantities, in the order in which `quantity` names them.
    Without `values` they should vanish. `scale` is like a problem's. Raises ProblemError where shapes do not fit or a
    number is not finite.
    """

    on: str | Tensor
    quantity: Residual
    values: Tensor | None = None
    scale: Scale | None = None
    partner: Partner | None = None

    @property
    def at_points(self) -> bool:
        """Whether it is set at points of its own."""
        return not isinstance(self.on, str)

    def region(self, key: str) -> str:
        """The region that it is set on: points of its own are one that is called like the condition, `key`."""
        return self.on if isinstance(self.on, str) else key

    def __post_init__(self) -> None:
        points = 1 if isinstance(self.on, str) else len(self.on)
        if isinstance(self.on, Tensor) and (self.on.dim() != 2 or points == 0):
            raise ProblemError(f"condition: on must have the shape (points, coordinates), got {tuple(self.on.shape)}")
        if self.values is not None and (self.values.dim() != 2 or len(self.values) not in (1, points)):
            raise ProblemError(
                f"condition: values must have the shape ({points}, quantities), got {tuple(self.values.shape)}"
            )
        for name, tensor in (("on", self.on), ("values", self.values)):
            if isinstance(tensor, Tensor) and not torch.isfinite(tensor).all():
                raise ProblemError(f"condition: {name} holds a number that is not finite; leave such points out")
