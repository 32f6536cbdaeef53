"""The step that multiplier methods share: exact multipliers for a set of constraints, and the direction they give.

With a data direction d (a multiple of ∇f, or 0) and constraints g with Jacobian J,

    λ = (J Jᵀ)⁻¹ (gain·g − J d),    direction = d + Jᵀ λ,    so that J·direction = gain·g

(in another metric M of parameter space: J M Jᵀ and M Jᵀ). Along −direction the constraints decay at the rate `gain` per
unit of learning rate, and what is left of d is tangent to the constraints (Jergensen 2019; Yamashita 1980, "A
differential equation approach to nonlinear programming").
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cnn_core.decisions import chosen, host_decides, surely
from cnn_core.jacobian import Jacobian, StackedJacobian
from cnn_core.linear_algebra.factorisation import Factorisation, Multipliers, effective_rank, factorise
from cnn_core.linear_algebra.undecided import UndecidedFactorisation, UndecidedMultipliers, factorise_undecided
from cnn_core.methods.method import Step, StepTerms, Watch

AnyMultipliers = Multipliers | UndecidedMultipliers

REFINEMENTS = 2
"""At most this often the error of an undamped direction is solved for."""

TOLERATED_ERRORS = 100
"""How many rounding errors, relative to gain·g, J·direction may be off before it is worth another solve."""


@dataclass(frozen=True)
class NormalSpace:
    """The ways out of the constraints' tangent space: M Jᵀλ, for the metric M (a diagonal (P,), or the identity)."""

    jacobian: Jacobian | StackedJacobian
    factorisation: Factorisation | UndecidedFactorisation
    metric: Tensor | None = None

    def multipliers(self, wanted: Tensor) -> AnyMultipliers:
        """λ (m,) for which J M Jᵀλ = wanted (m,)."""
        return self.factorisation.solve(wanted)

    def step(self, multipliers: Tensor) -> Tensor:
        """M Jᵀλ (P,)."""
        pulled = self.jacobian.transposed_times(multipliers)
        return pulled if self.metric is None else self.metric * pulled


def normal_space(
    step: Step, jacobian: Jacobian | StackedJacobian, *, damping: float, metric: Tensor | None = None
) -> NormalSpace:
    """J M Jᵀ, factorised."""
    with step.clock.section("gram"):
        gram = jacobian.gram(metric)
    with step.clock.section("factorisation"):
        factorised = (factorise if host_decides(gram) else factorise_undecided)(gram, damping=damping)
        return NormalSpace(jacobian, factorised, metric)


def correct(
    step: Step, normal: NormalSpace, constraints: Tensor, descent: Tensor, *, gain: float, cap: float | None = None
) -> tuple[Tensor, AnyMultipliers]:
    """d + M Jᵀλ (P,) and λ for constraints g (m,) and the data direction d (P,).

    `cap` bounds |λ|: multipliers above it are scaled down together, which keeps their direction. An undamped
    direction has J·direction = gain·g to nearly all digits, also where G is ill-conditioned: what λ leaves over is
    solved for again.
    """
    wanted = gain * constraints
    with step.clock.section("factorisation"):
        multipliers = normal.multipliers(wanted - normal.jacobian.times(descent))
    with step.clock.section("step"):
        capped = multipliers.capped(cap)
        direction = descent + normal.step(capped.values)
        if capped.exact is False:
            return direction, capped
        return _refined(normal, direction, capped, wanted)


def satisfy(step: Step, *, gain: float, damping: float) -> tuple[StepTerms, Tensor, AnyMultipliers]:
    """The batch's terms, and the direction Jᵀ(J Jᵀ)⁻¹ gain·g (P,) that knows no data, with its multipliers."""
    terms = step.terms()
    normal = normal_space(step, terms.constraints, damping=damping)
    direction, multipliers = correct(step, normal, terms.residuals, torch.zeros_like(terms.gradient), gain=gain)
    return terms, direction, multipliers


def _refined(
    normal: NormalSpace, direction: Tensor, multipliers: AnyMultipliers, wanted: Tensor
) -> tuple[Tensor, AnyMultipliers]:
    tolerance = TOLERATED_ERRORS * torch.finfo(wanted.dtype).eps * wanted.norm().double()
    values = multipliers.values
    for _ in range(REFINEMENTS):
        missing = wanted - normal.jacobian.times(direction)
        met = missing.norm().double() <= tolerance
        if surely(met):
            break
        correction, worth = normal.multipliers(missing).values, ~met & multipliers.exact
        direction = chosen(worth, direction + normal.step(correction), direction)
        values = chosen(worth, values + correction, values)
    return direction, replace(multipliers, values=values)


@dataclass(frozen=True, eq=False)
class SolveReport:
    """What is worth watching about a solve. It keeps the factor, for the rank, but not the matrix."""

    multipliers: Tensor
    condition: float | Tensor
    damping: float | Tensor
    factor: Tensor | None
    shift: float | Tensor
    usable: bool | Tensor = True

    @property
    def watched(self) -> Mapping[str, float]:
        """The values by name, as its tensors are now; they cost about what the factorisation did."""
        return {
            "multipliers_max": float(self.multipliers.abs().max()),
            "condition": float(self.condition),
            "damping": float(self.damping),
            "rank": effective_rank(self.factor if self.usable else None, float(self.shift)),
        }


def watch(multipliers: AnyMultipliers) -> Watch:
    """What is worth watching about a solve."""
    solved = multipliers.factorisation
    usable = solved.usable if isinstance(solved, UndecidedFactorisation) else True
    report = SolveReport(multipliers.values, solved.condition, solved.damping, solved.factor, solved.shift, usable)
    return lambda: report.watched
