"""Rates: those numbers of a method or an optimizer that may be schedules, taken out and put back as tensors.

A step that is recorded, or stacked with those of other trainings, must not hold a number of Python's that changes: it
would be another step each time. Its rates are tensors of one number then, which somebody fills before each step.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from torch import Tensor

from cnn_core.schedules import Schedule, lasting

Described = TypeVar("Described")
"""A frozen dataclass: a method or an optimizer."""


@dataclass(frozen=True, eq=False)
class Held:
    """What stands in the place of a schedule: a tensor of one number, the same at all times for those who ask."""

    number: Tensor

    def at(self, epoch: float) -> Tensor:
        return self.number


def rates_of(description: Any) -> dict[str, Schedule]:
    """The schedules and plain numbers among its fields, by name; those of a mapping as `field.key`."""
    found: dict[str, Schedule] = {}
    for one in fields(description):
        held = getattr(description, one.name)
        if one.type == Schedule:
            found[one.name] = held
        elif one.type == Mapping[str, Schedule]:
            found |= {f"{one.name}.{key}": value for key, value in held.items()}
    return found


def with_rates(description: Described, numbers: Mapping[str, Tensor]) -> Described:
    """The same with tensors of one number in the place of those rates, which were checked when it was made."""
    return _with(description, {name: Held(number) for name, number in numbers.items()})


def in_training(description: Described, epochs: int) -> Described:
    """The same in a training of so many epochs, where each of its schedules has an end."""
    rates = rates_of(description)
    lasts = {name: lasting(rate, max(epochs, 1)) for name, rate in rates.items()}
    changed = {name: rate for name, rate in lasts.items() if rate is not rates[name]}
    return _with(description, changed) if changed else description


def _with(description: Described, rates: Mapping[str, Any]) -> Described:
    changed = copy.copy(description)
    for name, rate in rates.items():
        field, _, key = name.partition(".")
        object.__setattr__(changed, field, {**getattr(changed, field), key: rate} if key else rate)
    return changed
