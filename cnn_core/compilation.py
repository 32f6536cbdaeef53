"""Compiled passes: pure tensor functions, traced once and fused into few kernels by `torch.compile`.

A function is compiled once for each set of shapes it meets, which takes ten seconds to a minute. What was compiled is
kept on disk by torch (in /tmp, or where `TORCHINDUCTOR_CACHE_DIR` says), so the next process loads it in a few seconds,
and the next network of the same shape in this process pays nothing. Numbers that change between steps or trials enter
as tensors and compile nothing anew.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

BACKEND = "inductor"

OPTIONS: Mapping[str, Any] = {
    "cpp_wrapper": not torch.cuda.is_available(),  # no Python between kernels; on a GPU it would need the CUDA toolkit
    "guard_filter_fn": torch.compiler.skip_guard_on_globals_unsafe,  # no module is rewritten while it runs
}

MOST_VARIANTS = 64
"""How many shapes of one function a process compiles; torch's own number is smaller."""


class CompilationError(ValueError):
    """A pass could not be compiled: no C++ compiler, a residual that torch cannot trace, or too many shapes."""


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, compiled when it is first called. Raises CompilationError where that fails."""
    from torch._dynamo import exc  # takes two seconds, which only those who compile should pay

    graph = torch.compile(  # pyright: ignore[reportCallIssue]
        function, backend=BACKEND, fullgraph=True, dynamic=False, recompile_limit=MOST_VARIANTS, options=dict(OPTIONS)
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
                f"compile: {function.__name__} met more than {MOST_VARIANTS} shapes in this process; let batches have "
                "fewer sizes, or write compile: false"
            ) from error

    return call
