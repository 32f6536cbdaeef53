"""Compiled passes: pure tensor functions, traced once and fused into few kernels by `torch.compile`.

A function is compiled once for each set of shapes it meets, and of constants that a residual holds, which takes ten
seconds to a minute or two. What was compiled is kept on disk by torch (in /tmp, or where `TORCHINDUCTOR_CACHE_DIR`
says), so the next process loads it in a few seconds, and the next network of the same shape in this process pays
nothing. Numbers that change between steps, and hyperparameters, enter as tensors and compile nothing anew.

torch 2.13 checks no object of an argument that the function met as a global before, and takes the same graph whatever
the argument holds. So a function reads its arguments first, or an object of its own in place of the global.
"""

from collections.abc import Callable, Sequence
from functools import cache
from inspect import signature
from typing import Any

import torch

BACKEND = "inductor"

OUR_GLOBALS = ("G['__import_torch", "G['__import_cnn_core", "G['__builtins_dict")
"""Names of globals of torch's and our own modules, which nobody rebinds. A residual's module may well be rebound."""

MOST_VARIANTS = 64
"""How many variants of one function a process compiles; torch's own number is smaller."""


class CompilationError(ValueError):
    """A pass could not be compiled: no C++ compiler, a residual that torch cannot trace, or too many shapes."""


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, compiled when it is first called. Raises CompilationError where that fails."""
    from torch._dynamo import config, exc  # takes two seconds, which only those who compile should pay

    limit: dict[str, Any] = {"recompile_limit": MOST_VARIANTS}
    if "recompile_limit" not in signature(torch.compile).parameters:  # an older torch has one for all functions
        limit, config.recompile_limit = {}, max(config.recompile_limit, MOST_VARIANTS)
    options = {"guard_filter_fn": _worth_checking, "cpp_wrapper": not torch.cuda.is_available()}  # needs CUDA's toolkit
    graph = torch.compile(  # pyright: ignore[reportCallIssue]
        function, backend=BACKEND, fullgraph=True, dynamic=False, options=options, **limit
    )

    def call(*arguments: Any) -> Any:
        try:
            return graph(*arguments)
        except exc.TorchDynamoException as error:
            reason = " ".join(str(error).split("\n\n")[0].split())
            raise CompilationError(
                f"compile: {function.__name__} cannot be compiled ({reason}); install a C++ compiler such as g++ if "
                "none is there, or write compile: false"
            ) from error
        except exc.FailOnRecompileLimitHit as error:
            raise CompilationError(
                f"compile: {function.__name__} met more than {MOST_VARIANTS} shapes, or constants of residuals, in "
                "this process; let batches have fewer sizes, or write compile: false"
            ) from error

    return call


def _worth_checking(guards: Sequence[Any]) -> list[bool]:
    """Which of a graph's assumptions are checked at every call."""
    return [not (guard.is_global and guard.name.removeprefix("dict(").startswith(OUR_GLOBALS)) for guard in guards]
