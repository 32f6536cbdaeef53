"""The problems of `benchmarks.peers`, solved by classical spectral methods: what a network has to be compared with.

* `poisson-2d`, `poisson-5d`, `helmholtz-2d` and `heat` are linear and live on boxes: Chebyshev collocation along every
  axis, time included, and the eigenvectors of each axis, by which Σ_i A_i U = F becomes a division. The grid in five
  dimensions is a full one; nothing is made of its solution being a sum.
* `kovasznay` is Chebyshev collocation, too, solved by Newton's method from the walls' values and zero inside; with an
  even n its Jacobian is singular.
* `burgers` and `kdv` are periodic in x (Burgers' initial values are, and odd, and so u stays): Fourier series, stepped
  in time with ETDRK4 (`cnn_core.problems.spectral`). The reference of `kdv` is computed alike, from a finer grid.

`seconds` is the CPU time of the process for the solve alone, the least of `--repeat` times. Errors are measured like
those of `benchmarks.peers`, at 9,000 random points, where the polynomials or waves are evaluated. `points` are those
of the grid; `steps` those in time, where time is stepped.

`python -m benchmarks.classical --help` says what to ask for. With `--json` the last line is a list of all rows.

References: L. N. Trefethen, Spectral Methods in MATLAB, SIAM 2000; R. E. Lynch, J. R. Rice, D. H. Thomas, Direct
solution of partial difference equations by tensor product methods, Numer. Math. 6, 1964; J.-P. Berrut, L. N.
Trefethen, Barycentric Lagrange Interpolation, SIAM Review 46, 2004.

Axis names: D coordinates, O outputs, N points at which a solution is evaluated.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers import CASES as NETWORKS
from benchmarks.peers import TEST_POINTS, TEST_SEED
from cnn_core.problems.spectral import PeriodicWave, solve_periodic

Array = NDArray[np.floating[Any]]
Row = dict[str, Any]

PI = math.pi

AT_ONCE = 250
"""Points at which a solution is evaluated together, which bounds the memory."""


class Solution(Protocol):
    """What a method arrives at."""

    @property
    def points(self) -> int: ...
    @property
    def steps(self) -> int | None: ...
    def at(self, x: Tensor) -> Tensor:
        """u (N, O) at x (N, D)."""
        ...


@dataclass(frozen=True, eq=False)
class Axis:
    """n + 1 Chebyshev points (n + 1,), and the matrix that differentiates the polynomial through values there."""

    points: Array
    slope: Array

    @property
    def bend(self) -> Array:
        """The matrix of the second derivative."""
        return self.slope @ self.slope

    def weights(self, x: Array) -> Array:
        """What the values at the points weigh, (N, n + 1), in the polynomial's value at x (N,)."""
        distance = x[:, None] - self.points
        distance[distance == 0] = np.finfo(float).tiny
        terms = _barycentric(len(self.points)) / distance
        return terms / terms.sum(axis=1, keepdims=True)


def chebyshev(low: float, high: float, n: int) -> Axis:
    """The axis from `low` to `high`."""
    points = low + (high - low) * (1 - np.cos(PI * np.arange(n + 1) / n)) / 2
    weights = _barycentric(n + 1)
    slope = weights / weights[:, None] / (points[:, None] - points + np.eye(n + 1))
    np.fill_diagonal(slope, 0)
    return Axis(points, slope - np.diag(slope.sum(axis=1)))


def _barycentric(count: int) -> Array:
    """½, −1, 1, −1 … ±½."""
    signs = (-1.0) ** np.arange(count)
    signs[[0, -1]] *= 0.5
    return signs


def along(matrix: Array, values: Array, axis: int) -> Array:
    """A matrix applied to one axis of `values`."""
    return np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)


@dataclass(frozen=True, eq=False)
class OnGrid:
    """Polynomials by their values on a grid, one array for each output."""

    axes: Sequence[Axis]
    values: Sequence[Array]
    steps: None = None

    @property
    def points(self) -> int:
        return self.values[0].size

    def at(self, x: Tensor) -> Tensor:
        return torch.cat([torch.from_numpy(self._at(part.double().numpy())) for part in x.split(AT_ONCE)])

    def _at(self, x: Array) -> Array:
        weights = [axis.weights(column) for axis, column in zip(self.axes, x.T, strict=True)]
        u = [np.tensordot(weights[0], values, 1) for values in self.values]
        for weight in weights[1:]:
            u = [np.einsum("nk,nk...->n...", weight, values) for values in u]
        return np.stack(u, axis=1)


