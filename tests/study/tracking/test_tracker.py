"""That MLflow shows a study while it runs, and can never hurt one."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from study.journal import locks
from study.journal.events import TrialStatus
from study.journal.files import REPORT
from study.journal.journal import Journal
from study.report.page import PAGE
from study.tracking.bookmark import Bookmark
from study.tracking.tracker import SECONDS_BETWEEN_STARTS, Tracker
from study.tracking.uploader import TrackingError, sync
from tests.study import tracked_study
from tests.study.tracked_study import EPOCHS, SOFT
from tests.study.tracking.mlflow_runs import client_of, runs_by_name

Follow = Callable[[Path, str], Tracker]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")

ROOT = Path(__file__).parents[3]

KILLED_DRIVER = """
import os, sys
from pathlib import Path
from study.tracking.tracker import Tracker

tracker = Tracker(Path(sys.argv[1]), sys.argv[2])
tracker.start()
print(tracker._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Trackers that have begun; their processes end with the test."""
    trackers: list[Tracker] = []

    def begun(directory: Path, uri: str) -> Tracker:
        trackers.append(Tracker(directory, uri))
        trackers[-1].start()
        return trackers[-1]

    yield begun
    for process in filter(None, (tracker._process for tracker in trackers)):
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False


def test_a_study_is_shown_while_it_runs_and_its_report_is_added(journal: Journal, uri: str, follow: Follow) -> None:
    directory = journal.path.parent
    tracker = follow(directory, uri)
    wait_for(lambda: not tracker.backlog())
    child = runs_by_name(uri)["0001 soft"]
    assert (child.info.status, child.data.tags["status"]) == ("RUNNING", "running")
    journal.trial_end("0001", TrialStatus.COMPLETED, tracked_study.metrics(0.25, 0.5, EPOCHS))
    journal.append("study-end", status="FINISHED")
    assert tracker.finish() is None
    child = runs_by_name(uri)["0001 soft"]
    assert (child.info.status, child.data.metrics["validation/data_mse"]) == ("FINISHED", 0.25)
    (directory / REPORT).mkdir()
    (directory / REPORT / PAGE).write_text("<p>a report", encoding="utf-8")
    assert tracker.add_report() is None
    parent = runs_by_name(uri)["study"]
    [report] = client_of(uri).list_artifacts(parent.info.run_id, "report")
    assert report.path == "report/report.html"
    assert parent.info.status == "FINISHED"
    assert "[report](#/experiments/1/runs/" in parent.data.tags["mlflow.note.content"]


@pytest.mark.slow
def test_the_upload_ends_with_a_killed_driver_and_a_resumed_one_goes_on(
    journal: Journal, uri: str, follow: Follow
) -> None:
    directory = journal.path.parent
    command = [sys.executable, "-c", KILLED_DRIVER, str(directory), uri]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    resumed = follow(directory, uri)  # while the process of the killed one may still be at work
    wait_for(lambda: not is_running(int(killed.stdout)))
    journal.append("study-start", study="waves")
    tracked_study.begin(journal, "0001", SOFT, data=0.5, constraint=0.5, epochs=2)  # the first epoch once more
    assert resumed.finish() is None
    runs = runs_by_name(uri)
    assert sorted(runs) == ["0001 soft", "study"]
    assert {run.info.status for run in runs.values()} == {"RUNNING"}
    history = client_of(uri).get_metric_history(runs["0001 soft"].info.run_id, "validation/data_mse")
    assert sorted(point.step for point in history) == [1, 2]
    resumed.add_report()
    assert {run.info.status for run in runs_by_name(uri).values()} == {
        "KILLED"
    }  # it did not say that the study has ended


def test_an_upload_that_was_killed_begins_again(journal: Journal, uri: str, follow: Follow) -> None:
    tracker = follow(journal.path.parent, uri)
    assert tracker._process is not None
    os.kill(tracker._process.pid, signal.SIGKILL)
    tracker._process.wait()
    killed = tracker._process
    tracker.start()
    assert tracker._process is killed  # not at once
    tracker._begun -= SECONDS_BETWEEN_STARTS
    tracker.start()
    assert tracker._process is not killed
    assert tracker.finish() is None
    assert sorted(runs_by_name(uri)) == ["0001 soft", "study"]


def no_process(*_: Any, **__: Any) -> None:
    raise BlockingIOError("no more processes")


def test_what_cannot_be_started_costs_nothing(journal: Journal, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", no_process)
    tracker = Tracker(journal.path.parent, uri)
    tracker.start()
    left = tracker.finish()
    assert left is not None and "lacks 3 events" in left
    assert tracker.add_report() is not None


def test_a_file_of_the_user_is_not_taken_for_ours(journal: Journal, uri: str, follow: Follow, tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text("raise SystemExit(7)", encoding="utf-8")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert follow(journal.path.parent, uri).finish() is None
    finally:
        os.chdir(before)


@pytest.mark.slow
def test_a_study_that_another_driver_goes_on_with_is_not_marked_as_ended(
    journal: Journal, uri: str, follow: Follow
) -> None:
    tracker = follow(journal.path.parent, uri)
    wait_for(lambda: not tracker.backlog())
    with locks.locked_folder(journal.path.parent, busy="another test"):
        assert tracker.add_report() is None
    assert {run.info.status for run in runs_by_name(uri).values()} == {"RUNNING"}


def test_a_server_that_is_not_there_costs_the_driver_nothing(
    journal: Journal, nobody: str, uri: str, follow: Follow
) -> None:
    started = time.monotonic()
    tracker = follow(journal.path.parent, nobody)
    journal.append("study-end")
    assert time.monotonic() - started < 0.5
    wait_for(lambda: Bookmark.read(journal.path.parent, nobody).reason)
    left = tracker.finish(timeout=0.5)
    assert left is not None
    assert left.startswith(f"MLflow at {nobody} lacks 4 events and 0 trials' files of study (")
    assert left.endswith("upload them with: cnn-study sync study")
    assert "API request" in left
    assert "\n" not in left
    again = tracker.add_report()
    assert again is not None and again.startswith(f"MLflow at {nobody} lacks the report of study (")
    with pytest.raises(TrackingError, match=f"^MLflow at {nobody} did not take study: "):
        sync(journal.path.parent, nobody)
    assert sync(journal.path.parent, uri) == 4


def test_a_server_that_never_answers_delays_the_end_by_the_timeout_at_most(journal: Journal, follow: Follow) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tracker = follow(journal.path.parent, f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        left = tracker.finish(timeout=1)
        assert time.monotonic() - started < 3
        assert left is not None and "there was not enough time" in left
        assert tracker.add_report(timeout=1) is not None
        assert time.monotonic() - started < 5


def test_a_process_that_hangs_is_ended_when_its_time_is_up(journal: Journal, uri: str, follow: Follow) -> None:
    tracker = follow(journal.path.parent, uri)
    process = tracker._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    left = tracker.finish(timeout=0.5)
    assert left is not None and "there was not enough time" in left
    assert process.poll() == -signal.SIGKILL
    assert sync(journal.path.parent, uri) == 3  # nobody has its lock


HANGS = """
import sys, time
from pathlib import Path
from study.tracking import uploader

uploader.SECONDS_WITHOUT_PROGRESS = 1
uploader.Store = lambda uri: time.sleep(60)
uploader.main(Path(sys.argv[1]), "sqlite:///nowhere.db")
"""


def test_a_process_whose_driver_was_killed_ends_itself_when_it_hangs(journal: Journal) -> None:
    started = time.monotonic()
    command = [sys.executable, "-c", HANGS, str(journal.path.parent)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    assert (done.returncode, time.monotonic() - started < 30) == (-signal.SIGALRM, True)


def test_a_tracking_uri_that_is_none(journal: Journal) -> None:
    with pytest.raises(
        ValueError, match=r"--tracking-uri: 'mlruns' is neither .*; write http://HOST:5000 or sqlite:///"
    ):
        Tracker(journal.path.parent, "mlruns")


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:secret@db/mlflow",
        "https://me:secret@mlflow.example.org",
        "https://secret@mlflow.example.org",
        "postgresql://db/mlflow?user=me&password=secret",
        "mysql://db/mlflow?passwd=secret",
    ],
)
def test_a_password_is_refused_and_not_repeated(journal: Journal, uri: str) -> None:
    message = r"--tracking-uri holds a password.*; leave it out and set PGPASSWORD"
    with pytest.raises(ValueError, match=message) as caught:
        Tracker(journal.path.parent, uri)
    assert "secret" not in str(caught.value)
