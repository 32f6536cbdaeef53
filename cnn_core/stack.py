"""The steps of an epoch of several trainings of one shape, taken at once: everything has their leading axis.

Axis names: B trainings, P parameters, N points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from cnn_core.capture import Given, Recording, Recordings, signature
from cnn_core.clock import Clock
from cnn_core.decisions import away_from_host
from cnn_core.methods.method import Direction, Method, MiniBatch, Part, State, Step
from cnn_core.moments import moved, stacked_moments, unstacked_moments
from cnn_core.optimizers import Optimizer
from cnn_core.rates import rates_of, with_rates
from cnn_core.schedules import value_at
from cnn_core.tasks import Task, tasks
from cnn_core.training import Training

_TENSOR = object()
"""Stands for a tensor among what else a state holds."""


@dataclass(frozen=True, eq=False)
class Taking:
    """How a step is taken, which is one for all trainings of a stack, but for their rates."""

    tasks: Sequence[Task]
    method: Method
    optimizer: Optimizer

    def step(self, given: Given, epoch: float) -> Given:
        """What is held after a step."""
        held: Given = given["held"]
        stacked, numbers, structure = _split(held["state"])
        known: dict[str, Any] = {}

        def direction(theta: Tensor, batches: Any, rates: Any, own: list[Tensor]) -> Any:
            found = self._direction(theta, batches, rates, _joined(own, numbers, structure), epoch)
            own, known["numbers"], known["structure"] = _split(found.state)
            known["complete"] = found.complete
            return found.gradient, own

        theta, moments = held["theta"], held["moments"]
        gradient, stacked = torch.vmap(direction)(theta, given["batches"], given["rates"], stacked)
        if known["complete"]:
            after = theta - gradient
        else:
            after, moments = moved(theta, gradient, given["rates"][1]["learning_rate"], moments, self.optimizer)
        going = held["going"] & torch.isfinite(after).all(dim=1)
        return {
            "theta": torch.where(going[:, None], after, theta),
            "gradient": gradient,
            "moments": moments,
            "going": going,
            "taken": held["taken"] + going,
            "state": _joined(stacked, known["numbers"], known["structure"]),
        }

    def _direction(
        self, theta: Tensor, batches: Sequence[Mapping[str, Tensor]], rates: Any, state: State, epoch: float
    ) -> Direction:
        """What one of the trainings would do."""
        parts = [Part(task, MiniBatch(**own)) for task, own in zip(self.tasks, batches, strict=True)]
        method, optimizer = with_rates(self.method, rates[0]), with_rates(self.optimizer, rates[1])
        return method.direction(Step(parts, theta, epoch, optimizer, Clock()), state)


class Stack:
    """The steps of an epoch of B trainings. `held` is what steps change."""

    def __init__(self, group: Sequence[Training]) -> None:
        self.group, first = group, group[0]
        self.steps, theta = len(first.batches), torch.stack([one.theta.detach() for one in group])
        model = replace(first.model, compile=False, functional=True)
        self.taking = Taking(tasks(model, first.regions, first.roles), first.method, first.optimizer)
        self.tasks, self.recorded = self.taking.tasks, False
        self.points = {task.region: _points([one.regions[task.region] for one in group]) for task in self.tasks}
        orders = [[one.batches.indices(task) for task in one.tasks] for one in group]
        self.indices = [
            [torch.stack([order[place][step] for order in orders]) for place in range(len(self.tasks))]
            for step in range(self.steps)
        ]
        state = tree.tree_map(
            lambda *held: torch.stack(held) if isinstance(held[0], Tensor) else held[0],
            *[one.method_state for one in group],
        )
        self.held: Given = {
            "theta": theta,
            "gradient": torch.zeros_like(theta),
            "moments": stacked_moments([(one.stepper, one.theta) for one in group], first.optimizer),
            "going": torch.ones(len(group), dtype=torch.bool, device=theta.device),
            "taken": torch.zeros(len(group), dtype=torch.long, device=theta.device),
            "state": state,
        }
        self.rates = self._rates([one.method for one in group]), self._rates([one.optimizer for one in group])

    def _rates(self, descriptions: Sequence[Any]) -> dict[str, Tensor]:
        """The rates that are not one plain number for all, (steps, B) each: copied to the device once an epoch."""
        each, begun = [rates_of(one) for one in descriptions], [training.epoch for training in self.group]
        rates, theta = {}, self.held["theta"]
        for name, rate in each[0].items():
            if name != "learning_rate" and isinstance(rate, int | float) and all(one[name] == rate for one in each):
                continue
            values = [
                [value_at(one[name], epoch + step / self.steps) for one, epoch in zip(each, begun, strict=True)]
                for step in range(self.steps)
            ]
            rates[name] = torch.tensor(values, dtype=theta.dtype).to(theta.device)
        return rates

    @property
    def taken(self) -> Tensor:
        """How many steps of each were finite (B,)."""
        return self.held["taken"]

    def take_steps(self, recordings: Recordings | None) -> None:
        """All steps, without a look at any number."""
        with away_from_host(stacks=True), torch.no_grad():
            for step in range(self.steps):
                epoch = self.group[0].epoch + step / self.steps
                given = {"held": self.held, "batches": self._batches(step), "rates": self._rates_at(step)}
                after = None if recordings is None else self._recorded(recordings, given, epoch)
                self.recorded = after is not None
                self.held = self.taking.step(given, epoch) if after is None else after

    def _batches(self, step: int) -> list[dict[str, Tensor]]:
        """What the trainings' batches hold, (B, N, …) each, for every task."""
        batches = []
        for task, index in zip(self.tasks, self.indices[step], strict=True):
            each = torch.arange(len(index), device=index.device)[:, None]
            batches.append({name: held[each, index] for name, held in self.points[task.region].items()})
            batches[-1]["index"] = index
        return batches

    def _rates_at(self, step: int) -> list[dict[str, Tensor]]:
        """The method's rates (B,), and the optimizer's."""
        return [{name: each[step] for name, each in rates.items()} for rates in self.rates]

    def _recorded(self, recordings: Recordings, given: Given, epoch: float) -> Given | None:
        """What is held after a step, if steps like it are recorded, whichever epoch or group they belong to."""
        taking = self.taking
        sizes = tuple(own["index"].shape for own in given["batches"])
        changing = tuple(tuple(rates) for rates in given["rates"])
        plain = tuple(
            tuple((name, rate) for name, rate in rates_of(one).items() if name not in names)
            for one, names in zip((taking.method, taking.optimizer), changing, strict=True)
        )
        early = epoch < getattr(taking.method, "warm_up", 0.0)
        kind = sizes, plain, changing, early, signature(self.held)
        return recordings.take(kind, given, lambda: Recording(given, partial(taking.step, epoch=epoch)))

    def give_back(self) -> None:
        """Every training gets its own."""
        held = self.held
        for place, training in enumerate(self.group):
            with torch.no_grad():
                training.theta.copy_(held["theta"][place])
            training.gradient, training.recorded = held["gradient"][place].clone(), self.recorded
            training.watch = dict  # what a step by itself found is not so any more
            training.method_state = tree.tree_map(partial(_row, place=place), held["state"])
            unstacked_moments(held["moments"], place, training.stepper, training.theta)


def _points(sets: Sequence[Any]) -> Mapping[str, Tensor]:
    """What a batch is taken from, (B, N, …) each."""
    held = {
        "x": [one.x for one in sets],
        "p": [one.constants for one in sets],
        "u": [one.u for one in sets],
        "weight": [one.weight for one in sets],
    }
    return {name: torch.stack(each) for name, each in held.items() if each[0] is not None}


def _row(held: Any, place: int) -> Any:
    return held[place].clone() if isinstance(held, Tensor) else held


def _split(state: State) -> tuple[list[Tensor], list[Any], Any]:
    """A state's tensors, what else it holds, and how both belong together."""
    leaves, structure = tree.tree_flatten(state)
    tensors = [one for one in leaves if isinstance(one, Tensor)]
    return tensors, [_TENSOR if isinstance(one, Tensor) else one for one in leaves], structure


def _joined(tensors: Sequence[Tensor], numbers: Sequence[Any], structure: Any) -> State:
    held = iter(tensors)
    return tree.tree_unflatten([next(held) if one is _TENSOR else one for one in numbers], structure)
