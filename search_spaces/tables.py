"""Tables of numbers in files, by the names of their columns: .csv, .npz, .mat and .parquet.

A format says which columns a file has, and reads those that are asked for. Nothing but real numbers is read: no texts,
objects or complex numbers, and never a pickle. Slow packages are imported where a file of their format is read.
"""

import csv
import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.errors import LONGEST_SHOWN, StudyFileError, nearest, one_line, reason

CELL = "write a number, as 0.5 or 1e-3; an output that is not observed is an empty cell, or nan"
SEPARATORS = ";\t|"

MOST_NAMES = 20
"""Of columns or files that an error lists."""

KINDS = {"O": "texts or objects", "U": "texts", "S": "texts", "c": "complex numbers", "b": "true and false"}
"""numpy's kinds of arrays that hold no real numbers, in words."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of a file."""

    values: np.ndarray
    """(N, C) float64; nan in an empty cell."""

    rows: np.ndarray
    """(N,) int64: where each row stands in the file; the first is 1."""


@dataclass(frozen=True)
class Format:
    names: Callable[[Path], list[str]]
    columns: Callable[[Path, Sequence[str]], Table]
    how: str
    """How to write such a file."""


def column_names(path: Path) -> list[str]:
    """The columns that a file has, as they stand there. Raises StudyFileError where it cannot be read."""
    with _reading(path) as format:
        return format.names(path)


def read_columns(path: Path, names: Sequence[str]) -> Table:
    """These columns of a file. Raises StudyFileError that names row and column where something is no number."""
    with _reading(path) as format:
        return format.columns(path, names)


def require_table(path: Path) -> None:
    """Raises StudyFileError unless there is such a file, of a format that is known."""
    if path.suffix.lower() not in FORMATS:
        what = f"ends with {path.suffix}" if path.suffix else "has no ending"
        raise StudyFileError(f"this file of data {what}; write one of: {', '.join(FORMATS)}")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else f"does not exist in {path.absolute().parent}"
        files = (other for other in path.parent.glob("*") if other.is_file())
        beside = sorted(other.name for other in files if other.suffix.lower() in FORMATS)
        instead = nearest(path.name, beside[:MOST_NAMES]) if beside else "write the path of one, from the study file"
        raise StudyFileError(f"this file of data {what}; {instead}")


def place(path: Path, row: int) -> str:
    """Where a row stands, as a person counts: the header of a .csv is its line 1."""
    return f"line {row + 1}" if path.suffix.lower() == ".csv" else f"row {row}"


def listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")


@contextmanager
def _reading(path: Path) -> Iterator[Format]:
    require_table(path)
    format = FORMATS[path.suffix.lower()]
    with _refusing("this file", format.how):
        yield format


@contextmanager
def _refusing(what: str, how: str) -> Iterator[None]:
    """Whatever a reader raises, in our words: readers of broken files raise whatever they stumble upon."""
    try:
        yield
    except StudyFileError:
        raise
    except OSError as error:
        raise StudyFileError(f"{what} cannot be read ({error.strerror or reason(error)}); {how}") from None
    except Exception as error:
        raise StudyFileError(f"{what} cannot be read ({one_line(error)}); {how}") from None


