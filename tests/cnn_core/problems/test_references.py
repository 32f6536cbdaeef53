"""References and options of single problems, against other ways to find the same."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from cnn_core.problems import Problem, burgers, helmholtz_2d, kdv, kovasznay, poisson, poisson_hole, wave
from cnn_core.problems.spectral import solve_periodic


def values(problem: Problem, x: Tensor) -> Tensor:
    return torch.vmap(problem.solution)(x, x.new_zeros(len(x), 0))[:, 0]


def plane(low: float, high: float, count: int = 1000) -> Tensor:
    """Random points (x, t), x in an interval and t in [0, 1]."""
    unit = torch.rand(count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.stack([low + (high - low) * unit[:, 0], unit[:, 1]], dim=1)


@pytest.mark.parametrize("width", [1.0, 0.01], ids=["everywhere", "at the front"])
@pytest.mark.parametrize("viscosity", [0.01 / math.pi, 0.1])
def test_burgers_by_gauss_and_hermite(viscosity: float, width: float) -> None:
    x = plane(-width, width)
    nodes, weights = np.polynomial.hermite.hermgauss(300)
    angle = math.pi * (x[:, :1].numpy() - 2 * np.sqrt(viscosity * x[:, 1:].numpy()) * nodes)
    exponent = -np.cos(angle) / (2 * math.pi * viscosity) + np.log(np.maximum(weights, 1e-300))
    factors = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    expected = -(factors * np.sin(angle)).sum(axis=1) / factors.sum(axis=1)
    assert np.abs(values(burgers(viscosity), x).numpy() - expected).max() < 1e-13


def test_burgers_front_has_the_slope_of_the_literature() -> None:
    """−u_x(0, t) is 152.00516 at most, at t = 1.6037/π (Basdevant et al., table 1)."""
    time = torch.tensor(1.6037 / math.pi, dtype=torch.float64)

    def along(x: Tensor) -> Tensor:
        return burgers().solution(torch.stack([x, time]), time[None])[0]

    slope = torch.func.jacfwd(along)(torch.zeros((), dtype=torch.float64))
    assert float(slope) == pytest.approx(-152.00516, abs=1e-4)


def test_spectral_waves_carry_a_soliton() -> None:
    """u = 3c sech²(√c (x − ct) / (2δ)) solves Korteweg and de Vries's equation, for c = 1, δ = 0.03 to 1e-13."""
    count, delta = 256, 0.03
    wavenumbers = math.pi * torch.arange(count // 2 + 1, dtype=torch.float64)

    def soliton(x: Tensor, t: Tensor | float) -> Tensor:
        return 3 / torch.cosh((x - 1 - t) / (2 * delta)) ** 2

    found = solve_periodic(
        soliton(2 * torch.arange(count, dtype=torch.float64) / count, 0.0),
        1j * delta**2 * wavenumbers**3,
        lambda spectrum: -0.5j * wavenumbers * torch.fft.rfft(torch.fft.irfft(spectrum) ** 2),
        wavenumber=math.pi, step=1e-4, kept=100, every=10,
    )  # fmt: skip
    x = plane(0.4, 1.6) * torch.tensor([1.0, 0.1])
    assert (torch.vmap(found)(x[:, 0], x[:, 1]) - soliton(x[:, 0], x[:, 1])).abs().max() < 1e-8


def test_kdv_keeps_what_the_equation_keeps() -> None:
    """∫u, ∫u² and ∫(u³/3 − δ² u_x²) are as in the beginning: 0, 1 and −(0.022 π)²; and u(−x, −t) = u(x, t)."""
    problem, grid = kdv(), -1 + 2 * torch.arange(512, dtype=torch.float64) / 512
    for time in (0.0, 0.37, 1.0):
        x = torch.stack([grid, torch.full_like(grid, time)], dim=1)
        u = values(problem, x)
        slope = torch.fft.irfft(1j * math.pi * torch.arange(257, dtype=torch.float64) * torch.fft.rfft(u))
        cubic = (u**3 / 3 - 0.022**2 * slope**2).mean()
        kept = [float(u.mean()), float(u.square().mean()), float(2 * cubic)]
        assert kept == pytest.approx([0.0, 0.5, -((0.022 * math.pi) ** 2)], abs=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: poisson(0), "dimensions must be at least 1, got 0"),
        (lambda: poisson_hole(0.5), "radius must be between 0 and 0.5, got 0.5"),
        (lambda: helmholtz_2d(a2=0), "a1 and a2 must be at least 1, got 1 and 0"),
        (lambda: burgers(0.0), "viscosity must be positive, got 0.0"),
        (lambda: kovasznay(-1.0), "reynolds must be positive, got -1.0"),
        (lambda: kdv(0.01), "dispersion must be at least 0.02, below which the reference is not resolved, got 0.01"),
        (lambda: wave(0.0), "speed must be positive, got 0.0"),
    ],
)
def test_options_that_mean_nothing_are_refused(make: Callable[[], Problem], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
@pytest.mark.parametrize("solution", ["sine", "cosine"])
def test_poisson_in_any_dimension(dimensions: int, solution) -> None:
    problem = poisson(dimensions, solution)
    x = torch.rand(20, dimensions, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def residual(at: Tensor) -> Tensor:
        p = at.new_zeros(0)
        return problem.point_residuals(problem.exact_field(at, p), at, p, scaled=True)[0]

    assert torch.vmap(residual)(x).abs().max() < 1e-13
