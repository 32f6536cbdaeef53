import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from study import drawing
from study.drawing import CONVERGENCE, PREDICTION, Draftsman
from study.records import Journal
from tests.study import tracked_study

ROOT = Path(__file__).parents[2]

DIES = """
import os
from study.drawing import Draftsman

draftsman = Draftsman()
print(draftsman.process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    tracked_study.fill(tmp_path / "mine")
    return tmp_path / "mine"


def test_plots_are_drawn_by_another_process_again_when_it_died(directory: Path, tmp_path: Path) -> None:
    record = Journal(directory).trials()["0001"]
    for _ in range(2):
        assert drawing.draw(record, directory / "trials" / "0001", tmp_path) == {CONVERGENCE: "", PREDICTION: ""}
        for name in (CONVERGENCE, PREDICTION):
            assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
            (tmp_path / name).unlink()
        os.kill(drawing._draftsman().process.pid, signal.SIGKILL)
        drawing._draftsman().process.wait()


def test_a_trial_without_files_or_epochs_has_no_plots(directory: Path, tmp_path: Path) -> None:
    record = Journal(directory).trials()["0005"]
    assert drawing.draw(record, directory / "trials" / "0005", tmp_path) == {}


def test_a_plot_that_cannot_be_drawn_is_told(directory: Path, tmp_path: Path) -> None:
    folder = directory / "trials" / "0002"
    (folder / "predictions.npz").write_bytes(b"no array")
    drawn = drawing.draw(Journal(directory).trials()["0002"], folder, tmp_path)
    assert drawn[CONVERGENCE] == ""
    assert drawn[PREDICTION].startswith("ValueError: ")


def test_the_process_ends_with_the_one_that_started_it() -> None:
    killed = subprocess.run([sys.executable, "-c", DIES], cwd=ROOT, capture_output=True, text=True, check=False)
    until = time.monotonic() + 60
    while Path(f"/proc/{killed.stdout.strip()}/cmdline").exists() and is_running(int(killed.stdout)):
        assert time.monotonic() < until
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")


def test_a_draftsman_that_is_not_needed_any_more_ends() -> None:
    draftsman = Draftsman()
    process = draftsman.process
    del draftsman
    assert process.poll() is not None
