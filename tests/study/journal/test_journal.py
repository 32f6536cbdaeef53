"""The journal: events in order, each whole, whatever happened to the writer."""

import json
from pathlib import Path

import pytest

from study.journal.journal import Journal, TrialStatus


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
