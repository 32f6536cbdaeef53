import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from search_spaces.load import dump_yaml
from study.journal.budget import Budget
from study.journal.events import TrialStatus
from study.journal.files import JOURNAL
from study.journal.journal import Journal
from study.journal.shared_copy import FOLDER, SharedCopy, fetch
from study.progress.status import trials_table
from tests.study import tracked_study
from tests.study.competing import competing

PLACE = "mine-20260102-030405"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A study of six trials, one of each ending."""
    tracked_study.fill(tmp_path / "runs" / "mine")
    return tmp_path / "runs" / "mine"


def test_what_is_published_tells_the_same_of_every_trial(directory: Path, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    SharedCopy(directory, str(storage / PLACE)).copy()
    [copy] = fetch(storage.as_uri(), tmp_path_of(tmp_path, "target"))
    assert copy.name == PLACE
    ours, theirs = Journal(directory).trials(), Journal(copy).trials()
    for ident, record in ours.items():
        assert theirs[ident].status is record.status
        assert (theirs[ident].started, theirs[ident].ended) == (record.started, record.ended)
        assert theirs[ident].error == record.error
        assert theirs[ident].metrics.get("validation/data_mse") == record.metrics.get("validation/data_mse")
        assert [epoch for epoch, _, _ in theirs[ident].history] == [epoch for epoch, _, _ in record.history[-1:]]
    assert [event["event"] for _, event in Journal(copy).events()][-1] == "study-end"


def test_the_copy_is_short(directory: Path, tmp_path: Path) -> None:
    SharedCopy(directory, str(tmp_path / PLACE)).copy()
    assert (tmp_path / PLACE / JOURNAL).stat().st_size < (directory / JOURNAL).stat().st_size
    assert sorted(path.name for path in (tmp_path / PLACE).iterdir()) == [JOURNAL, "study.yaml"]


def test_a_study_is_published_while_it_runs(directory: Path, tmp_path: Path) -> None:
    (directory / JOURNAL).unlink()
    journal = Journal(directory)
    with SharedCopy(directory, str(tmp_path / PLACE)) as published:
        journal.append("study-start", study="mine")
        journal.trial_start("0000", values={}, method="soft")
        journal.epoch("0000", 1, {"validation/data_mse": 0.5, "train/data_mse": 0.1})
        published.copy()
        [record] = Journal(tmp_path / PLACE).trials().values()
        assert (record.status, record.history[0][2]) == (TrialStatus.RUNNING, {"validation/data_mse": 0.5})
        journal.trial_end("0000", TrialStatus.STOPPED, {})
        journal.trial_start("0000", values={}, method="soft")  # it goes on
        published.copy()
        assert Journal(tmp_path / PLACE).trials()["0000"].status is TrialStatus.RUNNING
        journal.trial_end("0000", TrialStatus.COMPLETED, {"validation/data_mse": 0.25})
        journal.append("study-end", status="FINISHED")
    [record] = Journal(tmp_path / PLACE).trials().values()
    assert (record.status, record.metrics) == (TrialStatus.COMPLETED, {"validation/data_mse": 0.25})


def test_a_storage_that_takes_nothing_is_tried_again(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "storage").touch()
    published = SharedCopy(directory, str(tmp_path / "storage" / PLACE))
    with pytest.raises(OSError, match="storage"):
        published.copy()
    with published:
        time.sleep(0.2)
    (tmp_path / "storage").unlink()
    published.copy()
    assert len(Journal(tmp_path / "storage" / PLACE).trials()) == 6


def test_one_study_or_all_are_brought(directory: Path, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    for place in (PLACE, "mine-20260102-030406", "mine-2-20260102-030405", "not-a-study", "..-20260102-030405"):
        SharedCopy(directory, str(storage / place)).copy()
    (storage / "empty-20260102-030405").mkdir()

    def names(name: str | None) -> list[str]:
        target = tmp_path_of(tmp_path, f"to-{name}")
        return [path.name for path in fetch(str(storage), target, name=name)]

    assert names("mine") == [PLACE, "mine-20260102-030406"]
    assert names("mine-2") == ["mine-2-20260102-030405"]
    assert names(PLACE) == [PLACE]
    assert names(None) == ["mine-2-20260102-030405", PLACE, "mine-20260102-030406"]
    assert names("other") == []


def test_a_storage_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--storage .*nowhere: cannot be read \(.*\); write the one that `run` had"):
        fetch(str(tmp_path / "nowhere"), tmp_path)


@pytest.mark.parametrize("folder", ["../x-20260102-030405", "x-2026", ".x-20260102-030405", "a/b-20260102-030405"])
def test_names_that_are_no_studys(folder: str) -> None:
    assert FOLDER.fullmatch(folder) is None


def test_what_is_fetched_can_be_shown_whatever_it_says(directory: Path, tmp_path: Path) -> None:
    with (directory / JOURNAL).open("a", encoding="utf-8") as file:
        start = {"event": "trial-start", "time": 0.0, "trial": "0099", "values": {}, "method": "[/red]"}
        file.write(json.dumps(start) + "\n")
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(trials_table(directory))
    assert "[/red]" in console.export_text()


def tmp_path_of(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def test_the_copy_knows_what_a_budget_counts(tmp_path: Path) -> None:
    study = competing(trials=30, tune={"seconds": 5.0})
    (directory := tmp_path / "mine").mkdir()
    (directory / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
    Journal(directory).trial_start("0000", values={"contestant": "heavy"}, method="heavy")
    Journal(directory).trial_end("0000", TrialStatus.COMPLETED, {"time/cpu_s": 6.0, "time/train_s": 6.0})
    SharedCopy(directory, str(tmp_path / "copy")).copy()
    copied = Journal(tmp_path / "copy").trials()
    assert copied["0000"].metrics == {"time/cpu_s": 6.0}
    assert Budget(study, copied).told() == ["heavy used its 5 s after 1 trial"]
