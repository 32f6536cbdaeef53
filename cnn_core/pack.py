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
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, cast

from torch import Tensor
from torch.utils import _pytree as tree

from cnn_core.capture import Recordings
from cnn_core.methods.balance import Unbalanced
from cnn_core.moments import STACKED
from cnn_core.networks import LayeredNetwork
from cnn_core.networks.hard_values import BoxValues
from cnn_core.rates import rates_of
from cnn_core.stack import Stack
from cnn_core.training import Training, TrainingStatus

METHODS_STACKED = ("unconstrained", "soft", "augmented-lagrangian", "reduction", "batch", "null-space")
"""Methods whose steps `torch.func.vmap` carries."""

WITH_JACOBIANS = ("batch", "null-space")

NO_OTHER = "no other training has its shape"

MOST_STACKS = 8
"""Kinds and sizes of stacks whose recorded steps are kept, with the memory these take; 16 trainings make no more."""


class StackRecordings:
    """Recorded steps of the stacks that came last, by kind and size."""

    def __init__(self) -> None:
        self._by_kind: dict[Any, Recordings] = {}

    def of(self, group: Sequence[Training]) -> Recordings:
        """Those of trainings like these."""
        kind = taken_alike(group[0]), len(group)
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
    if (reason := getattr(method, "unrecorded", None)) is not None:
        return f"steps of {method.name} {reason}"
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
    return taken_alike(training), _warming_up(training), _shape_of(training.method_state)


def taken_alike(training: Training) -> Any:
    """What trainings have in common that can be stacked at some epoch."""
    model, method, optimizer = training.model, training.method, training.optimizer
    network = cast(LayeredNetwork, model.network)
    buffers = tuple((name, tuple(held.flatten().tolist())) for name, held in network.named_buffers())
    return (
        training.record, id(model.problem), model.scaled, model.taylor, type(network), model.layout,
        network.activations, buffers,
        _by_value(network.transform), _settings(method), _settings(optimizer),
        tuple(training.batches.sizes.items()), tuple(sorted(training.roles.items())), training.theta.dtype,
        str(training.theta.device),
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
    shuffled = [training.batches.shuffler.get_state() for training in group]
    regions = [dict(training.regions) for training in group]
    try:
        for training in group:
            training.renew()
        stack = Stack(group)
        stack.take_steps(recordings.of(group) if recordings is not None and group[0].record else None)
        taken = stack.taken.tolist()
    except BaseException:
        for training, order, points in zip(group, shuffled, regions, strict=True):
            training.batches.shuffler.set_state(order)
            training.batches.points = points
        raise
    stack.give_back()
    seconds = (time.perf_counter() - started) / len(group)
    for training, steps, before in zip(group, taken, shuffled, strict=True):
        training.clock.seconds["step"] += seconds
        training.end_epoch(steps, before)
