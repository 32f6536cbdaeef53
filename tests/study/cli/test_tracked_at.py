"""Which MLflow a study goes on with."""

import shutil
from pathlib import Path

import pytest

from study.cli.tracked_at import compared_at, tracked_at
from study.journal import study_folder
from study.journal.study_folder import Place, Whereabouts
from study.tracking.bookmark import Bookmark
from study.tracking.databases import default_uri, portable
from tests.study.small_study import small_study


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return study_folder.claim(tmp_path / "runs", "mine")


def begin(directory: Path, tracking_uri: str | None) -> str:
    study_folder.begin(directory, small_study(), Whereabouts(Place.of(directory, None), tracking_uri=tracking_uri))
    return str(tracking_uri)


def told(directory: Path, uri: str) -> None:
    Bookmark(offset=1, experiment="1", study_run="2").write(directory, uri)


def test_a_study_without_an_mlflow_gets_the_usual_one(directory: Path) -> None:
    begin(directory, None)
    assert tracked_at(directory) == default_uri(directory.parent)


def test_a_server_stays(directory: Path) -> None:
    uri = begin(directory, "http://127.0.0.1:5000")
    told(directory, uri)
    assert tracked_at(directory) == uri


def test_a_database_that_was_asked_for_and_not_yet_made_stays(directory: Path) -> None:
    uri = begin(directory, f"sqlite:///{directory.parent.parent}/team.db")
    assert tracked_at(directory) == uri


@pytest.mark.parametrize("options", ["", "?timeout=30"])
def test_a_database_that_is_there_stays(options: str, directory: Path) -> None:
    uri = begin(directory, f"sqlite:///{directory.parent.parent}/team.db{options}")
    (directory.parent.parent / "team.db").touch()
    told(directory, uri)
    assert tracked_at(directory) == uri


@pytest.mark.parametrize("folder", [".", "moved-since"])
def test_a_database_that_was_moved_is_replaced_by_the_usual_one(folder: str, directory: Path) -> None:
    uri = begin(directory, f"sqlite:///{directory.parent.parent}/{folder}/team.db")
    if folder == ".":
        told(directory, uri)
    assert tracked_at(directory) == default_uri(directory.parent)


def test_a_database_beside_the_study_is_the_one_beside_it_now(directory: Path) -> None:
    begin(directory, portable(f"sqlite:///{directory.parent}/team.db", directory))
    Path(f"{directory.parent}/team.db").touch()
    there = directory.parents[1] / "copy"
    shutil.copytree(directory.parent, there)
    assert tracked_at(directory) == f"sqlite:///{directory.parent}/team.db"
    assert tracked_at(there / directory.name) == f"sqlite:///{there}/team.db"


def test_a_comparison_has_the_mlflow_of_its_last_study(directory: Path, tmp_path: Path) -> None:
    begin(directory, "http://127.0.0.1:5000")
    begin(last := study_folder.claim(tmp_path / "runs", "mine-2"), "http://127.0.0.1:5001")
    assert compared_at([directory, last]) == "http://127.0.0.1:5001"
    assert compared_at([]) is None
