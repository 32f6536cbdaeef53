"""Recorded steps: a step of a training as one CUDA graph, which a GPU plays again without the host.

A step of a small network is some hundred small kernels, and launching them takes longer than running them. What a
recording reads stands in buffers that are filled before it is played: the batch, the method's state and the rates. What
it answers, it leaves in the same tensors each time. Steps of one training change θ, and what the optimizer remembers,
in place; those of a stack (`cnn_core.stack`) answer with what is so after them.

Steps differ in kind: by the sizes of their batches, before and after a `warm_up`, and by what the state holds. Each
kind is taken as it is at first and recorded then. Without a GPU all of this is the same, but that steps are taken again
rather than played. What cannot be recorded is taken as it is, and `reason` says why.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakMethod

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from cnn_core.clock import Clock
from cnn_core.decisions import away_from_host
from cnn_core.methods.method import Direction, Method, MiniBatch, Part, State, Step
from cnn_core.optimizers import Group, Optimizer
from cnn_core.rates import rates_of, with_rates
from cnn_core.schedules import value_at
from cnn_core.tasks import Task

TAKEN_FIRST = 3
"""Steps of a kind before it is recorded; they allocate, and choose algorithms, what a recording must not."""

MOST_KINDS = 16
"""Of recordings, each of which keeps the memory of a step. Methods that count their steps have one for each."""

Given = dict[str, Any]
"""What a step reads: tensors and plain numbers, in dicts and lists."""

Move = Callable[[Step, Method, State], Direction]
"""Takes a step, in place."""


class Recordings:
    """Steps of several kinds; there is `room` for so many. `reason` says why others are not recorded, if so."""

    def __init__(self) -> None:
        self._by_kind: dict[Any, Recording] = {}
        self.room = MOST_KINDS
        self.reason: str | None = None

    def take(self, kind: Any, given: Given, recording: "Callable[[], Recording]") -> Any | None:
        """The answer to a step of this kind, of which the first `recording` is made; None where nothing was done."""
        if kind not in self._by_kind:
            if len(self._by_kind) == self.room:
                return self._refuse(f"there are more than {self.room} kinds of them, of which the first are recorded")
            self._by_kind[kind] = recording()
        held = self._by_kind[kind]
        answer = held.take(given)
        if held.due:
            try:
                held.record()
            except RuntimeError as error:
                self.give_up(" ".join(str(error).split("\n")[0].split()))
        return answer

    def give_up(self, reason: str) -> None:
        """From now on none is recorded."""
        self.room = 0
        self._by_kind.clear()
        self._refuse(reason)

    def _refuse(self, reason: str) -> None:
        """The first reason is told."""
        if self.reason is None:
            self.reason = reason
            warnings.warn(f"steps are not recorded but taken one by one: {reason}", stacklevel=3)


class Recording:
    """One kind of step, which reads what it is `given` in buffers of its own. `groups` are the optimizers' settings."""

    def __init__(self, given: Given, move: Callable[[Given], Any], groups: Sequence[Group] = ()) -> None:
        self.given, self.move, self.groups = _copies(given), move, groups
        self.taken = 0
        self.answer: Any = None
        self.graph: Any = None

    def take(self, given: Given) -> Any:
        """The step's answer, which a recorded one leaves in the same tensors each time."""
        fill(self.given, given)
        self.taken += 1
        if self.graph is None:
            return self.move(self.given)
        self.graph.replay()
        return self.answer

    @property
    def due(self) -> bool:
        """Whether it is time to record."""
        return self.taken == TAKEN_FIRST and next(_tensors(self.given)).device.type == "cuda"

    def record(self) -> None:
        """From now on steps are played. Raises RuntimeError where torch cannot record."""
        graph, here = torch.cuda.CUDAGraph(), torch.cuda.stream(torch.cuda.current_stream())
        try:  # torch leaves the thread on the stream of a recording that breaks off, so `here` leads back
            with here, _capturable(self.groups), torch.cuda.graph(graph, capture_error_mode="thread_local"):
                answer = self.move(self.given)  # which only records
        except RuntimeError:
            _renew_generator()
            raise
        self.answer, self.graph = answer, graph


