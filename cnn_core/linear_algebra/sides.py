"""The two sides of a damped least-squares step. For J (R × P), v (R,) and a > 0

    x = −Jᵀ (J Jᵀ + a I)⁻¹ v = −(JᵀJ + a I)⁻¹ Jᵀ v

minimises |J x + v|² + a |x|². In the space of rows a system of size R is solved, in that of parameters one of size P.
The smaller one costs less, in time (R² P or R P² once for each J, R³/3 or P³/3 for each a) and in memory.

A Gram matrix has the square of J's condition number κ. The space of parameters keeps the digits that this would lose:
x is corrected once with the residual of J itself (corrected semi-normal equations), and where a falls below what JᵀJ
knows at all, the triangle of a QR decomposition of [J; √a I] takes the place of the Cholesky factor.

Columns of J may differ in size by many orders: a weight of the first layer moves u by much more than one of the last.
Scaled, the entries of x are measured in units of their own, so that a Σ_i d_i x_i² is what keeps x short, d_i in
proportion to the size of the column i. Marquardt's d_i, its square, follows columns that happen to vanish.

Axis names: R rows, P entries of θ.

References: Björck 1987, Stability analysis of the method of seminormal equations for linear least squares problems;
Golub & Van Loan 2013, §5.3 and §6.1; Marquardt 1963, An algorithm for least-squares estimation of nonlinear parameters.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

Space = Literal["auto", "rows", "parameters"]
"""Where systems are solved; `auto` is the space of the smaller ones."""

SPACES: tuple[Space, ...] = get_args(Space)

KNOWN = 1e-14
"""Below this fraction of the trace of JᵀJ its smallest eigenvalues are made of rounding errors."""

LEAST_COLUMN = 1e-6
"""Columns smaller than this fraction of the largest are scaled as if they were as large."""

LARGEST_FORMED = 2**28
"""A J of so many entries is formed at most (2 GiB in float64). A larger one is formed in pieces for JᵀJ, and the space
of rows does without, but for units.
"""


class Products(Protocol):
    """A matrix J (R × P) by its products with vectors."""

    def times(self, vector: Tensor) -> Tensor:
        """J v: (P,) → (R,)."""
        ...

    def transposed_times(self, weights: Tensor) -> Tensor:
        """Jᵀ w: (R,) → (P,)."""
        ...


class Operator(Products, Protocol):
    """A matrix J (R × P) by all of its products, and by its rows."""

    def gram(self) -> Tensor:
        """J Jᵀ (R, R)."""
        ...

    def matrix(self) -> Tensor:
        """J itself, (R, P)."""
        ...

    def pieces(self, rows: int) -> Iterator[Tensor]:
        """J itself, about so many rows at a time."""
        ...


class Damped(Protocol):
    """One a of a side."""

    def shortest(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """For v (R,) the x (P,) that minimises |J x + v|² + a |x|², and J x (R,)."""
        ...


class Side(Protocol):
    """J at some θ, its rows weighted, ready to be solved with."""

    @property
    def square(self) -> float:
        """|J|², the sum of the squares of all entries."""
        ...

    def length(self, x: Tensor) -> float:
        """|x| (P,) as the damping measures it."""
        ...

    def damped(self, slack: float) -> Damped:
        """The same with a = `slack`, or the least more that can be factorised."""
        ...


def cheaper_space(rows: int, parameters: int) -> Literal["rows", "parameters"]:
    """Where the system is the smaller one."""
    return "parameters" if parameters <= rows else "rows"


def fits(rows: int, parameters: int) -> bool:
    """Whether J (R × P) may be formed at once."""
    return rows * parameters <= LARGEST_FORMED


def side_of(
    jacobian: Operator,
    weights: Tensor,
    parameters: int,
    space: Literal["rows", "parameters"],
    *,
    scaled: bool = False,
) -> Side:
    """The side on which steps are solved for J (R × P) of so many `parameters`, its rows times `weights` (R,).

    `scaled` measures every parameter in its own unit; J is formed then on either side, or, too large, nothing is scaled
    in the space of rows.
    """
    held = fits(len(weights), parameters)
    if space == "parameters" and not held:
        return _in_pieces(jacobian, weights, parameters, scaled=scaled)
    if space == "rows" and not (scaled and held):
        return _RowsSide(jacobian, weights, weights[:, None] * jacobian.gram() * weights)
    rows = weights[:, None] * jacobian.matrix()
    if not scaled:
        return _ParametersSide(_Formed(rows), rows.T @ rows)
    units = _units(rows.square().sum(dim=0))
    rows = rows * units
    if space == "parameters":
        return _ScaledSide(_ParametersSide(_Formed(rows), rows.T @ rows), units)
    return _ScaledSide(_RowsSide(_Formed(rows), torch.ones_like(weights), rows @ rows.T), units)


def _in_pieces(jacobian: Operator, weights: Tensor, parameters: int, *, scaled: bool) -> Side:
    """The space of parameters for a J (R × P) that is too large to be formed at once."""
    gram, begin = weights.new_zeros(parameters, parameters), 0
    for piece in jacobian.pieces(max(1, LARGEST_FORMED // parameters)):
        rows = weights[begin : begin + len(piece), None] * piece
        gram.addmm_(rows.T, rows)
        begin += len(piece)
    units = _units(gram.diagonal()) if scaled else torch.ones_like(gram[0])
    side = _ParametersSide(_Weighted(jacobian, weights, units), units[:, None] * gram * units)
    return _ScaledSide(side, units) if scaled else side


def _units(squares: Tensor) -> Tensor:
    """The units (P,) of the parameters, for which columns of these squares become alike, half as many orders apart."""
    sizes = squares.sqrt()
    largest = float(sizes.max())
    if largest == 0:
        return torch.ones_like(sizes)
    sizes = sizes.clamp_min(LEAST_COLUMN * largest)
    return (sizes * sizes.mean()).rsqrt()


@dataclass(frozen=True, eq=False)
class _Formed:
    """A J that is held as a matrix (R, P)."""

    rows: Tensor

    def times(self, vector: Tensor) -> Tensor:
        return self.rows @ vector

    def transposed_times(self, weights: Tensor) -> Tensor:
        return weights @ self.rows


@dataclass(frozen=True, eq=False)
class _Weighted:
    """W J U for diagonal `weights` W (R,) and `units` U (P,), by products alone."""

    jacobian: Products
    weights: Tensor
    units: Tensor

    def times(self, vector: Tensor) -> Tensor:
        return self.weights * self.jacobian.times(self.units * vector)

    def transposed_times(self, weights: Tensor) -> Tensor:
        return self.units * self.jacobian.transposed_times(self.weights * weights)


@dataclass(frozen=True, eq=False)
class _ScaledSide:
    """A side for x in `units` (P,)."""

    side: "_RowsSide | _ParametersSide"
    units: Tensor

    @property
    def square(self) -> float:
        return self.side.square

    def length(self, x: Tensor) -> float:
        return float((x / self.units).norm())

    def damped(self, slack: float) -> "_DampedScaled":
        return _DampedScaled(self.side.damped(slack), self.units)


@dataclass(frozen=True, eq=False)
class _DampedScaled:
    damped: Damped
    units: Tensor

    def shortest(self, values: Tensor) -> tuple[Tensor, Tensor]:
        x, change = self.damped.shortest(values)
        return self.units * x, change


@dataclass(frozen=True, eq=False)
class _RowsSide:
    jacobian: Products
    weights: Tensor
    gram: Tensor

    @property
    def square(self) -> float:
        return float(self.gram.diagonal().sum())

    def length(self, x: Tensor) -> float:
        return float(x.norm())

    def damped(self, slack: float) -> "_DampedRows":
        return _DampedRows(self, _factor(self.gram, slack))


@dataclass(frozen=True, eq=False)
class _DampedRows:
    side: _RowsSide
    factor: Tensor

    def shortest(self, values: Tensor) -> tuple[Tensor, Tensor]:
        y = _solved(self.factor, values)
        return -self.side.jacobian.transposed_times(self.side.weights * y), -(self.side.gram @ y)


@dataclass(frozen=True, eq=False)
class _ParametersSide:
    jacobian: _Formed | _Weighted
    gram: Tensor

    @property
    def square(self) -> float:
        return float(self.gram.diagonal().sum())

    def length(self, x: Tensor) -> float:
        return float(x.norm())

    def damped(self, slack: float) -> "_DampedParameters":
        known = KNOWN * self.square
        if slack > known or not isinstance(self.jacobian, _Formed):
            slack = max(slack, known)
            return _DampedParameters(self, _factor(self.gram, slack), slack)
        slope = math.sqrt(slack) * torch.eye(len(self.gram), dtype=self.gram.dtype, device=self.gram.device)
        triangle = torch.linalg.qr(torch.cat([self.jacobian.rows, slope]), mode="r").R
        return _DampedParameters(self, triangle.T.contiguous(), slack)


@dataclass(frozen=True, eq=False)
class _DampedParameters:
    side: _ParametersSide
    factor: Tensor
    slack: float

    def shortest(self, values: Tensor) -> tuple[Tensor, Tensor]:
        times, transposed = self.side.jacobian.times, self.side.jacobian.transposed_times
        x = -_solved(self.factor, transposed(values))
        x = x - _solved(self.factor, transposed(values + times(x)) + self.slack * x)
        return x, times(x)


def _factor(gram: Tensor, slack: float) -> Tensor:
    """The Cholesky factor of G + slack·I, with the least more slack that makes it positive definite."""
    while True:
        shifted = gram.clone()
        shifted.diagonal().add_(slack)
        factor, info = torch.linalg.cholesky_ex(shifted)
        if int(info) == 0 or not math.isfinite(slack):
            return factor
        slack = max(4 * slack, 1e-15 * float(gram.diagonal().mean()))


def _solved(factor: Tensor, right_side: Tensor) -> Tensor:
    return torch.cholesky_solve(right_side[:, None], factor)[:, 0]
