"""The journal: events in order, each whole, whatever happened to the writer."""

import errno
import json
import os
import time
from pathlib import Path
from random import Random

import pytest

from search_spaces.errors import StudyFileError
from study.journal.events import TrialStatus
from study.journal.journal import Journal, Reader
from study.journal.record import UNKNOWN

ODD = (
    b'{"a": 0.',
    b'{"a": }}',
    b'{"a": 0,1}}',
    b'{"a": NaN}}',
    b'{"a": 1e301}}',
    b'{"a": 007}}',
    b'{"a": 1,}}',
    b'{"a": 1.}}',
)
"""Metrics of an epoch that are none."""


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


def test_a_trial_is_read_back_as_it_was_written(journal):
    journal.trial_start("0000", values={"training.method.weight": 0.1}, method="soft")
    journal.epoch("0000", 1, {"validation/data_mse": 0.5})
    journal.epoch("0000", 2, {"validation/data_mse": 0.4})
    journal.trial_end("0000", TrialStatus.COMPLETED, {"validation/data_mse": 0.4, "status": "completed"})
    (record,) = journal.trials().values()
    assert record.values == {"training.method.weight": 0.1}
    assert [(epoch, metrics["validation/data_mse"]) for epoch, _, metrics in record.history] == [(1, 0.5), (2, 0.4)]
    assert record.status is TrialStatus.COMPLETED and record.ended is not None


def test_a_torn_line_is_ignored_by_readers_and_by_the_next_writer(journal):
    journal.trial_start("0000", values={}, method="soft")
    with journal.path.open("a") as file:
        file.write('{"event": "epoch", "trial": "0000", "ep')
    assert journal.trials()["0000"].history == []
    journal.epoch("0000", 1, {"validation/data_mse": 0.5})
    assert len(journal.trials()["0000"].history) == 1


def test_a_reader_goes_on_where_it_stopped(journal):
    journal.append("study-start")
    *_, (place, _) = journal.events()
    journal.append("study-end")
    assert [event["event"] for _, event in journal.events(place)] == ["study-end"]


def test_epochs_that_a_resumed_trial_repeats_count_once(journal):
    journal.trial_start("0000", values={}, method="soft")
    for epoch in (1, 2, 3):
        journal.epoch("0000", epoch, {"train/data_mse": float(epoch)})
    journal.trial_end("0000", TrialStatus.STOPPED, {})
    journal.trial_start("0000", values={}, method="soft")
    journal.epoch("0000", 2, {"train/data_mse": 20.0})
    record = journal.trials()["0000"]
    assert record.status is TrialStatus.RUNNING
    assert [(epoch, metrics["train/data_mse"]) for epoch, _, metrics in record.history] == [(1, 1.0), (2, 20.0)]


def test_values_that_are_no_json_are_refused(journal):
    with pytest.raises(ValueError):
        journal.epoch("0000", 1, {"train/data_mse": float("nan")})
    assert not journal.path.exists() or not list(journal.events())


def test_lines_are_json(journal):
    journal.append("study-start", study="ä")
    assert json.loads(journal.path.read_text(encoding="utf-8"))["study"] == "ä"