def solve_linear(
    axes: Sequence[Axis], operators: Sequence[Array], right: Array, given: Array, free: tuple[slice, ...]
) -> OnGrid:
    """Σ_i A_i U = F at the `free` points, a slice of every axis, with U `given` at the others; `given` is 0 there."""
    right = (right - sum(along(operator, given, axis) for axis, operator in enumerate(operators)))[free]
    pairs = [np.linalg.eig(operator[part, part]) for operator, part in zip(operators, free, strict=True)]
    for axis, (_, vectors) in enumerate(pairs):
        right = along(np.linalg.inv(vectors), right, axis)
    solution = right / reduce(np.add.outer, [values for values, _ in pairs])
    for axis, (_, vectors) in enumerate(pairs):
        solution = along(vectors, solution, axis)
    u = given.copy()
    u[free] = solution.real
    return OnGrid(axes, [u])


INSIDE = slice(1, -1)
LATER = slice(1, None)


def poisson_sine(n: int) -> OnGrid:
    """Δu = −2π² sin πx sin πy on the unit square, zero on the walls."""
    axis = chebyshev(0, 1, n)
    wave = np.sin(PI * axis.points)
    right = -2 * PI**2 * np.outer(wave, wave)
    return solve_linear([axis] * 2, [axis.bend] * 2, right, np.zeros_like(right), (INSIDE,) * 2)


def poisson_cosine(n: int, dimensions: int = 5) -> OnGrid:
    """Δu = −π² Σ cos πx_i on the unit cube, with the solution's values on the walls."""
    axis, inside = chebyshev(0, 1, n), (INSIDE,) * dimensions
    total = reduce(np.add.outer, [np.cos(PI * axis.points)] * dimensions)
    walls = total.copy()
    walls[inside] = 0
    return solve_linear([axis] * dimensions, [axis.bend] * dimensions, -(PI**2) * total, walls, inside)


def helmholtz(n: int) -> OnGrid:
    """Δu + u = (1 − 17π²) sin πx sin 4πy on [−1, 1]², zero on the walls."""
    axis = chebyshev(-1, 1, n)
    right = (1 - 17 * PI**2) * np.outer(np.sin(PI * axis.points), np.sin(4 * PI * axis.points))
    operators = [axis.bend + np.eye(n + 1), axis.bend]
    return solve_linear([axis] * 2, operators, right, np.zeros_like(right), (INSIDE,) * 2)


def heat(n: int) -> OnGrid:
    """u_t = ¼ u_xx on the unit square, sin πx at first, zero at both ends."""
    axis = chebyshev(0, 1, n)
    start = np.zeros((n + 1, n + 1))
    start[INSIDE, 0] = np.sin(PI * axis.points[INSIDE])
    return solve_linear([axis] * 2, [-0.25 * axis.bend, axis.slope], np.zeros_like(start), start, (INSIDE, LATER))


def kovasznay(n: int, reynolds: float = 40.0) -> OnGrid:
    """The steady Navier–Stokes equations on [−½, 1] × [−½, 1½], u, v and p given on the walls; n is odd."""
    axes, one = [chebyshev(-0.5, 1, n), chebyshev(-0.5, 1.5, n)], np.eye(n + 1)
    dx, dy = np.kron(axes[0].slope, one), np.kron(one, axes[1].slope)
    laplacian = dx @ dx + dy @ dy
    inside = np.zeros((n + 1, n + 1), dtype=bool)
    inside[INSIDE, INSIDE] = True
    free = np.flatnonzero(inside)
    state = np.where(inside, 0, _kovasznay_walls(axes, reynolds)).reshape(3, -1)
    none = np.zeros((len(free), len(free)))
    across, up, bend = (matrix[np.ix_(free, free)] for matrix in (dx, dy, laplacian / reynolds))
    for _ in range(20):
        u, v, p = state
        inertia = [u * (dx @ w) + v * (dy @ w) - laplacian @ w / reynolds for w in (u, v)]
        residual = np.stack([inertia[0] + dx @ p, inertia[1] + dy @ p, dx @ u + dy @ v])[:, free]
        carried = u[free, None] * across + v[free, None] * up - bend
        (u_x, v_x), (u_y, v_y) = ([np.diag((matrix @ w)[free]) for w in (u, v)] for matrix in (dx, dy))
        jacobian = np.block([[carried + u_x, u_y, across], [v_x, carried + v_y, up], [across, up, none]])
        step = np.linalg.solve(jacobian, -residual.ravel()).reshape(3, -1)
        state[:, free] += step
        if abs(step).max() < 1e-11:
            break
    return OnGrid(axes, list(state.reshape(3, n + 1, n + 1)))


