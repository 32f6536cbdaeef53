"""Points in a file: one a row, with a column for every coordinate and every given parameter; other columns are ignored.

They are not observed: that is what `search_spaces.observations` reads.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from search_spaces.errors import StudyFileError
from search_spaces.observations import naming
from search_spaces.tables import Table, column_names, listed, place, read_columns


def read_points(path: Path, names: Sequence[str]) -> Table:
    """The columns of these names, every cell a number. Raises StudyFileError that names file, row and column."""
    with naming(path):
        _require(column_names(path), names)
        table = read_columns(path, names)
        if not len(table.rows):
            raise StudyFileError("there are no rows; write one for each point")
        for row, column in np.argwhere(np.isnan(table.values))[:1]:
            where = place(path, int(table.rows[row]))
            raise StudyFileError(f"{where}: {names[column]} is empty or nan; write a number, or remove this row")
    return table


def _require(there: Sequence[str], names: Sequence[str]) -> None:
    for name in names:
        if name not in there:
            raise StudyFileError(
                f"column {name} is missing (there are {listed(there)}); points need {listed(names)}; give one this name"
            )
        if there.count(name) > 1:
            raise StudyFileError(f"there are two columns {name}; keep one, or give the other another name")
