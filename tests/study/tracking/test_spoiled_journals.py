"""What MLflow is told of a journal in which lines are lost: what is known, and once."""

import os
from pathlib import Path

import pytest

from study.journal.files import BOOKMARKS, JOURNAL
from study.journal.journal import Journal
from study.report import trial_plots
from study.tracking.bookmark import Bookmark
from study.tracking.mirror import Mirror
from study.tracking.store import user
from tests.study import tracked_study
from tests.study.tracked_study import SOFT
from tests.study.tracking.memory_store import MemoryStore


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of which nothing is drawn."""
    monkeypatch.setattr(trial_plots, "draw", lambda *_: {})
    tracked_study.fill(tmp_path / "study")
    return tmp_path / "study"


def new_mirror(directory: Path, store: MemoryStore) -> Mirror:
    return Mirror(directory, tracked_study.study(), store)  # type: ignore[arg-type]


def lose(directory: Path, number: int) -> None:
    """A line of the journal is gone, the first one being 1."""
    lines = (directory / JOURNAL).read_bytes().splitlines(keepends=True)
    (directory / JOURNAL).write_bytes(b"".join(lines[: number - 1] + lines[number:]))


@pytest.mark.parametrize("bookmarked", [True, False])
def test_a_journal_without_its_first_line_makes_no_second_runs(directory: Path, bookmarked: bool) -> None:
    store = MemoryStore()
    new_mirror(directory, store).advance()
    before = store.by_name()
    lose(directory, 1)
    if not bookmarked:
        (directory / BOOKMARKS).unlink()
    new_mirror(directory, store).advance()
    assert store.by_name() == before
    tracked_study.begin(Journal(directory), "0007", SOFT, data=0.5, constraint=0.5, epochs=3)
    new_mirror(directory, store).advance()
    assert store.by_name().keys() - before.keys() == {"0007 soft"}
    assert len(store.by_name()["0007 soft"]["metrics"]) == 3 * 4


def test_a_new_study_of_a_name_that_was_free_again_has_its_own_run(directory: Path) -> None:
    store = MemoryStore()
    new_mirror(directory, store).advance()
    (directory / BOOKMARKS).unlink()
    (directory / JOURNAL).unlink()
    Journal(directory).append("study-start", study="waves")
    new_mirror(directory, store).advance()
    assert sum(run["name"] == directory.name for run in store.content.values()) == 2


def test_a_trial_whose_start_is_lost_has_a_run_of_what_is_known(directory: Path) -> None:
    lose(directory, 2)
    store = MemoryStore()
    new_mirror(directory, store).advance()
    run = store.by_name()["0001 unknown"]
    assert (run["status"], run["tags"]["status"], run["parameters"]) == ("FINISHED", "completed", {})
    assert sorted({step for _, _, _, step in run["metrics"]}) == [1, 2, 3]


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 12345"), OSError("No username set")])
def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setattr("getpass.getuser", nameless)
    assert user() == str(os.getuid())


def test_a_line_that_is_no_event_is_behind_what_was_uploaded(directory: Path) -> None:
    with (directory / JOURNAL).open("ab") as file:
        file.write(b"42\n")
    store = MemoryStore()
    new_mirror(directory, store).advance()
    assert Bookmark.read(directory, "memory://").offset == (directory / JOURNAL).stat().st_size
