"""Small files of data, in every format, and the error of reading one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
import scipy.io
from pyarrow import parquet

from search_spaces.errors import StudyFileError
from search_spaces.observations import Observations, read_observations

COLUMNS: Mapping[str, list[float]] = {
    "x": [0.5, 0.25, 0.75, 0.125],
    "t": [0.0, 1.0, 0.5, 0.25],
    "u": [1.0, np.nan, -3.0, 4.5],
    "u_error": [0.1, np.nan, 0.2, 0.1],
    "v": [2.0, 7.0, np.nan, 8.0],
}


def write_csv(path: Path, columns: Mapping[str, Any]) -> None:
    lines = [
        ",".join("" if np.isnan(cell) else repr(float(cell)) for cell in row)
        for row in zip(*columns.values(), strict=True)
    ]
    path.write_text("\n".join([",".join(columns), *lines, ""]), encoding="utf-8")


def write_npz(path: Path, columns: Mapping[str, Any]) -> None:
    np.savez(path, allow_pickle=True, **{name: np.asarray(column) for name, column in columns.items()})


def write_mat(path: Path, columns: Mapping[str, Any]) -> None:
    scipy.io.savemat(path, dict(columns))


def write_parquet(path: Path, columns: Mapping[str, Any]) -> None:
    parquet.write_table(
        pyarrow.table({name: pyarrow.array(column, from_pandas=True) for name, column in columns.items()}), path
    )


WRITERS = {".csv": write_csv, ".npz": write_npz, ".mat": write_mat, ".parquet": write_parquet}


def write(folder: Path, ending: str, columns: Mapping[str, Any] = COLUMNS) -> Path:
    path = folder / f"data{ending}"
    WRITERS[ending](path, columns)
    return path


def csv(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    return path


def read(
    path: Path, *, parameters: tuple[str, ...] = (), outputs: tuple[str, ...] = ("u",), **options: Any
) -> Observations:
    """The observations of a problem in x and t."""
    return read_observations(path, coordinates=("x", "t"), parameters=parameters, outputs=outputs, **options)


def error_of(path: Path, **options: Any) -> str:
    """The one-line error of reading a file, behind its name, which must come first."""
    with pytest.raises(StudyFileError) as caught:
        read(path, **options)
    source, message = str(caught.value).split(": ", 1)
    assert source == path.name and "\n" not in message
    return message
