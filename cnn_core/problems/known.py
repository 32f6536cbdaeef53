"""Unknowns that are known by now: a projection holds fixed what a training has found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from cnn_core.problems.problem import Problem, unknown


def with_known(problem: Problem, values: Tensor) -> Problem:
    """The same problem with these values (U,) of its unknowns: its parameters are those that are given.

    An exact solution is left out, which holds for the true values.
    """
    if not problem.unknowns:
        return problem

    def completed(function: Callable[..., Any]) -> Callable[..., Any]:
        """Of a function whose last argument is p."""

        def of_given(*arguments: Any) -> Any:
            *others, p = arguments
            return function(*others, problem.complete(p, values.to(dtype=p.dtype, device=p.device)))

        return of_given

    conditions = {
        key: replace(one, quantity=completed(one.quantity), scale=one.scale and completed(one.scale))
        for key, one in problem.conditions.items()
    }
    return replace(
        problem,
        parameters=problem.given,
        unknowns={},
        residual=completed(problem.residual),
        solution=unknown,
        scale=problem.scale and completed(problem.scale),
        conditions=conditions,
    )
