"""Which tracking URIs are taken, and where the database beside the studies and its files lie, whatever a path holds."""

import sqlite3
from pathlib import Path

import pytest

from study.tracking.databases import (
    artifact_location,
    check_uri,
    default_uri,
    portable,
    require_usable,
    sqlite_file,
    whole,
)
from tests.study.awkward import AWKWARD


def test_the_default_is_a_database_beside_the_studies(tmp_path: Path) -> None:
    assert default_uri(tmp_path / "runs") == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert artifact_location(default_uri(tmp_path), "waves") == f"file://{tmp_path}/mlartifacts/waves"


def test_a_server_decides_where_files_go() -> None:
    assert artifact_location("http://host:5000", "waves") is None


@pytest.mark.parametrize(
    "uri", ["sqlite:///a.db", "http://host:5000", "https://host", "postgresql+psycopg2://user@host/db"]
)
def test_tracking_uris(uri: str) -> None:
    assert check_uri(uri) == uri


NO_FOLDERS = ["mlruns", "./mlruns", "file:///tmp/mlruns", "host:5000", "http://host:port", ""]
NOWHERE = ["sqlite://", "sqlite:///", "sqlite:///:memory:", "http://", "https://", "http:// x"]


@pytest.mark.parametrize("uri", NO_FOLDERS + NOWHERE)
def test_what_is_no_tracking_uri(uri: str) -> None:
    with pytest.raises(
        ValueError, match=r"is neither a server nor a database; write http://HOST:5000 or sqlite:///PATH\.db"
    ):
        check_uri(uri)


@pytest.mark.parametrize("name", AWKWARD)
def test_any_folder_has_its_own_database(name: str, tmp_path: Path) -> None:
    assert sqlite_file(default_uri(tmp_path / name)) == tmp_path / name / "mlflow.db"
    assert artifact_location(default_uri(tmp_path / name), "waves") == (tmp_path / name / "mlartifacts/waves").as_uri()


@pytest.mark.parametrize("name", AWKWARD)
def test_the_uri_of_a_database_beside_the_studies_moves_with_them(name: str, tmp_path: Path) -> None:
    said = portable(default_uri(tmp_path / name), tmp_path / name / "study")
    assert said == "sqlite:///../mlflow.db"
    assert whole(said, tmp_path / "elsewhere?" / "study") == default_uri(tmp_path / "elsewhere?")


@pytest.mark.parametrize("uri", ["http://host:5000", "sqlite:////other/mlflow.db", "sqlite:///a.db?timeout=3"])
def test_other_uris_stay(uri: str, tmp_path: Path) -> None:
    assert portable(uri, tmp_path / "study") == whole(uri, tmp_path / "study") == uri


def test_a_database_that_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("", encoding="utf-8")
    (tmp_path / "other.db").write_text("something else " * 100, encoding="utf-8")
    (tmp_path / "folder.db").mkdir()
    for name in ("a file/mlflow.db", "other.db", "folder.db"):
        with pytest.raises((OSError, sqlite3.Error)):
            require_usable(f"sqlite:///{tmp_path / name}")
    require_usable(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}")
    require_usable("http://host:5000")
