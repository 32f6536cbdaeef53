"""Points in files: every row has all coordinates and parameters, and what it lacks is named."""

from pathlib import Path

import numpy as np
import pytest

from search_spaces.errors import StudyFileError
from search_spaces.points import read_points
from search_spaces.writing import WRITERS, write_columns

NAMES = ("x", "t", "speed")


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_stand_in_the_order_asked_for_and_others_are_ignored(tmp_path: Path) -> None:
    table = read_points(written(tmp_path / "a.csv", "speed,note,t,x\n3,here,2,1\n6,there,5,4\n"), NAMES)
    assert table.values.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert table.rows.tolist() == [1, 2]


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_is_read(suffix: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(4, 3))
    write_columns(path := tmp_path / f"a{suffix}", dict(zip(NAMES, values.T, strict=True)))
    assert read_points(path, NAMES).values.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x,t\n1,2\n",
            r"a\.csv: column speed is missing \(there are x, t\); points need x, t, speed; give one this name",
        ),
        ("x,t,speed,t\n1,2,3,4\n", r"a\.csv: there are two columns t; keep one, or give the other another name"),
        ("x,t,speed\n", r"a\.csv: there are no rows; write one for each point"),
        ("x,t,speed\n1,2,3\n4,,6\n", r"a\.csv: line 3: t is empty or nan; write a number, or remove this row"),
        ("x,t,speed\n1,2,fast\n", r"a\.csv: line 2: speed is the text 'fast'; write a number"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=f"^{message}"):
        read_points(written(tmp_path / "a.csv", text), NAMES)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=r"^a\.csv: this file of data does not exist in "):
        read_points(tmp_path / "a.csv", NAMES)
