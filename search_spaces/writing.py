"""Columns of numbers into a file, in the formats that `search_spaces.tables` reads.

Numbers in texts have the digits that it takes to read the same number again.
"""

import csv
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from search_spaces.errors import StudyFileError

Columns = Mapping[str, np.ndarray]
"""Name → (N,) numbers, as many in each."""


def require_writable(path: Path) -> None:
    """Raises StudyFileError unless a file of this name can be written, by its ending and where it stands."""
    if path.suffix.lower() not in WRITERS:
        what = f"ends with {path.suffix}" if path.suffix else "has no ending"
        raise StudyFileError(f"{path} {what}; write one of: {', '.join(WRITERS)}")
    if path.is_dir():
        raise StudyFileError(f"{path} is a folder; write the path of a file")
    if not path.absolute().parent.is_dir():
        raise StudyFileError(f"{path.absolute().parent} does not exist; make it, or write another path")


def write_columns(path: Path, columns: Columns) -> None:
    """Write a file whole or not at all; one that is there already is replaced. Raises OSError."""
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        WRITERS[path.suffix.lower()](partial, columns)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _csv(path: Path, columns: Columns) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*([str(number) for number in column] for column in columns.values()), strict=True))


def _npz(path: Path, columns: Columns) -> None:
    np.savez(path, **columns)  # type: ignore[arg-type]


def _mat(path: Path, columns: Columns) -> None:
    from scipy.io import savemat

    savemat(path, dict(columns), appendmat=False, oned_as="column")


def _parquet(path: Path, columns: Columns) -> None:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    write_table(pa.table(dict(columns)), path)


WRITERS: Mapping[str, Callable[[Path, Columns], None]] = {
    ".csv": _csv,
    ".npz": _npz,
    ".mat": _mat,
    ".parquet": _parquet,
}
"""A file's ending → how it is written."""
