"""Studies to upload, and MLflow databases to upload them to."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run

from search_spaces.load import dump_yaml
from study.journal.files import BOOKMARKS, STUDY
from study.journal.journal import Journal
from study.tracking.store import Store
from study.tracking.tracker import Tracker
from study.tracking.uploader import sync
from tests.study import tracked_study
from tests.study.tracked_study import SOFT
from tests.study.tracking.mlflow_runs import runs_by_name


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A study that has one trial in its first epoch."""
    directory = tmp_path / "study"
    directory.mkdir()
    (directory / STUDY).write_text(dump_yaml(tracked_study.study()), encoding="utf-8")
    journal = Journal(directory)
    journal.append("study-start", study="waves")
    tracked_study.begin(journal, "0001", SOFT, data=0.5, constraint=0.5, epochs=1)
    return journal


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without anything in it."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    Store(f"sqlite:///{path}")
    return path


@pytest.fixture
def uri(empty: Path, tmp_path: Path) -> str:
    """The tracking URI of a copy of it."""
    return f"sqlite:///{shutil.copy(empty, tmp_path)}"


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a port where nothing answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="session")
def uploaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study, uploaded twice and with its bookmark forgotten in between. Tests only read it."""
    directory = tmp_path_factory.mktemp("runs") / "first"
    tracked_study.fill(directory)
    uri = uri_beside(directory)
    tracker = Tracker(directory, uri)
    tracker.start()
    assert (tracker.finish(timeout=120) or tracker.add_report()) is None
    assert sync(directory, uri) == 0
    (directory / BOOKMARKS).unlink()
    assert sync(directory, uri) > 0
    return directory


@pytest.fixture(scope="session")
def uploaded_to(uploaded: Path) -> str:
    """The tracking URI of the database that has it."""
    return uri_beside(uploaded)


@pytest.fixture(scope="session")
def by_name(uploaded_to: str) -> dict[str, Run]:
    """Its runs by name."""
    return runs_by_name(uploaded_to)


def uri_beside(directory: Path) -> str:
    return f"sqlite:///{directory.parent}/mlflow.db"
