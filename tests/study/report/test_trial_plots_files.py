from pathlib import Path

import pytest

from study.journal.journal import Journal
from study.report.drawing import CONVERGENCE, PREDICTION, draw
from tests.study import tracked_study


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    tracked_study.fill(tmp_path / "mine")
    return tmp_path / "mine"


def test_a_trial_has_plots(directory: Path, tmp_path: Path) -> None:
    record = Journal(directory).trials()["0001"]
    assert draw(record, directory / "trials" / "0001", tmp_path) == {CONVERGENCE: "", PREDICTION: ""}
    for name in (CONVERGENCE, PREDICTION):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_trial_without_files_or_epochs_has_no_plots(directory: Path, tmp_path: Path) -> None:
    record = Journal(directory).trials()["0005"]
    assert draw(record, directory / "trials" / "0005", tmp_path) == {}


def test_a_plot_that_cannot_be_drawn_is_told(directory: Path, tmp_path: Path) -> None:
    folder = directory / "trials" / "0002"
    (folder / "predictions.npz").write_bytes(b"no array")
    drawn = draw(Journal(directory).trials()["0002"], folder, tmp_path)
    assert drawn[CONVERGENCE] == ""
    assert drawn[PREDICTION].startswith("ValueError: ")
