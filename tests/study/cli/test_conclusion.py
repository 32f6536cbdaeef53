"""What is said of a study that ends early, or on a full disk."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from study.cli import conclusion, exit_codes
from study.cli.exit_codes import RunFailed
from study.cli.interrupts import Interrupted
from study.driver.runner import Outcome
from study.journal.journal import Journal
from tests.study.synthetic_journal import fill, prepare, study

GO_ON = "; all that trials reported is kept. Go on with: .* resume mine$"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    fill(tmp_path / "mine", trials=5, epochs=2)
    prepare(tmp_path / "mine", study(trials=5))
    return tmp_path / "mine"


class NoTracker:
    tracking_uri = "http://127.0.0.1:5000"

    def add_report(self) -> None:
        return None


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "plots/pareto.png")


def test_a_full_disk_in_the_midst_of_a_study_is_one_line_that_says_how_to_go_on(directory: Path) -> None:
    path = Journal(directory).path
    with pytest.raises(RunFailed, match=f"^{path}: No space left on device{GO_ON}"), conclusion._resumable(directory):
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        except OSError:
            raise RuntimeError("as Tune wraps it")  # noqa: B904


def test_a_user_without_a_home_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    exit_codes._have_a_home()
    assert os.environ["HOME"] == tempfile.gettempdir()


@pytest.mark.parametrize("error", [ValueError("no"), FileExistsError("there"), PermissionError(errno.EACCES, "no")])
def test_other_errors_stay_what_they_are(directory: Path, error: Exception) -> None:
    with pytest.raises(type(error)), conclusion._resumable(directory):
        raise error


def test_a_study_that_was_ended_at_once_says_how_to_go_on(directory: Path) -> None:
    with pytest.raises(Interrupted, match=f"^ended at once{GO_ON}"), conclusion._resumable(directory):
        raise KeyboardInterrupt


def test_a_report_that_cannot_be_written_does_not_hide_the_tables(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    conclusion._conclude(directory, Outcome(), NoTracker())  # type: ignore[arg-type]
    out = capsys.readouterr().out
    assert "Best trial of every method" in out
    [line] = [line for line in out.splitlines() if line.startswith("report ")]
    assert line.startswith(
        "report   it could not be written (plots/pareto.png: No space left on device); write it with:"
    )
    assert line.endswith(" report mine")
    assert sorted(path.name for path in directory.iterdir()) == ["records.jsonl", "study.yaml", "trials"]