def _kovasznay_walls(axes: Sequence[Axis], reynolds: float) -> Array:
    """(u, v, p) as they are given, (3, n + 1, n + 1); their values inside are not used."""
    x, y = np.meshgrid(*(axis.points for axis in axes), indexing="ij")
    decay = reynolds / 2 - math.sqrt(reynolds**2 / 4 + 4 * PI**2)
    profile = np.exp(decay * x)
    across = decay / (2 * PI) * profile * np.sin(2 * PI * y)
    return np.stack([1 - profile * np.cos(2 * PI * y), across, (1 - profile**2) / 2])


@dataclass(frozen=True, eq=False)
class Stepped:
    """A function that is periodic in x, from so many points there and steps in time."""

    wave: PeriodicWave
    points: int
    steps: int

    def at(self, x: Tensor) -> Tensor:
        return torch.vmap(self.wave, chunk_size=AT_ONCE)(x[:, 0], x[:, 1])[:, None]


def stepped(start: Callable[[Tensor], Tensor], linear: Callable[[Tensor], Tensor], points: int, steps: int) -> Stepped:
    """u_t + u u_x = L u on a period of 2, to t = 1, from `start` (x); L has the eigenvalues `linear` (κ)."""
    x = 2 * torch.arange(points, dtype=torch.float64) / points
    wavenumbers = PI * torch.arange(points // 2 + 1, dtype=torch.float64)
    slopes = torch.where(wavenumbers < 2 / 3 * wavenumbers[-1], -0.5j * wavenumbers, 0)

    def steepening(spectrum: Tensor) -> Tensor:
        return slopes * torch.fft.rfft(torch.fft.irfft(spectrum) ** 2)

    every = 10
    wave = solve_periodic(
        start(x),
        linear(wavenumbers).to(torch.complex128),
        steepening,
        wavenumber=PI,
        step=1 / steps,
        kept=steps // every,
        every=every,
    )
    return Stepped(wave, points, steps)


def burgers(points: int, steps: int) -> Stepped:
    """u_t + u u_x = (0.01/π) u_xx from −sin πx."""
    return stepped(lambda x: -torch.sin(PI * x), lambda k: -0.01 / PI * k**2, points, steps)


def kdv(points: int, steps: int) -> Stepped:
    """u_t + u u_x + 0.022² u_xxx = 0 from cos πx."""
    return stepped(lambda x: torch.cos(PI * x), lambda k: 1j * 0.022**2 * k**3, points, steps)


METHODS: Mapping[str, Callable[[], Solution]] = {
    "poisson-2d": lambda: poisson_sine(16),
    "heat": lambda: heat(12),
    "poisson-5d": lambda: poisson_cosine(14),
    "kovasznay": lambda: kovasznay(23),
    "helmholtz-2d": lambda: helmholtz(40),
    "burgers": lambda: burgers(2048, 4000),
    "kdv": lambda: kdv(384, 8000),
}


def row(name: str, repeat: int = 3) -> Row:
    """Solve a problem and measure."""
    seconds = []
    for _ in range(repeat):
        started = time.process_time()
        solution = METHODS[name]()
        seconds.append(time.process_time() - started)
    case = NETWORKS[name]
    problem = case.problem(0)
    x = problem.domain.sample("interior", TEST_POINTS, "random", seed=TEST_SEED).x
    exact = torch.vmap(problem.solution)(x, torch.tensor([case.wave], dtype=torch.float64).expand(len(x), -1))
    return {
        "problem": name,
        "points": solution.points,
        "steps": solution.steps,
        "threads": torch.get_num_threads(),
        "seconds": min(seconds),
        "relative_l2": float((solution.at(x) - exact).norm() / exact.norm()),
    }


HEADER = f"{'problem':14} {'points':>7} {'steps':>6} {'CPU s':>8} {'rel. L2':>9}"


def line(row: Row) -> str:
    """A row of the table."""
    steps = "" if row["steps"] is None else row["steps"]
    return f"{row['problem']:14} {row['points']:7} {steps:>6} {row['seconds']:8.4f} {row['relative_l2']:9.2e}"


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classical", description="PDEs by spectral methods.")
    known = ", ".join(METHODS)
    parser.add_argument("--problem", nargs="+", choices=METHODS, default=list(METHODS), metavar="P", help=known)
    parser.add_argument("--repeat", type=int, default=3, help="times that each is solved")
    parser.add_argument("--threads", type=int, default=1, help="torch's; numpy's are what OMP_NUM_THREADS says")
    parser.add_argument("--json", action="store_true", help="print all rows as JSON on the last line")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Print a row for each problem."""
    asked = parsed(arguments)
    torch.set_num_threads(asked.threads)
    found: list[Row] = []
    print(HEADER)
    for name in asked.problem:
        found.append(row(name, asked.repeat))
        print(line(found[-1]), flush=True)
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
