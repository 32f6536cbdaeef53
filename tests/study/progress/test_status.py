import io
import time
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from search_spaces.load import dump_yaml, load_study
from search_spaces.schema import Contestant
from study.journal.events import TrialStatus
from study.journal.files import STUDY
from study.journal.journal import Journal
from study.progress.status import last_sign, studies_table, trials_table
from tests.study import tracked_study
from tests.study.competing import competing
from tests.study.small_study import COMPLETES, LEARNING_RATE, small_study


def text_of(renderable: RenderableType, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(renderable)
    return console.export_text()


def test_the_status_of_studies_comes_from_their_journals(tmp_path: Path) -> None:
    directory = tmp_path / "mine"
    directory.mkdir()
    (directory / STUDY).write_text(dump_yaml(small_study(COMPLETES, COMPLETES / 2)), encoding="utf-8")
    journal = Journal(directory)
    for ident in ("0000", "0001"):
        journal.trial_start(ident, values={LEARNING_RATE: COMPLETES}, method="soft")
        journal.epoch(ident, 1, {"validation/data_mse": 0.5})
    journal.trial_end("0000", TrialStatus.COMPLETED, {"validation/data_mse": 0.5})
    [line] = [line for line in text_of(studies_table([directory])).splitlines() if line.startswith("mine")]
    assert line.split("  ")[0] == "mine"
    for part in ("1/2", "1 running, 1 completed", "validation/data_mse 0.5 (0000 soft)", "0:00 ago"):
        assert part in line


def test_a_folder_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / STUDY).write_text("study: [", encoding="utf-8")
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / STUDY).write_text(dump_yaml(load_study("helmholtz-quick")), encoding="utf-8")
    text = text_of(studies_table([tmp_path / "broken", tmp_path / "whole"]))
    assert "cannot be read" in text and "0/30" in text and "none yet" in text


def test_every_trial_of_a_study_has_a_line(tmp_path: Path) -> None:
    tracked_study.fill(tmp_path / "mine")
    text = text_of(trials_table(tmp_path / "mine"))
    lines = [line.split() for line in text.splitlines()]
    trials = {line[0]: line[1:] for line in lines if line and line[0].startswith("000")}
    assert trials["0001"][:5] == ["soft", "completed", "3/3", "0.05", "0.02"]
    assert trials["0003"][:5] == ["soft", "pruned", "1/3", "2.7", "0.03"]
    assert "trial 0005: RuntimeError: out of memory" in text.splitlines()
    assert len(trials) == 6


def test_a_table_of_trials_fits_a_terminal(tmp_path: Path) -> None:
    tracked_study.fill(tmp_path / "mine")
    lines = [line.rstrip() for line in text_of(trials_table(tmp_path / "mine"), width=80).splitlines()]
    headings = lines.index("trial  method         status     epoch  data_mse     mse          time")
    assert [line.strip() for line in lines[headings - 2 : headings]] == ["validation/", "validation/  constraint_"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_number_and_no_name_is_cut(tmp_path: Path, width: int) -> None:
    tracked_study.fill(tmp_path / "mine")
    text = text_of(trials_table(tmp_path / "mine"), width=width)
    records = Journal(tmp_path / "mine").trials()
    numbers = {
        f"{value:.3g}"
        for record in records.values()
        for name, value in record.latest.items()
        if name in ("validation/data_mse", "validation/constraint_mse") and isinstance(value, float)
    }
    assert numbers | {*records, *(record.method for record in records.values())} <= set(text.split())
    assert {f"{record.status}" for record in records.values()} <= set(text.split())
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width


def test_a_trial_takes_the_time_in_which_its_study_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds before its study was killed, four after it went on an hour later."""
    directory = tmp_path / "mine"
    directory.mkdir()
    (directory / STUDY).write_text(dump_yaml(small_study(COMPLETES)), encoding="utf-8")
    journal = Journal(directory)

    def at(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0 + seconds)

    at(0)
    journal.trial_start("0000", values={}, method="soft")
    at(10)
    journal.epoch("0000", 1, {"validation/data_mse": 0.5})
    at(3600)
    journal.trial_start("0000", values={}, method="soft")
    assert journal.trials()["0000"].seconds == 10
    at(3603)
    journal.epoch("0000", 2, {"validation/data_mse": 0.4})
    at(3604)
    journal.trial_end("0000", TrialStatus.COMPLETED, {"validation/data_mse": 0.4})
    record = journal.trials()["0000"]
    assert (record.seconds, record.last_sign - record.started) == (14, 3604)
    assert " 0:14" in text_of(trials_table(directory))


def test_when_a_study_was_last_heard_of() -> None:
    assert last_sign(None) == "none yet"
    assert last_sign({"event": "epoch", "time": time.time() - 65}) == "1:05 ago"
    endings = {"FINISHED": "ended", "KILLED": "stopped", "FAILED": "failed"}
    assert {status: last_sign({"event": "study-end", "status": status}) for status in endings} == endings


def test_of_contestants_with_seconds_the_trials_that_may_be_are_counted(tmp_path: Path) -> None:
    contestants = {**competing().contestants, "scratch": Contestant({"training.epochs": 0, "projection.solver": "lm"})}
    study = competing(trials=30, tune={"seconds": 5.0}, contestants=contestants)
    (tmp_path / STUDY).write_text(dump_yaml(study), encoding="utf-8")
    journal = Journal(tmp_path)
    for ident, name in (("0000", "heavy"), ("0001", "plain"), ("0002", "scratch")):
        journal.trial_start(ident, values={"contestant": name}, method=name)
    for ident, seconds in (("0000", 6.0), ("0001", 1.0)):
        journal.trial_end(ident, TrialStatus.COMPLETED, {"time/cpu_s": seconds, "validation/data_mse": seconds})
    text = text_of(trials_table(tmp_path))
    assert "2/21" in text  # one of heavy's, which has used its seconds, and ten each of the others
    assert [line.split()[1:4] for line in text.splitlines() if line.startswith("0002")] == [["scratch", "running", "–"]]
