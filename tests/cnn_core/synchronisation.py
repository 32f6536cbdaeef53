"""A guard that counts what would make the host wait for a GPU: numbers that it reads, and tensors made of its numbers.

On the CPU the same operations show: `_local_scalar_dense` is what `float`, `int` and `bool` of a tensor call, a mask as
an index calls `nonzero`, and a tensor of Python's numbers is lifted. Copies from device to device do not show where
there is one device. Torch's `meta` is another one, whose tensors have no numbers: what reads one raises there, and so
do masks, and tensors of Python's numbers within `vmap`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils import _pytree as tree
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = {
    "aten::_local_scalar_dense": "read",
    "aten::is_nonzero": "read",
    "aten::equal": "read",
    "aten::nonzero": "mask",
    "aten::masked_select": "mask",
    "aten::lift_fresh": "made",
}
"""What an operation counts as: a number `read`, a `mask` as an index, a tensor `made` of the host's numbers."""


class Waits(TorchDispatchMode):
    """Counts, while it is entered, what the host would wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if kind := WAITS.get(func._schema.name):
            self.counted[kind] += 1
        return func(*args, **(kwargs or {}))


COPIES = ("aten::_to_copy", "aten::copy_")
"""What copies a single number, too; others take a number of the CPU as it is."""


class FromHost(TorchDispatchMode):
    """Lists, while it is entered, the operations that take tensors of the CPU to another device."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        answer, name = func(*args, **(kwargs or {})), func._schema.name
        taken = [one for one in _tensors((args, kwargs)) if one.is_cpu and (one.dim() or name in COPIES)]
        if taken and not all(one.is_cpu for one in _tensors(answer)):
            self.listed.append(name)
        return answer


def _tensors(held: Any) -> list[Tensor]:
    return [one for one in tree.tree_leaves(held) if isinstance(one, Tensor)]
