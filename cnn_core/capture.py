"""Recorded steps: a step of a training as one CUDA graph, which a GPU plays again without the host.

A step of a small network is some hundred small kernels, and launching them takes longer than running them. What a
recording reads stands in buffers that are filled before it is played: the batch, the method's state and the rates. What
it changes, it changes in place: θ, and what the optimizer remembers. What it answers, it leaves in the same tensors
each time.

Steps differ in kind: by the sizes of their batches, before and after a `warm_up`, and by what the state holds. Each
kind is taken as it is at first and recorded then. Without a GPU all of this is the same, but that steps are taken again
rather than played. What cannot be recorded is taken as it is, and `reason` says why.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cnn_core.clock import Clock
from cnn_core.decisions import away_from_host
from cnn_core.methods.method import Direction, Method, Part, State, Step
from cnn_core.optimizers import Group, Optimizer
from cnn_core.rates import rates_of, with_rates
from cnn_core.schedules import value_at

TAKEN_FIRST = 3
"""Steps of a kind before it is recorded; they allocate, and choose algorithms, what a recording must not."""

MOST_KINDS = 16
"""Of recordings, each of which keeps the memory of a step. Methods that count their steps have one for each."""

Move = Callable[[Step, Method, State], Direction]
"""Takes a step, in place."""


class Recorder:
    """The recorded steps of one training. `reason` says why there are none any more, if so."""

    def __init__(self, method: Method, optimizer: Optimizer, theta: Tensor, move: Move, groups: list[Group]) -> None:
        self._method, self._optimizer, self._theta, self._move, self._groups = method, optimizer, theta, move, groups
        self._recordings: dict[Any, _Recording] = {}
        self.reason: str | None = None
        self._rates = {
            "method": {name: rate for name, rate in rates_of(method).items() if not isinstance(rate, int | float)},
            "optimizer": rates_of(optimizer),
        }
        self._numbers = {
            whose: {name: theta.new_full((), value_at(rate, 0.0), requires_grad=False) for name, rate in rates.items()}
            for whose, rates in self._rates.items()
        }

    def take(self, parts: Sequence[Part], epoch: float, state: State) -> Direction | None:
        """A step on these parts; None, with nothing done, where steps of this kind are not recorded."""
        if self.reason is not None:
            return None
        kind = *(len(part.batch) for part in parts), epoch < getattr(self._method, "warm_up", 0.0), _signature(state)
        if kind not in self._recordings:
            if len(self._recordings) == MOST_KINDS:
                return self._give_up(f"there are more than {MOST_KINDS} kinds of them")
            self._recordings[kind] = self._recording(parts, epoch, state)
        for whose, rates in self._rates.items():
            for name, rate in rates.items():
                self._numbers[whose][name].fill_(value_at(rate, epoch))
        recording = self._recordings[kind]
        answer = recording.take(parts, state)
        if recording.due:
            try:
                recording.record()
            except (RuntimeError, NotImplementedError) as error:
                self._give_up(" ".join(str(error).split("\n")[0].split()))
        return answer

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        self._recordings.clear()
        warnings.warn(f"steps are not recorded but taken one by one: {reason}", stacklevel=2)

    def _recording(self, parts: Sequence[Part], epoch: float, state: State) -> "_Recording":
        held = [Part(part.task, replace(part.batch, **_copies(vars(part.batch)))) for part in parts]
        inside = _copies(state)
        method = with_rates(self._method, self._numbers["method"])
        optimizer = with_rates(self._optimizer, self._numbers["optimizer"])

        def move() -> Direction:
            with away_from_host():
                return self._move(Step(held, self._theta, epoch, optimizer, Clock()), method, inside)

        return _Recording(held, inside, move, self._groups)


@dataclass
class _Recording:
    """One kind of step, with what it reads."""

    parts: Sequence[Part]
    state: State
    move: Callable[[], Direction]
    groups: list[Group]
    taken: int = 0
    answer: Direction | None = None
    graph: Any = None

    def take(self, parts: Sequence[Part], state: State) -> Direction:
        _fill(self.state, state)  # before the batch: it may hold the one before, in the buffers of the batch
        for mine, given in zip(self.parts, parts, strict=True):
            _fill(vars(mine.batch), vars(given.batch))
        self.taken += 1
        if self.answer is None:
            return self.move()
        self.graph.replay()
        return self.answer

    @property
    def due(self) -> bool:
        """Whether it is time to record."""
        return self.taken == TAKEN_FIRST and self.parts[0].batch.x.device.type == "cuda"

    def record(self) -> None:
        """From now on steps are played. Raises RuntimeError where torch cannot record."""
        graph = torch.cuda.CUDAGraph()
        with _capturable(self.groups), torch.cuda.graph(graph):
            self.answer = self.move()  # which only records
        self.graph = graph


@contextmanager
def _capturable(groups: list[Group]) -> Iterator[None]:
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


def _signature(held: Any) -> Any:
    """What tells states apart for which a step is another one: shapes of tensors, and all that is none."""
    if isinstance(held, Tensor):
        return held.shape, held.dtype
    return tuple((key, _signature(one)) for key, one in held.items()) if isinstance(held, dict) else held


def _copies(held: Any) -> Any:
    if isinstance(held, Tensor):
        return held.clone()
    return {key: _copies(one) for key, one in held.items()} if isinstance(held, dict) else held


def _fill(mine: Any, given: Any) -> None:
    """Copies the tensors of what has the same signature."""
    for key, one in mine.items():
        if isinstance(one, Tensor):
            one.copy_(given[key])
        elif isinstance(one, dict):
            _fill(one, given[key])
