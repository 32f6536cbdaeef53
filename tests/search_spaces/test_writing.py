"""Columns in files: the same numbers are read again, and nothing is left of what could not be written."""

from pathlib import Path

import numpy as np
import pytest

from search_spaces import writing
from search_spaces.errors import StudyFileError
from search_spaces.tables import FORMATS, column_names, read_columns
from search_spaces.writing import WRITERS, require_writable, write_columns


def test_what_can_be_read_can_be_written() -> None:
    assert list(WRITERS) == list(FORMATS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("suffix", WRITERS)
def test_the_same_numbers_are_read_again(suffix: str, dtype: type, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(5, 2)).astype(dtype) * np.asarray([1e-9, 1e9], dtype)
    write_columns(path := tmp_path / f"a{suffix}", {"x": values[:, 0], "u": values[:, 1]})
    assert column_names(path) == ["x", "u"]
    assert (read_columns(path, ["x", "u"]).values.astype(dtype) == values).all()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_written_whole_or_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path := tmp_path / "a.csv").write_text("before", encoding="utf-8")

    def breaks(path: Path, columns: writing.Columns) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError("full")

    monkeypatch.setitem(WRITERS, ".csv", breaks)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="full"):
        write_columns(path, {"x": np.zeros(1)})
    assert [(one.name, one.read_text(encoding="utf-8")) for one in tmp_path.iterdir()] == [("a.csv", "before")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.txt", r"a\.txt ends with \.txt; write one of: \.csv, \.npz, \.mat, \.parquet"),
        ("a", r"a has no ending; write one of: "),
        ("gone/a.csv", r"gone does not exist; make it, or write another path"),
        ("here.csv", r"here\.csv is a folder; write the path of a file"),
    ],
)
def test_what_cannot_be_written_is_said_before(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "here.csv").mkdir()
    with pytest.raises(StudyFileError, match=message):
        require_writable(tmp_path / name)
