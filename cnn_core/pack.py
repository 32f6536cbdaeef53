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

from cnn_core.capture import Given, Recording, Recordings, signature
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

MOST_STACKS = 4
"""Kinds and sizes of stacks whose recorded steps are kept, with the memory that these take."""

_TENSOR = object()
"""Stands for a tensor among what else a state holds."""


class StackRecordings:
    """Recorded steps of the stacks that came last, by kind and size."""

    def __init__(self) -> None:
        self._by_kind: dict[Any, Recordings] = {}

    def of(self, group: Sequence[Training]) -> Recordings:
        """Those of trainings like these."""
        kind = _kind(group[0]), len(group)
        found = self._by_kind.pop(kind, None) or Recordings()
        self._by_kind[kind] = found
        if len(self._by_kind) > MOST_STACKS:
            del self._by_kind[next(iter(self._by_kind))]
        return found

    @property
    def reason(self) -> str | None:
        """Why some steps are not recorded, if so."""
        return next((one.reason for one in self._by_kind.values() if one.reason is not None), None)


class Pack:
    """Trainings that are taken on together, an epoch at a time. `alone` says why some run one by one, by position."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.trainings = list(trainings)
        self.alone: dict[int, str] = {}
        self.recordings = StackRecordings()

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
                run_stacked(group, self.recordings)
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
        training.record, id(model.problem), model.scaled, model.taylor, type(network), model.layout,
        network.activations, buffers,
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


def run_stacked(group: Sequence[Training], recordings: StackRecordings | None = None) -> None:
    """An epoch of trainings of one of the `groups`. Where it raises, all are as they were before it.

    Where the trainings ask for recorded steps, `recordings` keep these from one epoch to the next.
    """
    started = time.perf_counter()
    shuffled = [training.shuffler.get_state() for training in group]
    regions = [dict(training.regions) for training in group]
    try:
        for training in group:
            training.renew()
        stack = _Stack(group)
        stack.take_steps(recordings.of(group) if recordings is not None and group[0].record else None)
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
    """The steps of an epoch of B trainings. `held` is what steps change."""

    def __init__(self, group: Sequence[Training]) -> None:
        self.group, first = group, group[0]
        self.steps, theta = first.steps_per_epoch, torch.stack([one.theta.detach() for one in group])
        self.tasks = tasks(replace(first.model, compile=False, functional=True), first.regions, first.roles)
        self.points = {task.region: _points([one.regions[task.region] for one in group]) for task in self.tasks}
        orders = [[one.indices(task) for task in one.tasks] for one in group]
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
                self.held = self._take(given, epoch) if after is None else after

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
        first = self.group[0]
        sizes = tuple(own["index"].shape for own in given["batches"])
        numbers = [sorted(rates_of(one).items()) for one in (first.method, first.optimizer)]
        plain = tuple((name, rate) for each in numbers for name, rate in each if isinstance(rate, int | float))
        changing = tuple(tuple(rates) for rates in given["rates"])
        early = epoch < getattr(first.method, "warm_up", 0.0)
        kind = sizes, plain, changing, early, signature(self.held)
        return recordings.take(kind, given, lambda: Recording(given, partial(self._take, epoch=epoch)))

    def _take(self, given: Given, epoch: float) -> Given:
        """What is held after a step."""
        held: Given = given["held"]
        stacked, numbers, structure = _split(held["state"])
        known: dict[str, Any] = {}

        def direction(theta: Tensor, batches: Any, rates: Any, own: list[Tensor]) -> Any:
            found = self._direction(theta, batches, rates, _joined(own, numbers, structure), epoch)
            own, known["numbers"], known["structure"] = _split(found.state)
            known["complete"] = found.complete
            return found.gradient, own

        theta, moments, optimizer = held["theta"], held["moments"], self.group[0].optimizer
        gradient, stacked = torch.vmap(direction)(theta, given["batches"], given["rates"], stacked)
        if known["complete"]:
            after = theta - gradient
        else:
            after, moments = moved(theta, gradient, given["rates"][1]["learning_rate"], moments, optimizer)
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
        first = self.group[0]
        parts = [Part(task, MiniBatch(**own)) for task, own in zip(self.tasks, batches, strict=True)]
        method, optimizer = with_rates(first.method, rates[0]), with_rates(first.optimizer, rates[1])
        return method.direction(Step(parts, theta, epoch, optimizer, Clock()), state)

    def give_back(self) -> None:
        """Every training gets its own."""
        held = self.held
        for place, training in enumerate(self.group):
            with torch.no_grad():
                training.theta.copy_(held["theta"][place])
            training.gradient = held["gradient"][place].clone()
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
