"""The nearest point of a cone: the least change of a step after which no row points against it.

For a step Δ₀ (P,), rows G (T, P) and a metric M (a diagonal (P,), or the identity),

    minimise ½ (Δ − Δ₀)ᵀ M⁻¹ (Δ − Δ₀)  subject to  G Δ ≥ 0,

has the solution Δ = Δ₀ + M Gᵀ y, where y ≥ 0 is that of the dual problem, of size T,

    minimise ½ yᵀ A y + bᵀ y  subject to  y ≥ 0,     A = G M Gᵀ,  b = G Δ₀.

That is a nonnegative least-squares problem, solved exactly by active sets (Lawson & Hanson 1974, *Solving Least Squares
Problems*, ch. 23). Rows are divided by their lengths before, so that none counts for its size; rows may vanish, or
depend on each other.
"""

import torch
from torch import Tensor

ROUNDING = 1e-12
"""A row points against a step by less than this, relative to the largest of the rows: that is rounding."""

MOST_CHANGES = 20
"""Of the active set, for each row: many more than it takes, where nothing goes round in circles by rounding."""


def nearest_in_cone(step: Tensor, rows: Tensor, metric: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Δ (P,) and y (T,) of the unit rows, which is 0 where none had to be turned. What is not finite stays as it is."""
    wide, unit = step.double(), rows.double()
    pulled = unit if metric is None else metric.double() * unit
    lengths = (unit * pulled).sum(dim=1, keepdim=True).sqrt()
    lengths = torch.where(lengths > 0, lengths, 1.0)
    unit, pulled = unit / lengths, pulled / lengths
    products, slopes = (unit @ pulled.T).cpu(), (unit @ wide).cpu()
    if not (torch.isfinite(products).all() and torch.isfinite(slopes).all()):
        return step, torch.zeros_like(slopes)
    turned = nonnegative(products, slopes)
    return (wide + turned.to(wide) @ pulled).to(step) if turned.any() else step, turned


def nonnegative(products: Tensor, slopes: Tensor) -> Tensor:
    """The y (T,) ≥ 0 of least ½ yᵀ A y + bᵀ y, for a positive semidefinite A (T, T) of unit diagonal, and b (T,)."""
    solution, active = torch.zeros_like(slopes), torch.zeros_like(slopes, dtype=torch.bool)
    tolerance = ROUNDING * float(slopes.abs().max())
    for _ in range(MOST_CHANGES * len(slopes)):
        ascent = (-slopes - products @ solution).masked_fill(active, -torch.inf)
        if float(ascent.max()) <= tolerance:
            break
        active[ascent.argmax()] = True
        solution = _within(products, slopes, solution, active)
        active &= solution > 0
    return solution


def _within(products: Tensor, slopes: Tensor, solution: Tensor, active: Tensor) -> Tensor:
    """The minimum over the active entries, from y ≥ 0 towards it; those on the way that would become negative are 0."""
    active = active.clone()
    while True:
        best = torch.zeros_like(solution)
        best[active] = -torch.linalg.pinv(products[active][:, active], hermitian=True) @ slopes[active]
        falling = active & (best <= 0)
        if not falling.any():
            return best
        shares = solution / (solution - best).clamp_min(torch.finfo(solution.dtype).tiny)
        first = int(shares.masked_fill(~falling, torch.inf).argmin())
        solution = solution + shares[first] * (best - solution)
        solution[first], active[first] = 0.0, False
