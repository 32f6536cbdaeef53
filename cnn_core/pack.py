"""Packs: trainings of one shape whose steps are taken at once, stacked along a leading axis.

A step of a small network is some hundred small kernels on a GPU, which runs them for one training or for many in much
the same time. The trainings of a pack have their own seeds, points, shuffles, parameters and rates, and diverge by
themselves; what they have in common is what decides which kernels run: network, problem, method, sizes of batches.
They need not be equally far: each has the rates of its own epoch. After every epoch each is as if it had run by itself,
up to rounding: it can be measured, saved, and go on alone.

Those that cannot be stacked run one after the other, and `Pack.alone` says why. What a method finds worth watching is
not told of stacked steps.

Axis names: B trainings, P parameters, N points.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from cnn_core.clock import Clock
from cnn_core.decisions import away_from_host
from cnn_core.methods.balance import Unbalanced
from cnn_core.methods.method import Direction, MiniBatch, Part, State, Step
from cnn_core.moments import STACKED, moved, stacked_moments, unstacked_moments
from cnn_core.networks import LayeredNetwork
from cnn_core.networks.hard_values import BoxValues
from cnn_core.rates import rates_of, with_rates
from cnn_core.schedules import value_at
from cnn_core.tasks import tasks
from cnn_core.training import Training, TrainingStatus

METHODS_STACKED = ("unconstrained", "soft", "augmented-lagrangian", "reduction", "batch", "null-space")
"""Methods whose steps `torch.func.vmap` carries."""

WITH_JACOBIANS = ("batch", "null-space")

NO_OTHER = "no other training has its shape"

_TENSOR = object()
"""Stands for a tensor among what else a state holds."""


class Pack:
    """Trainings that are taken on together, an epoch at a time. `alone` says why some run one by one, by position."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.trainings = list(trainings)
        self.alone: dict[int, str] = {}

    def run_epoch(self) -> list[TrainingStatus]:
        """One epoch of those that are running."""
        stackable: list[Training] = []
        for position, training in enumerate(self.trainings):
            if training.status is not TrainingStatus.RUNNING:
                continue
            if (reason := why_alone(training)) is not None:
                self.alone[position] = reason
                training.run_epoch()
            else:
                stackable.append(training)
        for group in groups(stackable):
            if len(group) > 1:
                run_stacked(group)
            else:
                self.alone[self.trainings.index(group[0])] = NO_OTHER
                group[0].run_epoch()
        return [training.status for training in self.trainings]


def groups(trainings: Iterable[Training]) -> list[list[Training]]:
    """Those that can be stacked with each other, of trainings that can be stacked (`why_alone`)."""
    found: dict[Any, list[Training]] = {}
    for training in trainings:
        found.setdefault(_kind(training), []).append(training)
    return list(found.values())


def why_alone(training: Training) -> str | None:
    """Why a training's steps cannot be stacked, if so."""
    method, model = training.method, training.model
    if method.name not in METHODS_STACKED:
        return f"steps of {method.name} are not stacked"
    if training.optimizer.name not in STACKED:
        return f"steps of {training.optimizer.name} are not stacked"
    if not all(task.model.pure for task in training.tasks) or not isinstance(model.network, LayeredNetwork):
        return "its passes are no pure functions: another network's, or with partners of points, or unknowns"
    if getattr(method, "refresh_interval", 1) > 1 and method.name in WITH_JACOBIANS:
        return "multipliers that are held for several steps are not stacked"
    if getattr(method, "growth_limit", None) is not None:
        return "growth_limit decides by numbers"
    if not isinstance(getattr(method, "balance", Unbalanced()), Unbalanced):
        return "balanced weights are not stacked"
    weighted = any(points.weight is not None for points in training.regions.values())
    if method.name in WITH_JACOBIANS and (weighted or not all(_plain(task) for task in training.tasks)):
        return "Jacobians are stacked where every region has constraints and data, without weights or other objectives"
    return None


def _plain(task: Any) -> bool:
    return bool(task.constraints) and task.learns and task.by_values


def _kind(training: Training) -> Any:
    """What trainings that are stacked have in common."""
    model, method, optimizer = training.model, training.method, training.optimizer
    network = cast(LayeredNetwork, model.network)
    buffers = tuple((name, tuple(held.flatten().tolist())) for name, held in network.named_buffers())
    return (
        id(model.problem), model.scaled, model.taylor, type(network), model.layout, network.activations, buffers,
        _by_value(network.transform), _settings(method), _settings(optimizer), _warming_up(training),
        tuple(training.batch_sizes.items()), tuple(sorted(training.roles.items())), training.theta.dtype,
        str(training.theta.device), _shape_of(training.method_state),
        tuple((name, len(one), one.observed, one.weight is None) for name, one in training.regions.items()),
    )  # fmt: skip


def _by_value(transform: Any) -> Any:
    """Ours are equal where they do the same."""
    return transform if isinstance(transform, BoxValues) else id(transform)


def _warming_up(training: Training) -> float:
    """How many epochs of the method's warm-up are left: in them its steps are others."""
    return max(0.0, getattr(training.method, "warm_up", 0.0) - training.epoch)


def _settings(description: Any) -> Any:
    """Everything about a method or an optimizer but its rates; of these, whether they are 0 for good."""
    rates = rates_of(description)
    others = [
        (one.name, getattr(description, one.name))
        for one in fields(description)
        if not any(name.partition(".")[0] == one.name for name in rates) and one.name != "weights"
    ]
    return type(description), tuple(others), tuple((name, rate == 0) for name, rate in rates.items())


