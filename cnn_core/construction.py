"""A fresh network for a problem: built for its coordinates, parameters and outputs, and for its box.

Axis names: N points, D coordinates, K parameters, O outputs.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from cnn_core.networks import Description, Shape, layout_of
from cnn_core.problems import Problem

POINTS = 3
"""At which a network of one's own is tried."""

ALIKE = 1e-2
"""Relative to each other, numbers of the lowest precision that differ by less are the same."""


def fresh(network: Description, problem: Problem, *, seed: int) -> nn.Module:
    """The network that a description means for this problem. Raises ValueError where it does not suit it."""
    return network.build(
        inputs=len(problem.axes),
        parameters=len(problem.given),
        outputs=len(problem.outputs),
        seed=seed,
        box=tuple(problem.box.values()),
        coordinates=problem.axes,
    )


def seeded(make: Callable[[], object], shape: Shape, *, name: str) -> nn.Module:
    """The network that somebody's function makes, from the seed of the shape; the global generator is left alone.

    Raises ValueError, which calls it `name`, unless it is a module that can be trained, with `forward(x (N, D), p
    (N, K)) → (N, O)`; and whatever `make` raises.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(shape["seed"])
        module = make()
    if not isinstance(module, nn.Module):
        raise ValueError(f"{name} returned a {type(module).__name__}; return a torch.nn.Module")
    if any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        raise ValueError(f"{name} has layers whose shape is not known yet; write e.g. nn.Linear, not nn.LazyLinear")
    _require_one_name(module, name)
    if not layout_of(module).size:
        raise ValueError(f"{name} has no parameter that is trained; make its weights nn.Parameter, with requires_grad")
    _require_outputs(module, name, shape)
    return module


def _require_one_name(module: nn.Module, name: str) -> None:
    """No layer with parameters stands at two places, between which `torch.func.functional_call` mixes them up."""
    found: dict[nn.Module, str] = {}
    for place, layer in module.named_modules(remove_duplicate=False):
        if next(layer.parameters(recurse=False), None) is None:
            continue
        if (first := found.setdefault(layer, place)) != place:
            raise ValueError(f"{name} has one layer at {first} and at {place}; keep it at one, and call it twice")


def _require_outputs(module: nn.Module, name: str, shape: Shape) -> None:
    dtype = next(tensor.dtype for tensor in module.parameters() if tensor.requires_grad)
    each = torch.linspace(0.5, 1.0, POINTS, dtype=dtype)[:, None]
    x, p = (each.repeat(1, shape[axes]) for axes in ("inputs", "parameters"))
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            found, alone = module(x, p), module(x[:1], p[:1])
    except (Exception, SystemExit) as error:  # sys.exit in a user's code must not end the program
        reason = next(iter(str(error).strip().splitlines()), "")
        raise ValueError(
            f"the forward of {name} fails for x {tuple(x.shape)} and p {tuple(p.shape)} "
            f"({type(error).__name__}: {reason}); mend it"
        ) from error
    expected = (POINTS, shape["outputs"])
    if not isinstance(found, torch.Tensor) or found.shape != expected:
        what = f"the shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else f"a {type(found).__name__}"
        raise ValueError(
            f"the forward of {name} returned {what} for {POINTS} points; return {expected}, one column for each output "
            "of the problem"
        )
    if found.dtype != dtype:
        raise ValueError(
            f"the forward of {name} returned {found.dtype} where its parameters are {dtype}; return what it was given, "
            "e.g. make tensors by x.new_full(…), or register them as buffers"
        )
    if not torch.allclose(found[:1], alone, rtol=ALIKE, atol=ALIKE**2, equal_nan=True):
        raise ValueError(
            f"the forward of {name} returned something else for a point alone than among {POINTS}; make the u of a "
            "point depend on that point alone, without means over points and random numbers"
        )
