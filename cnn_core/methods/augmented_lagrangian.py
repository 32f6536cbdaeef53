"""The augmented Lagrangian (Hestenes 1969, Powell 1969): one multiplier per training point and constraint.

    L(θ; λ) = f + mean over points of Σ_c [λ_nc g_nc + ½ μ g_nc²],     λ_nc ← λ_nc + multiplier_rate·μ·g_nc,

where a point's multipliers move each time that a batch visits the point. Unlike a penalty, which must grow without
bound for g → 0, the multipliers take over and μ may stay moderate.

λ integrates g, and an integrator overshoots. With `proportional_rate` above 0 it is a νPI controller of g (Sohrabi,
Ramirez, Zhang, Lacoste-Julien & Gallego-Posada 2024, "On PI controllers for updating Lagrange multipliers in
constrained optimization"), which reacts to a change of g at once:

    ξ_t = ν ξ_(t−1) + (1 − ν) g_t,     λ_(t+1) = λ_t + multiplier_rate·μ·g_t + proportional_rate·μ·(ξ_t − ξ_(t−1)),

from ξ = 0, where t counts the visits of a point; that is λ = proportional_rate·μ·ξ + multiplier_rate·μ·Σ g.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet, by_region
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task, added, objective


@dataclass(frozen=True)
class AugmentedLagrangian:
    """`penalty` is μ; `multiplier_rate` 1 is the classical update, smaller suits noisy batches; `cap` bounds |λ|.

    `proportional_rate` 0 leaves λ to its integral, as it is classically; `smoothing` is ν, the share of ξ that stays.
    """

    penalty: Schedule = 1.0
    multiplier_rate: Schedule = 1.0
    cap: float | None = None
    proportional_rate: Schedule = 0.0
    smoothing: float = 0.0
    name: Literal["augmented-lagrangian"] = "augmented-lagrangian"
    needs: ClassVar[Need] = "constraint"
    has_value: ClassVar[bool] = True
    per_point: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_nonnegative(
            penalty=self.penalty, multiplier_rate=self.multiplier_rate, proportional_rate=self.proportional_rate
        )
        if self.cap is not None and self.cap <= 0:
            raise ValueError(f"cap must be positive or null, got {self.cap}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must lie in [0, 1), got {self.smoothing}")

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        zeros = {
            task.region: points[task.region].x.new_zeros(len(points[task.region]), len(task.constraints))
            for task in tasks
        }
        return {"multipliers": zeros} | ({"smoothed": zeros} if self._proportional else {})

    @property
    def _proportional(self) -> bool:
        """Whether λ follows changes of g, too."""
        return self.proportional_rate != 0

    def direction(self, step: Step, state: State) -> Direction:
        penalty = value_at(self.penalty, step.epoch)
        held = {name: dict(by_region(kept)) for name, kept in state.items()}
        pulls, moved = [], []
        for part in step.parts:
            here = {name: kept[part.task.region][part.batch.index] for name, kept in held.items()}
            shares = part.task.shares(step.theta)
            pulled = step.gradient(part, _lagrangian, part.u, part.batch.weight, shares, here["multipliers"], penalty)
            pulls.append(pulled)
            with step.clock.section("step"):
                moved.append(self._moved(here, part.task.constraint_part(pulled.residuals), penalty, step))
                for name, values in moved[-1].items():
                    kept = held[name][part.task.region]
                    held[name][part.task.region] = kept.index_copy(0, part.batch.index, values)
        return Direction(
            added([one.gradient for one in pulls], step.theta),
            held,
            lambda: {
                "penalty": float(penalty),
                "multipliers_max": max(
                    float(one["multipliers"].abs().max()) for one in moved if one["multipliers"].numel()
                ),
            },
            value=added([one.value for one in pulls], step.theta),
        )

    def _moved(self, held: State, constraints: Tensor, penalty: float, step: Step) -> State:
        """λ, and ξ where there is one, of some points after this visit, (N, C) as their constraints."""
        rate = value_at(self.multiplier_rate, step.epoch)
        multipliers, smoothed = held["multipliers"] + rate * penalty * constraints, {}
        if self._proportional:
            change = (1 - self.smoothing) * (constraints - held["smoothed"])
            multipliers = multipliers + value_at(self.proportional_rate, step.epoch) * penalty * change
            smoothed = {"smoothed": held["smoothed"] + change}
        return {"multipliers": multipliers if self.cap is None else multipliers.clamp(-self.cap, self.cap)} | smoothed


def _lagrangian(
    prediction: Tensor,
    residuals: Tensor,
    u: Tensor | None,
    data_weight: Tensor | None,
    shares: Tensor | None,
    multipliers: Tensor,
    penalty: float,
) -> Tensor:
    constraints = residuals[:, : multipliers.shape[1]]
    terms = multipliers * constraints + 0.5 * penalty * constraints.square()
    return objective(prediction, residuals, u, data_weight, shares) + terms.sum(dim=1).mean()
