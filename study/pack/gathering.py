"""Trainings that come for their next epoch, each from a thread of its own, and are taken on together.

Whoever comes first while no epoch is under way waits for the others, and then runs the epoch of all that are there. It
waits only for those that are expected: that were here for their last epoch, and have not been away for long since; who
measures or saves meanwhile, has left, or was lost, catches the next one.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import torch

from cnn_core.metrics import Measurement
from cnn_core.pack import NO_OTHER, StackRecordings, groups, run_stacked, taken_alike, why_alone
from cnn_core.problems import PointSet
from cnn_core.stacked_metrics import measure_stacked
from cnn_core.training import Training
from search_spaces.errors import one_line
from study.trial.seconds import Seconds

PATIENCE, LEAST, MOST = 0.5, 0.1, 2.0
"""Who is away is waited for a share of an epoch's seconds, but for at least, and at most, so many."""

BY_ITSELF = 1

T = TypeVar("T")

Points = Sequence[Mapping[str, PointSet]]
"""What a member measures after an epoch: points by region, in several groups."""


@dataclass(frozen=True)
class Share:
    """What an epoch took of the `seconds` for one of its `members`, and what of its points was `measured` after it.

    Where measuring at once raises, nothing was, and `refused` says why.
    """

    seconds: Seconds
    members: int
    measured: Sequence[Mapping[str, Measurement]] = ()
    refused: str = ""


@dataclass(frozen=True)
class Alone:
    """A training has to take its epoch by itself, and why."""

    reason: str


@dataclass
class Seat:
    """A training that has come for its next epoch, to measure `points` after it; `given` once that is over."""

    training: Training
    points: Points = ()
    given: Share | Alone | None = None


@dataclass
class Refusals:
    """Why groups compute nothing at once. For those that had no memory for it, by kind and size, that stays so."""

    kept: dict[Any, str] = field(default_factory=dict)

    def at_once(self, what: str, group: Sequence[Seat], compute: Callable[[], T]) -> T | Alone:
        """What is computed for a group at once, or why it is not."""
        kind = what, taken_alike(group[0].training), len(group)
        if kind in self.kept:
            return Alone(self.kept[kind])
        try:
            return compute()
        except torch.AcceleratorError:
            raise  # this process can no longer use its GPU
        except Exception as error:  # no memory for all; or the user's own code, which then raises by itself, too
            reason = f"{what} {one_line(error)}"
            if isinstance(error, torch.OutOfMemoryError):
                self.kept[kind] = reason
            return Alone(reason)


@dataclass
class Gathering:
    """Those who train here. `bench` is held by whoever computes: one at a time, so that seconds are theirs alone."""

    bench: threading.RLock = field(default_factory=threading.RLock)
    waiting: list[Seat] = field(default_factory=list)
    away: dict[str, float] = field(default_factory=dict)  # since when
    busy: set[str] = field(default_factory=set)
    patience: float = LEAST
    led: bool = False
    recordings: StackRecordings = field(default_factory=StackRecordings)
    refusals: Refusals = field(default_factory=Refusals)

    def __post_init__(self) -> None:
        self.changed = threading.Condition()

    @contextmanager
    def epoch(self, name: str, training: Training, points: Points = ()) -> Iterator[Share | Alone]:
        """The next epoch of a training, once it is over, or why it takes it by itself; within, others expect it."""
        reason = why_alone(training)
        if reason is not None:
            yield Alone(reason)
            return
        self._comes(name)
        try:
            yield self._seated(Seat(training, points))
        finally:
            self._goes(name)

    def leave(self, name: str) -> None:
        """Nobody expects it any more."""
        with self.changed:
            self.away.pop(name, None)
            self.changed.notify_all()

    def _comes(self, name: str) -> None:
        with self.changed:
            self.away.pop(name, None)
            self.busy.add(name)

    def _goes(self, name: str) -> None:
        with self.changed:
            self.busy.discard(name)
            self.away[name] = time.monotonic()
            self.changed.notify_all()

    def _seated(self, seat: Seat) -> Share | Alone:
        with self.changed:
            self.waiting.append(seat)
            self.changed.notify_all()
            while seat.given is None and self.led:
                self.changed.wait()
            if seat.given is not None:
                return seat.given
            self.led = True
        try:
            self._wait_for_others()
            self._lead()
        finally:
            with self.changed:
                self.led = False
                self.changed.notify_all()
        assert seat.given is not None
        return seat.given

    def _wait_for_others(self) -> None:
        with self.changed:
            while (until := self._expected_until()) > (now := time.monotonic()):
                self.changed.wait(until - now)

    def _expected_until(self) -> float:
        """Until when it is worth waiting: a time that has passed where nobody is expected."""
        if len(self.busy) > len(self.waiting):
            return time.monotonic() + MOST
        return max(self.away.values(), default=-MOST) + self.patience

    def _lead(self) -> None:
        """The epoch of all that are here once the bench is free."""
        with self.bench:
            with self.changed:
                seats, self.waiting = self.waiting, []
            began = time.monotonic()
            for seat, given in zip(seats, _taken_on(seats, self.recordings, self.refusals), strict=True):
                seat.given = given
            self.patience = min(MOST, max(LEAST, PATIENCE * (time.monotonic() - began)))


def _taken_on(seats: Sequence[Seat], recordings: StackRecordings, refusals: Refusals) -> list[Share | Alone]:
    """An epoch of these, as far as they can be stacked with each other; what each is given."""
    seat_of = {id(seat.training): seat for seat in seats}
    try:
        together = groups(seat.training for seat in seats)
    except Exception as error:  # of settings of the user's own that cannot be compared
        return [Alone(f"it cannot be compared with others ({one_line(error)})")] * len(seats)
    found: dict[int, Share | Alone] = {}
    for group in together:
        own = [seat_of[id(training)] for training in group]
        found |= zip(map(id, group), _run(own, recordings, refusals), strict=True)
    return [found[id(seat.training)] for seat in seats]


def _run(group: Sequence[Seat], recordings: StackRecordings, refusals: Refusals) -> Sequence[Share | Alone]:
    """An epoch of trainings that can be stacked with each other; what each is given."""
    if len(group) == BY_ITSELF:
        return [Alone(NO_OTHER)]
    spent = Seconds()

    def take() -> None:
        with spent.counting():
            run_stacked([seat.training for seat in group], recordings)

    if isinstance(refused := refusals.at_once("stacked steps raise", group, take), Alone):
        return [refused] * len(group)
    each = Seconds(spent.clock / len(group), spent.cpu / len(group))
    measured = refusals.at_once("measuring at once raises", group, partial(_measured, group))
    if isinstance(measured, Alone):  # each measures by itself
        return [Share(each, len(group), refused=measured.reason)] * len(group)
    return [Share(each, len(group), own) for own in measured]


def _measured(group: Sequence[Seat]) -> Sequence[Sequence[Mapping[str, Measurement]]]:
    """What each of these trainings measures, as far as that can be done at once: by its groups of points."""
    model, thetas = group[0].training.model, [seat.training.theta for seat in group]
    groups_of_points = zip(*(seat.points for seat in group), strict=True)
    by_points = [measure_stacked(model, thetas, points) for points in groups_of_points]
    return [[found[place] for found in by_points] for place in range(len(group))]
