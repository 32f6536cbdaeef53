import time

import pytest

from cnn_core.clock import SECTIONS, Clock


def test_seconds_add_up_per_section() -> None:
    clock = Clock()
    for _ in range(2):
        with clock.section("gram"):
            time.sleep(0.01)
    with clock.section("step"):
        pass
    assert 0.02 <= clock.seconds["gram"] < 1
    assert clock.seconds["step"] < 0.01
    assert clock.seconds["jacobian"] == 0


def test_a_section_that_fails_counts_too() -> None:
    clock = Clock()
    with pytest.raises(RuntimeError, match="oops"), clock.section("residual"):
        time.sleep(0.01)
        raise RuntimeError("oops")
    assert clock.seconds["residual"] >= 0.01


def test_the_sections_are_the_workbooks() -> None:
    assert SECTIONS == ("forward", "residual", "jacobian", "gram", "factorisation", "step")


class Event:
    """A mark on the time of a GPU that does not exist: one millisecond after the one before."""

    now = 0
    waits = 0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self, stream: object) -> None:
        Event.now += 1
        self.at = Event.now

    def synchronize(self) -> None:
        Event.waits += 1

    def elapsed_time(self, later: "Event") -> float:
        return float(later.at - self.at)


def test_on_a_gpu_sections_leave_marks_and_only_a_question_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.Event", Event)
    monkeypatch.setattr("torch.cuda.current_stream", lambda device: None)
    before, clock = Event.waits, Clock("cuda")
    for _ in range(3):
        with clock.section("step"), clock.section("gram"):
            pass
    assert Event.waits == before
    assert clock.seconds == pytest.approx({"step": 0.009, "gram": 0.003})
    assert Event.waits == before + 1
    assert clock.seconds["step"] == pytest.approx(0.009)
    assert Event.waits == before + 1


def test_marks_that_nobody_asks_for_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.Event", Event)
    monkeypatch.setattr("torch.cuda.current_stream", lambda device: None)
    monkeypatch.setattr("cnn_core.clock.MOST_PENDING", 4)
    before, clock = Event.waits, Clock("cuda")
    for _ in range(10):
        with clock.section("step"):
            pass
    assert Event.waits == before + 2
    assert clock.seconds == pytest.approx({"step": 0.01})