def test_one_trial_is_read_with_all_of_its_epochs(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for trial in ("0000", "0001"):
        journal.trial_start(trial, values={"a": "0001"}, method="soft")
        journal.epoch(trial, 1, {"validation/data_mse": 1.0})
        journal.epoch(trial, 2, {"validation/data_mse": 0.5})
    assert journal.trial("0001") == journal.trials()["0001"]
    assert journal.trial("0002") is None


def spoil(journal, number, line):
    """Replace a line of the file, the first one being 1."""
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = line
    journal.path.write_bytes(b"".join(lines))


@pytest.fixture
def three_trials(journal):
    journal.append("study-start", study="mine")
    for ident in ("0000", "0001", "0002"):
        journal.trial_start(ident, values={"rate": 0.1}, method="soft")
        journal.epoch(ident, 1, {"train/data_mse": 0.5})
        journal.trial_end(ident, TrialStatus.COMPLETED, {"train/data_mse": 0.5})
    return journal


@pytest.mark.parametrize("line", [b"\0\0\0\0\n", b"42\n", b'{"event": "\xff"}\n', b"\n"])
def test_a_line_that_is_no_event_is_passed_over_and_told(three_trials, line):
    spoil(three_trials, 4, line)
    reader = Reader(three_trials).read()
    assert reader.complaints == [f"{three_trials.path} line 4 cannot be read; it is passed over"]
    assert {ident: record.status for ident, record in reader.records.items()} == {
        "0000": TrialStatus.RUNNING,  # its end is lost
        "0001": TrialStatus.COMPLETED,
        "0002": TrialStatus.COMPLETED,
    }
    assert reader.offset == three_trials.path.stat().st_size


def test_many_such_lines_are_told_in_one(three_trials):
    for number in (2, 4, 6, 8, 10):
        spoil(three_trials, number, b"42\n")
    [line] = Reader(three_trials).read().complaints
    assert line == f"{three_trials.path} lines 2, 4, 6 and 2 more cannot be read; they are passed over"


def test_a_whole_journal_has_no_complaints(three_trials):
    assert Reader(three_trials).read().complaints == []


@pytest.mark.parametrize("line", [b"", b"\0\n"])
def test_a_trial_whose_start_is_lost_is_known_by_its_other_lines(three_trials, line):
    spoil(three_trials, 2, line)
    record = three_trials.trials()["0000"]
    assert (record.known, record.method, record.values) == (False, UNKNOWN, {})
    assert (record.status, record.metrics) == (TrialStatus.COMPLETED, {"train/data_mse": 0.5})
    assert record.started == record.history[0][1]
    three_trials.trial_start("0000", values={"rate": 0.2}, method="batch")  # again, with another start
    record = three_trials.trials()["0000"]
    assert (record.known, record.method, record.values) == (True, "batch", {"rate": 0.2})


def test_a_folder_in_its_place_is_one_line(journal):
    journal.path.mkdir()
    with pytest.raises(StudyFileError, match=r"records\.jsonl: this journal cannot be read \(Is a directory\); put"):
        journal.trials()


def test_a_line_ends_where_a_reader_stopped(three_trials):
    *_, (offset, _) = three_trials.events()
    assert three_trials.ends_line(offset) and three_trials.ends_line(0)
    assert not three_trials.ends_line(offset - 5)
    assert not three_trials.ends_line(offset + 5)


class FullDisk:
    """Takes the first half of what is written, and then nothing, until there is `room`."""

    def __init__(self, monkeypatch):
        self.room, self.tries, self.write = False, 0, os.write
        monkeypatch.setattr(os, "write", self.take)

    def take(self, file, content):
        self.tries += 1
        if self.room or self.tries > 3:
            return self.write(file, content)
        if self.tries > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.write(file, content[: len(content) // 2])


def test_a_disk_that_is_full_for_a_while_costs_nothing(three_trials, monkeypatch):
    before = three_trials.path.read_bytes()
    FullDisk(monkeypatch)
    three_trials.append("study-end", status="FINISHED")
    written = three_trials.path.read_bytes()
    assert written.startswith(before)
    assert json.loads(written[len(before) :])["status"] == "FINISHED"


def test_a_disk_that_stays_full_is_one_error_and_the_file_is_whole(three_trials, monkeypatch):
    monkeypatch.setattr("study.journal.journal.SECONDS_FOR_ROOM", 0.0)
    journal = Journal(three_trials.path.parent)
    before, disk = journal.path.read_bytes(), FullDisk(monkeypatch)
    with pytest.raises(OSError, match="No space left on device") as caught:
        journal.append("study-end", status="FINISHED")
    assert caught.value.filename == str(journal.path)
    assert journal.path.read_bytes() == before
    disk.room = True
    journal.append("study-end", status="KILLED")
    assert Reader(journal).read().complaints == []


def test_whoever_closes_the_journal_of_a_full_disk_does_not_wait_again(three_trials, monkeypatch):
    monkeypatch.setattr("study.journal.journal.SECONDS_BETWEEN_TRIES", 0.0)
    monkeypatch.setattr("study.journal.journal.SECONDS_FOR_ROOM", 0.1)
    monkeypatch.setattr(os, "write", lambda *_: 0)
    journal = Journal(three_trials.path.parent)
    with pytest.raises(OSError):
        journal.append("study-end")
    started = time.monotonic()
    with pytest.raises(OSError):
        journal.append("study-end")
    assert time.monotonic() - started < 0.05


def test_without_epochs_a_journal_tells_the_same_but_them(journal):
    random = Random(0)
    for number in range(20):
        journal.trial_start(f"{number % 4:04}", values={"rate": 0.1}, method="soft")
        for _ in range(random.randrange(5)):
            journal.epoch(f"{random.randrange(4):04}", random.randrange(1, 5), {"train/data_mse": random.random()})
        if random.random() < 0.5:
            journal.trial_end(f"{random.randrange(4):04}", TrialStatus.PRUNED, {"train/data_mse": 0.5})
    journal.append("note", trial=["0000"])
    journal.epoch("0002", 9, {"ä}": 1e-300, "b": -0.0, "c": 7})
    odd = [b"\0\n", *(b'{"event": "epoch", "time": 5.0, "trial": "0001", "epoch": 2, "metrics": %s\n' % m for m in ODD)]
    numbers = list(range(4, 4 + 3 * len(odd), 3))
    for number, line in zip(numbers, odd, strict=True):
        spoil(journal, number, line)
    whole, last, pieces = Reader(journal).read(), Reader(journal, epochs=False), Reader(journal, epochs=False)
    for _ in pieces.events(until=2000):
        pass
    for record in whole.records.values():
        record.forget_epochs()
    for reader in (last.read(), pieces.read()):
        assert reader.records == whole.records and list(reader.records) == list(whole.records)
        assert (reader.offset, reader.line, reader.last) == (whole.offset, whole.line, whole.last)
        assert reader.spoiled == whole.spoiled == numbers


def test_without_epochs_each_trial_has_its_last_one(three_trials):
    journal = three_trials
    for epoch in (1, 2, 3):
        journal.epoch("0001", epoch, {"validation/data_mse": 1.0 / epoch})
    journal.epoch("0001", 3, {"validation/data_mse": 0.25})  # again, after a resume
    short, whole = journal.trials(epochs=False), journal.trials()
    assert [epoch for epoch, _, _ in short["0001"].history] == [3]
    assert {ident: record.latest for ident, record in short.items()} == {
        ident: record.latest for ident, record in whole.items()
    }
    assert journal.with_epochs(["0001", "0002"]) == {ident: whole[ident] for ident in ("0001", "0002")}
