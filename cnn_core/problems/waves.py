"""Waves u*(x) = A sin(2πνx + φ) on [−1, 1], p = (amplitude A, frequency ν, phase φ), and three residuals they satisfy.

* `helmholtz`: u'' + k² u = 0 with k = 2πν; scale k², so that a scaled residual has the units of u.
* `pythagorean`: (k u)² + u'² = (k A)²; scale k². Nonlinear and of first order.
* `truth`: u* − u = 0. A check of a method, not a PDE.
"""

import math

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.problems.problem import Problem, Residual, Scale


def helmholtz() -> Problem:
    """Helmholtz's equation in one dimension, for waves of any frequency."""
    return _waves("helmholtz", _helmholtz, lambda p: {"helmholtz": _wavenumber(p) ** 2})


def pythagorean() -> Problem:
    """sin² + cos² = 1 as a nonlinear differential equation."""
    return _waves("pythagorean", _pythagorean, lambda p: {"pythagorean": _wavenumber(p) ** 2})


def truth() -> Problem:
    """The distance from the exact wave, as a constraint."""
    return _waves("truth", lambda u, x, p: {"truth": _wave(x, p)[0] - u.value[0]}, None)


def _waves(name: str, residual: Residual, scale: Scale | None) -> Problem:
    return Problem(
        name=name,
        coordinates={"x": (-1.0, 1.0)},
        parameters=("amplitude", "frequency", "phase"),
        outputs=("u",),
        residual=residual,
        solution=_wave,
        scale=scale,
    )


def _wavenumber(p: Tensor) -> Tensor:
    return 2 * math.pi * p[1]


def _wave(x: Tensor, p: Tensor) -> Tensor:
    amplitude, _, phase = p
    return amplitude * torch.sin(_wavenumber(p) * x + phase)


def _helmholtz(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    return {"helmholtz": u.laplacian[0] + _wavenumber(p) ** 2 * u.value[0]}


def _pythagorean(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    wavenumber, amplitude = _wavenumber(p), p[0]
    return {"pythagorean": (wavenumber * u.value[0]) ** 2 + u.gradient[0, 0] ** 2 - (wavenumber * amplitude) ** 2}