def _renew_generator() -> None:
    """A recording that breaks off leaves the GPU's random numbers unusable; they begin anew."""
    device = torch.cuda.current_device()
    generator = torch.Generator(device="cuda").manual_seed(torch.cuda.initial_seed())
    torch.cuda.default_generators[device].graphsafe_set_state(generator.graphsafe_get_state())


class Recorder:
    """The recorded steps of one training, whose method `move` takes one. `reason` says why some are not, if so.

    It holds no training, and what it has recorded no recorder: a training that is over leaves a GPU's memory at once.
    """

    def __init__(self, method: Method, optimizer: Optimizer, theta: Tensor, move: Move, groups: list[Group]) -> None:
        self._method, self._optimizer, self._theta, self._groups = method, optimizer, theta, groups
        self._move = WeakMethod(move)
        self._recordings = Recordings()
        for one in (method, optimizer):
            if (reason := getattr(one, "unrecorded", None)) is not None:  # a recording would break off and leave harm
                self._recordings.give_up(f"those of {one.name} {reason}")
        self._rates = {
            "method": {name: rate for name, rate in rates_of(method).items() if not isinstance(rate, int | float)},
            "optimizer": rates_of(optimizer),
        }
        rounded = torch.float32 if theta.is_cuda else theta.dtype  # what torch's optimizers take there
        dtypes = {"method": theta.dtype, "optimizer": rounded}
        self._numbers = {
            whose: {
                name: torch.full((), value_at(rate, 0.0), dtype=dtypes[whose], device=theta.device)
                for name, rate in rates.items()
            }
            for whose, rates in self._rates.items()
        }

    @property
    def reason(self) -> str | None:
        return self._recordings.reason

    def take(self, parts: Sequence[Part], epoch: float, state: State) -> Direction | None:
        """A step on these parts; None, with nothing done, where steps of this kind are not recorded."""
        if not self._recordings.room:
            return None
        for whose, rates in self._rates.items():
            for name, rate in rates.items():
                self._numbers[whose][name].fill_(value_at(rate, epoch))
        kind = *(len(part.batch) for part in parts), epoch < getattr(self._method, "warm_up", 0.0), signature(state)
        # the state comes first: it may hold the batch before, in the buffers of the batch
        given = {"state": state, "batches": [vars(part.batch) for part in parts]}
        tasks = [part.task for part in parts]
        return self._recordings.take(kind, given, lambda: Recording(given, self._mover(tasks, epoch), self._groups))

    def _mover(self, tasks: Sequence[Task], epoch: float) -> Callable[[Given], Direction]:
        """Takes a step of one kind, at rates that are tensors."""
        method = with_rates(self._method, self._numbers["method"])
        optimizer = with_rates(self._optimizer, self._numbers["optimizer"])
        theta, move_of_training = self._theta, self._move

        def move(given: Given) -> Direction:
            parts = [Part(task, MiniBatch(**own)) for task, own in zip(tasks, given["batches"], strict=True)]
            take = move_of_training()
            assert take is not None  # the training asks for this very step
            with away_from_host():
                return take(Step(parts, theta, epoch, optimizer, Clock()), method, given["state"])

        return move


@contextmanager
def _capturable(groups: Sequence[Group]) -> Iterator[None]:
    """Torch's optimizers want to be told."""
    before = [group.get("capturable") for group in groups]
    for group in groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group, own in zip(groups, before, strict=True):
            group["capturable"] = own
            if own is None:
                del group["capturable"]


def signature(held: Any) -> Any:
    """What tells states apart for which a step is another one: shapes of tensors, and all that is none."""
    if isinstance(held, Tensor):
        return held.shape, held.dtype
    return tuple((key, signature(one)) for key, one in held.items()) if isinstance(held, dict) else held


def _copies(held: Any) -> Any:
    return tree.tree_map(lambda one: one.clone() if isinstance(one, Tensor) else one, held)


def fill(mine: Given, given: Given) -> None:
    """Copies the tensors of what has the same signature."""
    for own, one in zip(_tensors(mine), _tensors(given), strict=True):
        own.copy_(one)


def _tensors(held: Any) -> Iterator[Tensor]:
    return (one for one in tree.tree_leaves(held) if isinstance(one, Tensor))
