"""How far a journal has reached each MLflow is remembered, whoever wrote it down."""

import json
from pathlib import Path
from typing import Any

import pytest

from study.journal.files import BOOKMARKS
from study.tracking.bookmark import Bookmark

ONE, TWO = "http://one", "http://two"
RECORDED = Path(__file__).parents[2] / "recorded" / "stopped"
"""A study's folder that an earlier version left."""


def write(directory: Path, content: dict[str, Any]) -> None:
    (directory / BOOKMARKS).write_text(json.dumps(content), encoding="utf-8")


def test_bookmarks_of_several_servers_are_kept_apart(tmp_path: Path) -> None:
    Bookmark(offset=3).write(tmp_path, ONE)
    Bookmark(offset=7).write(tmp_path, TWO)
    assert (Bookmark.read(tmp_path, ONE).offset, Bookmark.read(tmp_path, TWO).offset) == (3, 7)
    assert Bookmark.read(tmp_path, "http://three") == Bookmark()


def test_a_bookmark_is_read_as_it_was_written(tmp_path: Path) -> None:
    bookmark = Bookmark(3, "1", "run", ["0001"], {"a page": "#/here"}, "no answer")
    bookmark.write(tmp_path, ONE)
    assert Bookmark.read(tmp_path, ONE) == bookmark
    assert [path.name for path in tmp_path.iterdir()] == [BOOKMARKS]


def test_why_an_upload_ended_is_noted_beside_how_far_it_came(tmp_path: Path) -> None:
    Bookmark(offset=3).write(tmp_path, ONE)
    Bookmark.note(tmp_path, ONE, "no answer")
    assert Bookmark.read(tmp_path, ONE) == Bookmark(offset=3, reason="no answer")
    Bookmark.note(tmp_path, ONE, "")
    assert Bookmark.read(tmp_path, ONE) == Bookmark(offset=3)


def test_nothing_is_written_where_there_is_nothing_to_note(tmp_path: Path) -> None:
    Bookmark.note(tmp_path, ONE, "")
    assert list(tmp_path.iterdir()) == []


def test_a_reason_that_an_earlier_version_wrote_is_read(tmp_path: Path) -> None:
    write(tmp_path, {ONE: {"offset": 3, "problem": "no answer"}})
    assert Bookmark.read(tmp_path, ONE) == Bookmark(offset=3, reason="no answer")
    Bookmark.note(tmp_path, ONE, "another")
    assert Bookmark.read(tmp_path, ONE) == Bookmark(offset=3, reason="another")


def test_a_file_of_an_earlier_version_is_read() -> None:
    [(uri, content)] = json.loads((RECORDED / BOOKMARKS).read_text(encoding="utf-8")).items()
    bookmark = Bookmark.read(RECORDED, uri)
    assert bookmark.offset == content["offset"] > 0
    assert (bookmark.study_run, bookmark.links) == (content["study_run"], content["links"])


@pytest.mark.parametrize("told", [3, {"offset": "x"}, {"unfiled": None}, {"reason": 1}, {"problem": 1}])
def test_one_that_cannot_be_understood_is_the_beginning_and_leaves_others_alone(tmp_path: Path, told: Any) -> None:
    write(tmp_path, {ONE: told, TWO: {"offset": 7, "newer": 1}})
    assert Bookmark.read(tmp_path, ONE) == Bookmark()
    assert Bookmark.read(tmp_path, TWO) == Bookmark(offset=7)


def test_a_bookmark_moves_with_the_database_beside_it(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    (before / "study").mkdir(parents=True)
    Bookmark(offset=3).write(before / "study", f"sqlite:///{before}/mlflow.db")
    before.rename(after)
    assert Bookmark.read(after / "study", f"sqlite:///{after}/mlflow.db").offset == 3
    assert Bookmark.read(after / "study", "sqlite:////elsewhere/mlflow.db").offset == 0


def test_it_names_servers_and_is_for_the_owner_alone(tmp_path: Path) -> None:
    Bookmark(offset=3).write(tmp_path, ONE)
    assert (tmp_path / BOOKMARKS).stat().st_mode & 0o777 == 0o600
