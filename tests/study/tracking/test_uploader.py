"""Uploads, one at a time, that are silent and load no more than they need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.journal import locks
from study.journal.journal import Journal
from study.tracking.uploader import TrackingError, only_uploader, sync
from tests.study.tracking.mlflow_runs import runs_by_name

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")


def test_two_uploads_of_one_study_do_not_meet(uploaded: Path, uploaded_to: str) -> None:
    with only_uploader(uploaded), pytest.raises(TrackingError, match="another process is uploading it; wait until"):
        sync(uploaded, uploaded_to)


def test_mlflow_is_silent_and_like_matplotlib_imported_late(uploaded: Path, uploaded_to: str) -> None:
    code = (
        "import sys; from pathlib import Path; from study.tracking.uploader import sync\n"
        "assert not {'mlflow', 'matplotlib'} & set(sys.modules), 'imported before they are needed'\n"
        f"sys.exit(sync(Path({str(uploaded)!r}), {uploaded_to!r}))"
    )
    hidden = ("MLFLOW_", "GIT_PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False, env=environment
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_a_running_study_is_not_marked_as_ended_by_sync(journal: Journal, uri: str) -> None:
    with locks.locked_folder(journal.path.parent, busy="another test"):
        sync(journal.path.parent, uri)
    assert {run.info.status for run in runs_by_name(uri).values()} == {"RUNNING"}
    sync(journal.path.parent, uri)
    assert {run.info.status for run in runs_by_name(uri).values()} == {"KILLED"}