def _shape_of(state: Any) -> Any:
    """How a state is built: shapes of tensors, and what else it holds."""
    leaves, structure = tree.tree_flatten(state)
    return structure, tuple(tuple(one.shape) if isinstance(one, Tensor) else one for one in leaves)


def run_stacked(group: Sequence[Training]) -> None:
    """An epoch of trainings of one of the `groups`. Where it raises, all are as they were before it."""
    started = time.perf_counter()
    shuffled = [training.shuffler.get_state() for training in group]
    regions = [dict(training.regions) for training in group]
    try:
        for training in group:
            training.renew()
        stack = _Stack(group)
        stack.take_steps()
        taken = stack.taken.tolist()
    except BaseException:
        for training, order, points in zip(group, shuffled, regions, strict=True):
            training.shuffler.set_state(order)
            training.regions = points
        raise
    stack.give_back()
    seconds = (time.perf_counter() - started) / len(group)
    for training, steps, before in zip(group, taken, shuffled, strict=True):
        training.clock.seconds["step"] += seconds
        training.end_epoch(steps, before)


class _Stack:
    """The steps of an epoch of B trainings."""

    def __init__(self, group: Sequence[Training]) -> None:
        self.group, first = group, group[0]
        self.steps, self.theta = first.steps_per_epoch, torch.stack([one.theta.detach() for one in group])
        self.tasks = tasks(replace(first.model, compile=False, functional=True), first.regions, first.roles)
        self.points = {task.region: _points([one.regions[task.region] for one in group]) for task in self.tasks}
        orders = [[one.indices(task) for task in one.tasks] for one in group]
        self.indices = [
            [torch.stack([order[place][step] for order in orders]) for place in range(len(self.tasks))]
            for step in range(self.steps)
        ]
        self.moments = stacked_moments([(one.stepper, one.theta) for one in group], first.optimizer)
        self.state = tree.tree_map(
            lambda *held: torch.stack(held) if isinstance(held[0], Tensor) else held[0],
            *[one.method_state for one in group],
        )
        self.method_rates = self._rates([one.method for one in group])
        self.optimizer_rates = self._rates([one.optimizer for one in group])
        self.going = torch.ones(len(group), dtype=torch.bool, device=self.theta.device)
        self.taken = torch.zeros(len(group), dtype=torch.long, device=self.theta.device)
        self.gradient = torch.zeros_like(self.theta)

    def _rates(self, descriptions: Sequence[Any]) -> dict[str, Tensor]:
        """The rates that are not one plain number for all, (steps, B) each: copied to the device once an epoch."""
        each, begun = [rates_of(one) for one in descriptions], [training.epoch for training in self.group]
        rates = {}
        for name, rate in each[0].items():
            if name != "learning_rate" and isinstance(rate, int | float) and all(one[name] == rate for one in each):
                continue
            values = [
                [value_at(one[name], epoch + step / self.steps) for one, epoch in zip(each, begun, strict=True)]
                for step in range(self.steps)
            ]
            rates[name] = torch.tensor(values, dtype=self.theta.dtype).to(self.theta.device)
        return rates

    def take_steps(self) -> None:
        """All steps, without a look at any number."""
        with away_from_host(stacks=True), torch.no_grad():
            for step in range(self.steps):
                self._take(step)

    def _take(self, step: int) -> None:
        rates = [{name: held[step] for name, held in own.items()} for own in (self.method_rates, self.optimizer_rates)]
        stacked, numbers, structure = _split(self.state)
        known: dict[str, Any] = {}

        def direction(theta: Tensor, points: Any, index: list[Tensor], rates: Any, held: list[Tensor]) -> Any:
            found = self._direction(theta, points, index, rates, _joined(held, numbers, structure), step)
            held, known["numbers"], known["structure"] = _split(found.state)
            known["complete"] = found.complete
            return found.gradient, held

        index = self.indices[step]
        self.gradient, stacked = torch.vmap(direction)(self.theta, self.points, index, rates, stacked)
        self.state = _joined(stacked, known["numbers"], known["structure"])
        if known["complete"]:
            after = self.theta - self.gradient
        else:
            rate = self.optimizer_rates["learning_rate"][step]
            after, self.moments = moved(self.theta, self.gradient, rate, self.moments, self.group[0].optimizer)
        self.going = self.going & torch.isfinite(after).all(dim=1)
        self.theta = torch.where(self.going[:, None], after, self.theta)
        self.taken = self.taken + self.going

    def _direction(
        self, theta: Tensor, points: Any, index: list[Tensor], rates: Any, state: State, step: int
    ) -> Direction:
        """What one of the trainings would do."""
        first = self.group[0]
        parts = [
            Part(task, MiniBatch(**{name: held[own] for name, held in points[task.region].items()}, index=own))
            for task, own in zip(self.tasks, index, strict=True)
        ]
        method, optimizer = with_rates(first.method, rates[0]), with_rates(first.optimizer, rates[1])
        return method.direction(Step(parts, theta, first.epoch + step / self.steps, optimizer, Clock()), state)

    def give_back(self) -> None:
        """Every training gets its own."""
        for place, training in enumerate(self.group):
            with torch.no_grad():
                training.theta.copy_(self.theta[place])
            training.gradient = self.gradient[place].clone()
            training.method_state = tree.tree_map(partial(_row, place=place), self.state)
            unstacked_moments(self.moments, place, training.stepper, training.theta)


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
