"""The functions that a problem is made of, and the error that says what is wrong with one."""

from collections.abc import Callable, Mapping

from torch import Tensor

from cnn_core.derivatives import Field

Residual = Callable[[Field, Tensor, Tensor], Mapping[str, Tensor]]
"""(u, x (D,), p (K,)) → named scalars, zero where u satisfies the PDE at x."""

Scale = Callable[[Tensor], Mapping[str, Tensor | float]]
"""p (K,) → the size by which each named residual is divided when it is scaled."""

Solution = Callable[[Tensor, Tensor], Tensor]
"""(x (D,), p (K,)) → u (O,)."""


class ProblemError(ValueError):
    """What is wrong with a problem, in one line; errors that a problem's own functions raise are none of these."""
