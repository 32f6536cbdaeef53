"""When multipliers are computed: not before a warm-up, and then every so many steps.

In between, λ stays attached to the points it was computed at. The state counts the steps since λ was computed as `age`,
and 0 says that there is none yet.
"""

from torch import Tensor

from cnn_core.methods.method import State, Step
from cnn_core.problems import by_region


def none_yet() -> State:
    """The state before the first multipliers."""
    return {"age": 0}


def require_refresh(refresh_interval: int, warm_up: float, cap: float | None) -> None:
    """Raise ValueError for values that mean nothing."""
    if refresh_interval < 1:
        raise ValueError(f"refresh_interval must be at least 1 step, got {refresh_interval}")
    if warm_up < 0:
        raise ValueError(f"warm_up must be 0 or more epochs, got {warm_up}")
    if cap is not None and cap <= 0:
        raise ValueError(f"cap must be positive or null, got {cap}")


def due(state: State, refresh_interval: int | None) -> bool:
    """Whether multipliers are to be computed at this step; with None at the first only."""
    age = state["age"]
    return age == 0 or (refresh_interval is not None and age % refresh_interval == 0)


def older(state: State) -> State:
    """The state after a step with the multipliers that it holds."""
    return state | {"age": state["age"] + 1}


def held(step: Step, multipliers: Tensor) -> State:
    """The state that holds multipliers (R,) just computed, at the batch's points."""
    x, p = ({part.task.region: getattr(part.batch, name) for part in step.constrained} for name in ("x", "p"))
    return {"age": 1, "multipliers": multipliers, "x": x, "p": p}


def held_pull(step: Step, state: State) -> Tensor:
    """Jᵀλ (P,) for the multipliers that the state holds, at their points."""
    x, p = by_region(state["x"]), by_region(state["p"])
    return step.pull(state["multipliers"], {region: (x[region], p[region]) for region in x})
