"""Plots of trials: only of those that are looked at, after everything else, and never for long."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from study.journal.journal import Journal
from study.journal.record import TrialRecord
from study.report import trial_plots
from study.report.trial_plots import CONVERGENCE
from study.tracking import uploader
from study.tracking.mirror import Mirror
from study.tracking.uploader import DrawingTime
from tests.study import tracked_study
from tests.study.tracked_study import SOFT
from tests.study.tracking.memory_store import Broken, MemoryStore


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[TrialRecord]:
    """The trials that are drawn, in this order; drawing takes no time."""
    records: list[TrialRecord] = []

    def draw(record: TrialRecord, folder: Path, target: Path) -> Mapping[str, str]:
        records.append(record)
        return {CONVERGENCE: ""}

    monkeypatch.setattr(trial_plots, "draw", draw)
    return records


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    tracked_study.fill(tmp_path)
    return Mirror(tmp_path, tracked_study.study(), MemoryStore())  # type: ignore[arg-type]


class Picture:
    """A mirror with endlessly many trials to draw."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.drawn = seconds, 0

    def draw(self) -> bool:
        time.sleep(self.seconds)
        self.drawn += 1
        return True


def idents(drawn: list[TrialRecord]) -> list[str]:
    return [record.trial for record in drawn]


def test_nothing_is_drawn_while_something_is_to_be_uploaded(mirror: Mirror, drawn: list[TrialRecord]) -> None:
    mirror.advance()
    assert idents(drawn) == []


def test_what_is_looked_at_first_is_drawn_once_from_all_of_its_epochs(mirror: Mirror, drawn: list[TrialRecord]) -> None:
    mirror.advance()
    while mirror.draw():
        pass
    assert idents(drawn) == ["0001", "0002", "0004", "0005", "0003", "0006"]
    assert [len(record.history) for record in drawn] == [3, 3, 2, 0, 1, 2]
    again = Mirror(mirror.directory, mirror.study, mirror.store)
    again.advance()
    again.close()
    assert not again.draw()


def test_of_many_trials_few_are_drawn(mirror: Mirror, drawn: list[TrialRecord]) -> None:
    journal = Journal(mirror.directory)
    for number in range(7, 207):
        tracked_study.begin(journal, f"{number:04d}", SOFT, data=0.5, constraint=0.5, epochs=1)
        journal.trial_end(f"{number:04d}", tracked_study.TrialStatus.COMPLETED, tracked_study.metrics(0.5, 0.5, 1))
    mirror.advance()
    while mirror.draw():
        pass
    assert {"0001", "0002", "0004", "0005"} < set(idents(drawn))
    assert len(drawn) < 12


def test_a_trial_that_went_on_is_drawn_anew(mirror: Mirror, drawn: list[TrialRecord]) -> None:
    mirror.advance()
    while mirror.draw():
        pass
    tracked_study.begin(
        Journal(mirror.directory), "0006", tracked_study.UNCONSTRAINED, data=0.1, constraint=0.1, epochs=3
    )
    mirror.advance()
    assert not mirror.draw()  # it runs
    Journal(mirror.directory).trial_end("0006", tracked_study.TrialStatus.COMPLETED, tracked_study.metrics(0.1, 0.1, 3))
    mirror.advance()
    while mirror.draw():
        pass
    assert idents(drawn)[6:] == ["0006"]


def test_a_running_study_draws_little_at_a_time_and_little_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploader, "SECONDS_TO_DRAW", 0.05)
    time_to_draw, picture = DrawingTime(), Picture(seconds=0.02)
    for round in range(1, 21):
        time_to_draw.use(picture, ending=False)  # type: ignore[arg-type]
        assert picture.drawn <= round
    assert picture.drawn <= 4
    time_to_draw.began -= 10.0  # the study has gone on
    for _ in range(20):
        time_to_draw.use(picture, ending=False)  # type: ignore[arg-type]
    assert 6 <= picture.drawn <= 16


def test_a_study_that_ends_waits_no_longer_than_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uploader.SECONDS_TO_DRAW < 10.0
    monkeypatch.setattr(uploader, "SECONDS_TO_DRAW", 0.2)
    time_to_draw, picture, began = DrawingTime(), Picture(seconds=0.02), time.monotonic()
    time_to_draw.spent = 100.0
    time_to_draw.use(picture, ending=True)  # type: ignore[arg-type]
    assert time.monotonic() - began < 2.0
    assert 1 < picture.drawn <= 10


def test_a_plot_that_mlflow_does_not_take_is_no_failure(mirror: Mirror, drawn: list[TrialRecord]) -> None:
    mirror.advance()
    store: MemoryStore = mirror.store  # type: ignore[assignment]
    store.breaks_at = store.calls + 1
    DrawingTime().use(mirror, ending=False)
    store.breaks_at = store.calls + 1
    with pytest.raises(Broken):
        mirror.draw()
    assert mirror.draw()
    assert idents(drawn) == ["0001"] * 3
