"""Trainings that come from threads of their own get what each would get by itself."""

import threading
import time
from dataclasses import dataclass, field

import pytest
import torch

from cnn_core.methods import METHODS, Soft
from cnn_core.methods.method import Method
from cnn_core.metrics import measure_regions
from cnn_core.networks import Modulated
from cnn_core.pack import NO_OTHER, StackRecordings
from cnn_core.problems import helmholtz
from cnn_core.training import Training, TrainingStatus
from study.pack import gathering as module
from study.pack.gathering import Alone, Gathering, Refusals, Seat, Share
from tests.cnn_core.cases import grid_points, make_model, relative

WAVES = helmholtz()


def training(seed: int, method: Method | None = None, epochs: int = 4) -> Training:
    model = make_model(WAVES, Modulated(widths=(6, 5), activation="tanh"), seed=seed)
    return Training(model, grid_points(WAVES, 13, seed=seed), method or Soft(), batch_size=5, epochs=epochs, seed=seed)


@dataclass
class Member:
    """A thread that trains to the end, and what it was given."""

    name: str
    training: Training
    given: list[Share | Alone] = field(default_factory=list)

    def train(self, together: Gathering, *, epochs: int = 100) -> None:
        while self.training.status is TrainingStatus.RUNNING and len(self.given) < epochs:
            with together.epoch(self.name, self.training) as given, together.bench:
                self.given.append(given)
                if isinstance(given, Alone):
                    self.training.run_epoch()
        together.leave(self.name)


def run(members: list[Member], together: Gathering) -> None:
    threads = [threading.Thread(target=member.train, args=(together,)) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def alone(one: Training) -> Training:
    while one.status is TrainingStatus.RUNNING:
        one.run_epoch()
    return one


def test_those_that_come_together_are_taken_together() -> None:
    members = [Member(str(seed), training(seed)) for seed in range(4)]
    run(members, Gathering())
    for seed, member in enumerate(members):
        assert relative(member.training.theta, alone(training(seed)).theta) < 1e-10
    shares = [given for member in members for given in member.given if isinstance(given, Share)]
    assert {share.members for share in shares} <= {2, 3, 4}
    assert len(shares) >= 8, "the first to come may go by itself, and fall into step after that"


def seats(count: int = 2) -> list[Seat]:
    """Each with points of its own to measure, of two groups."""
    points = [{"interior": grid_points(WAVES, 7, seed=seed)} for seed in range(count)]
    return [Seat(training(seed), (one, {**one})) for seed, one in enumerate(points)]


def test_what_is_measured_after_an_epoch_is_measured_at_once() -> None:
    taken = seats()
    for seat, given in zip(taken, module._taken_on(taken, StackRecordings(), Refusals()), strict=True):
        assert isinstance(given, Share) and len(given.measured) == 2
        alone = measure_regions(seat.training.model, seat.training.theta, seat.points[0])["interior"]
        for measured in given.measured:
            assert relative(measured["interior"].residuals, alone.residuals) < 1e-12


def test_where_measuring_at_once_raises_each_measures_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*arguments: object) -> None:
        raise torch.OutOfMemoryError("no room for all")

    monkeypatch.setattr(module, "measure_stacked", no_room)
    given = module._taken_on(seats(), StackRecordings(), Refusals())
    assert [(one.measured, one.refused) for one in given if isinstance(one, Share)] == [
        ((), "measuring at once raises OutOfMemoryError: no room for all")
    ] * 2


def test_seconds_are_shared() -> None:
    members = [Member(str(seed), training(seed)) for seed in range(2)]
    began = time.perf_counter()
    run(members, Gathering())
    spent = [given.seconds for member in members for given in member.given if isinstance(given, Share)]
    assert 0 < sum(one.clock for one in spent) < time.perf_counter() - began
    assert all(one.cpu > 0 for one in spent)


def test_those_that_cannot_be_stacked_go_by_themselves_at_once() -> None:
    together = Gathering()
    with together.epoch("one", training(0, METHODS["sample"]())) as given:
        assert given == Alone("steps of sample are not stacked")
    assert not together.away


def test_who_is_the_only_one_goes_by_itself() -> None:
    member = Member("one", training(0))
    began = time.perf_counter()
    member.train(Gathering())
    assert member.given == [Alone(NO_OTHER)] * 4
    assert time.perf_counter() - began < 30
    assert relative(member.training.theta, alone(training(0)).theta) < 1e-14


def test_nobody_waits_for_long_for_one_that_does_not_come_back() -> None:
    together = Gathering()
    Member("lost", training(1)).train(together, epochs=1)
    together.away["lost"] = time.monotonic()  # nobody said that it has left
    began = time.monotonic()
    with together.epoch("here", training(0)) as given:
        assert given == Alone(NO_OTHER)
    assert module.LEAST / 2 < time.monotonic() - began < 20
    began = time.monotonic()
    with together.epoch("here", training(0)):
        pass
    assert together.away.keys() == {"lost", "here"}


def test_where_stacked_steps_raise_each_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*arguments: object) -> None:
        raise torch.OutOfMemoryError("no room for all")

    monkeypatch.setattr(module, "run_stacked", no_room)
    together, first, second = Gathering(), training(0), training(1)
    assert (
        module._taken_on([Seat(first), Seat(second)], StackRecordings(), Refusals())
        == [Alone("stacked steps raise OutOfMemoryError: no room for all")] * 2
    )
    member = Member("one", first)
    member.train(together)
    assert member.training.status is TrainingStatus.COMPLETED


@pytest.mark.parametrize("what", ["run_stacked", "measure_stacked"])
@pytest.mark.parametrize(("error", "tries"), [(torch.OutOfMemoryError, 1), (ValueError, 3)])
def test_what_had_no_memory_is_not_tried_again(
    what: str, error: type[Exception], tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many of the same kind; other errors may be those of one trial."""
    tried = []

    def fail(*arguments: object) -> None:
        tried.append(arguments)
        raise error("no room for all")

    refusals, taken = Refusals(), seats(2)
    monkeypatch.setattr(module, what, fail)
    given = [module._taken_on(taken, StackRecordings(), refusals) for _ in range(3)]
    assert len(tried) == tries
    assert len({one.reason if isinstance(one, Alone) else one.refused for both in given for one in both}) == 1
    module._taken_on(seats(3), StackRecordings(), refusals)
    assert len(tried) == tries + 1


def test_a_gpu_that_cannot_be_used_any_more_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise torch.AcceleratorError("device-side assert")

    monkeypatch.setattr(module, "run_stacked", broken)
    with pytest.raises(torch.AcceleratorError):
        module._taken_on([Seat(training(0)), Seat(training(1))], StackRecordings(), Refusals())


def test_what_cannot_be_compared_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def confused(trainings: list[Training]) -> None:
        raise TypeError("unhashable type: 'dict'")

    monkeypatch.setattr(module, "groups", confused)
    told = "it cannot be compared with others (TypeError: unhashable type: 'dict')"
    assert module._taken_on([Seat(training(0)), Seat(training(1))], StackRecordings(), Refusals()) == [Alone(told)] * 2
