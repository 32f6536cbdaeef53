"""Sampling: points of the unit cube [0, 1]^D, of which every domain makes its own by maps that keep measure.

    random            independent, each uniformly distributed
    uniform           a lattice of any number of points, the same for every seed
    sobol             a scrambled Sobol sequence [Owen, Scrambling Sobol' and Niederreiter–Xing points, 1998]
    latin-hypercube   one point in each of N equal layers of every axis [McKay, Beckman, Conover, 1979]

Axis names: N points, D coordinates.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Literal

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

Sampling = Literal["random", "uniform", "sobol", "latin-hypercube"]


def unit_points(count: int, dimensions: int, sampling: Sampling, *, seed: int = 0) -> Tensor:
    """`count` points (count, D) of the unit cube, in float64. Raises what `require_points` raises."""
    require_points(count, sampling)
    return SAMPLINGS[sampling if dimensions else "uniform"](count, dimensions, seed)


def require_points(count: int, sampling: str) -> None:
    """Raises ValueError for a sampling that is not known, and for less than one point."""
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling {sampling!r} is not known; {nearest(sampling, SAMPLINGS)}")
    if count < 1:
        raise ValueError(f"their number must be at least 1, got {count}")


def lattice(count: int, dimensions: int) -> Tensor:
    """A lattice of any number of points, (count, D) in float64.

    In one dimension these are the centres of equal cells. In D dimensions the first coordinate is that of such centres
    and the others are multiples of the powers of 1/φ, φ^D = φ + 1, modulo 1: every axis is covered by `count` different
    values, whereas k^D cells have only k of them. Both are good quadratures.
    """
    if dimensions == 0:
        return torch.empty(count, 0, dtype=torch.float64)
    ratio = 2.0
    for _ in range(64):
        ratio = (ratio + 1) ** (1 / dimensions)  # a fixed point for D > 1
    index = torch.arange(count, dtype=torch.float64)
    axes = [(index + 0.5) / count, *((0.5 + index * ratio**-power) % 1 for power in range(1, dimensions))]
    return torch.stack(axes, dim=1)


def grid(count: int, dimensions: int) -> Tensor:
    """Evenly spaced points with the ends of every axis, (count, D) in float64; a single one is the centre.

    Raises ValueError, with the nearest such count, where it is no k^D.
    """
    side = round(count ** (1 / dimensions))
    if side**dimensions != count:
        raise ValueError(
            f"points: uniform sampling in {dimensions} dimensions needs k^{dimensions} points, "
            f"got {count}; write {max(side, 1) ** dimensions}"
        )
    axis = torch.linspace(0, 1, side, dtype=torch.float64) if side > 1 else torch.full((1,), 0.5, dtype=torch.float64)
    return torch.cartesian_prod(*[axis] * dimensions).reshape(count, dimensions)


def nearest(word: object, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """What to write instead of a name that is not known: the one that is most like it, or one of all."""
    close = get_close_matches(str(word), known, n=1)
    return f"write {close[0]}" if close else f"write one of: {', '.join(known)}"


def _random(count: int, dimensions: int, seed: int) -> Tensor:
    return torch.rand(count, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _sobol(count: int, dimensions: int, seed: int) -> Tensor:
    return SobolEngine(dimensions, scramble=True, seed=seed).draw(count, dtype=torch.float64)


def _latin_hypercube(count: int, dimensions: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    layers = torch.stack([torch.randperm(count, generator=generator) for _ in range(dimensions)], dim=1)
    return (layers + torch.rand(count, dimensions, generator=generator, dtype=torch.float64)) / count


SAMPLINGS: Mapping[str, Callable[[int, int, int], Tensor]] = {
    "random": _random,
    "uniform": lambda count, dimensions, seed: lattice(count, dimensions),
    "sobol": _sobol,
    "latin-hypercube": _latin_hypercube,
}
"""(N, D, seed) → (N, D)."""