@contextmanager
def _csv_rows(path: Path) -> Iterator[tuple[list[str], Any]]:
    """The header, its names without blanks around them, and the reader of what follows."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True, skipinitialspace=True)
        try:
            header = next((cells for cells in reader if cells), [])
            yield [name.strip() for name in header], reader
        except csv.Error as error:
            raise StudyFileError(f"line {reader.line_num}: {error}; mend the quotes there, or before") from None


def _csv_names(path: Path) -> list[str]:
    with _csv_rows(path) as (names, _):
        if not names:
            raise StudyFileError("this file is empty; write the names of its columns in line 1, numbers below")
        if len(names) == 1 and (found := [mark for mark in SEPARATORS if mark in names[0]]):
            raise StudyFileError(f"its cells are separated by {found[0]!r}; write commas, and dots in numbers")
        if all(_is_number(name) for name in names):
            raise StudyFileError(f"line 1 holds numbers ({listed(names)}); write the names of the columns there")
        return names


def _csv_columns(path: Path, names: Sequence[str]) -> Table:
    values, rows = array("d"), array("q")
    with _csv_rows(path) as (header, reader):
        places = [header.index(name) for name in names]
        for cells in reader:
            if not cells:  # an empty line
                continue
            if len(cells) != len(header):
                raise StudyFileError(
                    f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}; "
                    f"write as many, with dots in numbers, and an empty one where nothing is observed"
                )
            try:
                values.extend([_number(cells[place]) for place in places])
            except ValueError:
                raise StudyFileError(f"line {reader.line_num}: {_refused(names, places, cells)}") from None
            rows.append(reader.line_num - 1)
    return Table(np.array(values, dtype=np.float64).reshape(-1, len(names)), np.array(rows, dtype=np.int64))


def _number(text: str) -> float:
    """nan for an empty cell, and for nan, which is what numpy writes. Raises ValueError for infinities, and 1_000."""
    if not text or text.isspace():
        return math.nan
    number = float(text)
    if math.isinf(number) or "_" in text:
        raise ValueError
    return number


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(_number(text))
    except ValueError:
        return False


def _refused(names: Sequence[str], places: Sequence[int], cells: Sequence[str]) -> str:
    wrong = {name: cells[place] for name, place in zip(names, places, strict=True)}
    name, text = next((name, text) for name, text in wrong.items() if text.strip() and not _is_number(text))
    return f"{name} is the text {text[:LONGEST_SHOWN]!r}; {CELL}"


@contextmanager
def _npz(path: Path) -> Iterator[Any]:
    with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as arrays:
        yield arrays


def _npz_names(path: Path) -> list[str]:
    with _npz(path) as arrays:
        return list(arrays.files)


def _npz_columns(path: Path, names: Sequence[str]) -> Table:
    found: dict[str, np.ndarray] = {}
    with _npz(path) as arrays:
        for name in names:
            with _refusing(f"column {name}", "write an array of numbers, one a row"):
                found[name] = np.asarray(arrays[name])
    return _stacked(found)


def _mat_names(path: Path) -> list[str]:
    from scipy.io import whosmat

    return [name for name, _, _ in whosmat(path, appendmat=False)]


def _mat_columns(path: Path, names: Sequence[str]) -> Table:
    from scipy.io import loadmat

    found = loadmat(path, appendmat=False, variable_names=list(names))
    return _stacked({name: _vector(found[name]) for name in names})


def _vector(matrix: Any) -> np.ndarray:
    """Of MATLAB's matrices those of one row or column as a vector, all others as they are."""
    found = np.asarray(matrix)
    return found.reshape(-1) if found.size == max(found.shape, default=0) else found


def _parquet_names(path: Path) -> list[str]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        return list(file.schema_arrow.names)


def _parquet_columns(path: Path, names: Sequence[str]) -> Table:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        found = file.read(columns=list(names))
    return _stacked({name: found.column(name).to_numpy() for name in names})


def _stacked(columns: Mapping[str, np.ndarray]) -> Table:
    """Raises StudyFileError where a column holds anything but finite numbers and nan, or more rows than another."""
    first = next(iter(columns))
    for name, column in columns.items():
        if column.dtype.kind not in "fiu":
            kind = KINDS.get(column.dtype.kind, str(column.dtype))
            raise StudyFileError(f"column {name} holds {kind}; write real numbers, one a row")
        if column.ndim != 1:
            raise StudyFileError(f"column {name} has the shape {column.shape}; write a vector, one number a row")
        if len(column) != len(columns[first]):
            raise StudyFileError(
                f"column {first} has {len(columns[first])} rows and column {name} {len(column)}; write as many"
            )
    values = np.column_stack([column.astype(np.float64) for column in columns.values()])
    for row, column in np.argwhere(np.isinf(values))[:1]:
        raise StudyFileError(f"row {row + 1}: {[*columns][column]} is {values[row, column]}; write a finite number")
    return Table(values, np.arange(1, len(values) + 1))


FORMATS: Mapping[str, Format] = {
    ".csv": Format(_csv_names, _csv_columns, "write UTF-8 text, commas between its cells, names of columns in line 1"),
    ".npz": Format(_npz_names, _npz_columns, "write it by numpy.savez, one array of numbers a column"),
    ".mat": Format(_mat_names, _mat_columns, "write it by MATLAB's save(…, '-v7'), one vector of numbers a column"),
    ".parquet": Format(_parquet_names, _parquet_columns, "write it anew, e.g. by pandas' to_parquet"),
}
"""A file's ending → how it is read."""
