"""Schedules: hyperparameters that change while training.

A schedule is a value of a method's field (a penalty weight, a gain, a damping, a learning rate). Time is measured in
epochs and may be fractional, so a schedule means the same for every batch size. A plain number is a constant schedule.
One without `epochs` lasts as long as the training that it belongs to, which says so by `lasting`.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Constant:
    """The same value at all times."""

    value: float
    name: Literal["constant"] = "constant"

    def at(self, epoch: float) -> float:
        return self.value


@dataclass(frozen=True)
class Linear:
    """From `start` to `end` in a straight line over `epochs`, or over the whole training; then `end`."""

    start: float
    end: float
    epochs: float | None = None
    name: Literal["linear"] = "linear"

    def __post_init__(self) -> None:
        _require_positive_epochs(self.epochs)

    def at(self, epoch: float) -> float:
        return self.start + (self.end - self.start) * _progress(epoch, self.epochs)


@dataclass(frozen=True)
class Geometric:
    """From `start` to `end` by a constant factor per epoch, as long as `Linear`; both must be positive."""

    start: float
    end: float
    epochs: float | None = None
    name: Literal["geometric"] = "geometric"

    def __post_init__(self) -> None:
        _require_positive_epochs(self.epochs)
        if self.start <= 0 or self.end <= 0:
            raise ValueError(f"a geometric schedule needs start > 0 and end > 0, got {self.start} and {self.end}")

    def at(self, epoch: float) -> float:
        return self.start * (self.end / self.start) ** _progress(epoch, self.epochs)


@dataclass(frozen=True)
class Cosine:
    """From `start` to `end` along half a cosine, as long as `Linear`."""

    start: float
    end: float
    epochs: float | None = None
    name: Literal["cosine"] = "cosine"

    def __post_init__(self) -> None:
        _require_positive_epochs(self.epochs)

    def at(self, epoch: float) -> float:
        remaining = 0.5 * (1 + math.cos(math.pi * _progress(epoch, self.epochs)))
        return self.end + (self.start - self.end) * remaining


@dataclass(frozen=True)
class Step:
    """`start`, multiplied by `factor` every `every` epochs."""

    start: float
    factor: float
    every: float
    name: Literal["step"] = "step"

    def __post_init__(self) -> None:
        if self.every <= 0 or self.factor <= 0:
            raise ValueError(
                f"a step schedule needs every > 0 epochs and factor > 0, got {self.every} and {self.factor}"
            )

    def at(self, epoch: float) -> float:
        try:
            return self.start * self.factor ** math.floor(epoch / self.every)
        except OverflowError:
            return self.start * math.inf if self.start else 0.0


@dataclass(frozen=True)
class WarmUp:
    """Zero until `delay`, then up to `value` in a straight line over `epochs` (0: at once)."""

    value: float
    epochs: float
    delay: float = 0.0
    name: Literal["warm-up"] = "warm-up"

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.delay < 0:
            raise ValueError(f"a warm-up needs epochs >= 0 and delay >= 0, got {self.epochs} and {self.delay}")

    def at(self, epoch: float) -> float:
        if epoch < self.delay:
            return 0.0
        if self.epochs == 0:
            return self.value
        return self.value * _progress(epoch - self.delay, self.epochs)


Schedule = float | Constant | Linear | Geometric | Cosine | Step | WarmUp


def value_at(schedule: Schedule, epoch: float) -> float:
    """The value of a schedule, or of a plain number, at a time in epochs (fractions count)."""
    return float(schedule) if isinstance(schedule, int | float) else schedule.at(epoch)


def lasting(schedule: Schedule, epochs: float) -> Schedule:
    """The schedule in a training of so many epochs."""
    if isinstance(schedule, Linear | Geometric | Cosine) and schedule.epochs is None:
        return replace(schedule, epochs=epochs)
    return schedule


def require_nonnegative(**schedules: Schedule) -> None:
    """Raise ValueError naming the first schedule that takes a negative value at its start or in the long run."""
    for name, schedule in schedules.items():
        if not (value_at(schedule, 0.0) >= 0 and value_at(lasting(schedule, 1.0), 1e9) >= 0):
            raise ValueError(f"{name} must not be negative, got {schedule}")


def _progress(epoch: float, epochs: float | None) -> float:
    """How far a schedule has got, from 0 to 1; one that belongs to no training does not move."""
    return 0.0 if epochs is None else min(max(epoch / epochs, 0.0), 1.0)


def _require_positive_epochs(epochs: float | None) -> None:
    if epochs is not None and epochs <= 0:
        raise ValueError(f"a schedule needs epochs > 0, got {epochs}")
