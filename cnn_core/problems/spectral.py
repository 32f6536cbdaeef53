"""References of problems that are periodic in x, by a spectral method: u_t = L u + N(u), L with constant coefficients.

û_k' = l_k û_k + n_k(û) for the Fourier coefficients û is stepped with ETDRK4, an exponential Runge–Kutta method of the
fourth order, whose coefficients are contour integrals on a circle about l_k h (the formulas as such cancel where that
is small). Between the steps that are kept, û is a polynomial in t through the eight next to it; u is the sum of its
waves. So u can be had, and be differentiated, at any (x, t).

References: S. M. Cox, P. C. Matthews, Exponential Time Differencing for Stiff Systems, J. Comput. Phys. 176, 2002;
A.-K. Kassam, L. N. Trefethen, Fourth-order time-stepping for stiff PDEs, SIAM J. Sci. Comput. 26, 2005.

Axis names: N points in x, K waves, M steps that are kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

STENCIL = 8
CONTOUR = 32


@dataclass(frozen=True, eq=False)
class PeriodicWave:
    """A function u of x and of t from 0 on: `table` (M, 2K) holds the factors of cos κx and sin κx, every `step`.

    κ are multiples of `wavenumber`.
    """

    table: Tensor
    wavenumber: float
    step: float

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """u, a scalar, at the scalars x and t."""
        table, place = self.table.to(x), t / self.step
        first = (place.detach().floor().long() - STENCIL // 2 + 1).clamp(0, len(table) - STENCIL)
        rows = table[first + torch.arange(STENCIL, device=x.device)]
        angles = self.wavenumber * torch.arange(table.shape[1] // 2, dtype=x.dtype, device=x.device) * x
        return _stencil_weights(place - first) @ rows @ torch.cat([angles.cos(), angles.sin()])


def _stencil_weights(place: Tensor) -> Tensor:
    """Lagrange's weights (8,) of the values at 0, 1, … 7, for the polynomial's value at `place`."""
    half = (STENCIL - 1) / 2
    powers = torch.stack([(place / half - 1) ** power for power in range(STENCIL)])
    nodes = torch.linspace(-1, 1, STENCIL, dtype=torch.float64)
    return powers @ torch.linalg.inv(torch.linalg.vander(nodes)).to(place)


def solve_periodic(
    start: Tensor,
    linear: Tensor,
    nonlinear: Callable[[Tensor], Tensor],
    *,
    wavenumber: float,
    step: float,
    kept: int,
    every: int,
) -> PeriodicWave:
    """The wave from u(x, 0), `start` (N,) on a uniform grid from x = 0, over `kept` times `every` steps of ETDRK4.

    `linear` (N/2 + 1,) holds l_k; `nonlinear` maps the coefficients, as `torch.fft.rfft` has them, to n_k. The waves
    above two thirds of the highest, which squares would alias, are left out.
    """
    advance = _etdrk4(linear, nonlinear, step)
    waves, spectrum = 2 * (len(linear) - 1) // 3, torch.fft.rfft(start)
    spectra = [spectrum]
    for _ in range(kept):
        for _ in range(every):
            spectrum = advance(spectrum)
        spectra.append(spectrum)
    factors = torch.stack(spectra)[:, : waves + 1] * (2 / len(start))
    factors[:, 0] *= 0.5
    return PeriodicWave(torch.cat([factors.real, -factors.imag], dim=1), wavenumber, step * every)


def _etdrk4(linear: Tensor, nonlinear: Callable[[Tensor], Tensor], step: float) -> Callable[[Tensor], Tensor]:
    """A step of ETDRK4. Names as in Kassam and Trefethen."""
    angles = torch.pi * (torch.arange(2 * CONTOUR, dtype=torch.float64) + 0.5) / CONTOUR
    z = (step * linear)[:, None] + torch.exp(1j * angles)
    whole, half = torch.exp(step * linear), torch.exp(step * linear / 2)
    q = step * (((z / 2).exp() - 1) / z).mean(dim=1)
    f1 = step * ((-4 - z + z.exp() * (4 - 3 * z + z**2)) / z**3).mean(dim=1)
    f2 = step * ((2 + z + z.exp() * (z - 2)) / z**3).mean(dim=1)
    f3 = step * ((-4 - 3 * z - z**2 + z.exp() * (4 - z)) / z**3).mean(dim=1)

    def advance(v: Tensor) -> Tensor:
        n = nonlinear(v)
        a = half * v + q * n
        na = nonlinear(a)
        nb = nonlinear(half * v + q * na)
        nc = nonlinear(half * a + q * (2 * nb - n))
        return whole * v + f1 * n + 2 * f2 * (na + nb) + f3 * nc

    return advance
