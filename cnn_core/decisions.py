"""Who decides what a number in the middle of a step decides: the host, or the numbers themselves.

On the CPU the host looks at a number and leaves out what is not needed. A GPU runs behind the host, and a look waits
until it has caught up, which costs more than a network's whole step; there both ways are computed, and a `where` picks.
So it is where steps are stacked or recorded, too. All who may decide ask here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_away_from_host: ContextVar[bool] = ContextVar("_away_from_host", default=False)
_stacked: ContextVar[bool] = ContextVar("_stacked", default=False)


def host_decides(like: Tensor) -> bool:
    """Whether the host may look at such numbers in the middle of a step."""
    return like.device.type == "cpu" and not _away_from_host.get()


def stacked() -> bool:
    """Whether tensors are stacks of several trainings', for which torch lacks some operations in place."""
    return not torch.compiler.is_compiling() and _stacked.get()


@contextmanager
def away_from_host(*, stacks: bool = False) -> Iterator[None]:
    """Within, numbers decide for themselves, on the CPU as well; those of `stacks` do anyway."""
    tokens = _away_from_host.set(True), _stacked.set(stacks)
    try:
        yield
    finally:
        _away_from_host.reset(tokens[0])
        _stacked.reset(tokens[1])


def surely(condition: Tensor | bool) -> bool:
    """Whether a condition holds, as far as the host may look; what it may not see does not hold surely."""
    if isinstance(condition, bool):
        return condition
    return host_decides(condition) and bool(condition)


def chosen(condition: Tensor | bool, then: Tensor, otherwise: Tensor) -> Tensor:
    """`then` where a condition, one number, holds, and `otherwise` where it does not; shapes are the same."""
    if isinstance(condition, bool) or host_decides(condition):
        return then if condition else otherwise
    return torch.where(condition, then, otherwise)
