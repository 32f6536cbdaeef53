"""Measured data: a file's rows as observations at points of their own.

Columns bear the problem's names: every coordinate; all of its parameters or none; the outputs that were observed, and
for each, where they are known, standard deviations as `<output>_error`. Other columns are ignored, an empty cell of an
output is not observed, and a row in which nothing is observed is no observation.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from search_spaces.columns import Wanted
from search_spaces.errors import StudyFileError
from search_spaces.shares import Order, Share, keys_of, part
from search_spaces.tables import column_names, place, read_columns, require_table

NOTHING: Mapping[str, str] = {}

MOST_FILES = 8
"""That are kept after they were read: the splits of a study, and the trials of a search, read the same."""


@dataclass(frozen=True, eq=False)
class Observations:
    """Data at points of its own: N points, D coordinates, K parameters, O outputs."""

    x: Tensor
    """(N, D) float64."""

    p: Tensor
    """(N, K) float64; (N, 0) if the file has no parameters."""

    u: Tensor
    """(N, O) float64; nan where nothing is observed."""

    deviation: Tensor | None
    """(N, O) standard deviations of u; nan where u is or where none is given; None if the file has none at all."""

    rows: Tensor
    """(N,) int64: where each stands in the file; its first row is 1."""

    def at(self, rows: slice | Tensor) -> "Observations":
        """These rows, as a copy."""
        deviation = None if self.deviation is None else self.deviation[rows].clone()
        return Observations(
            self.x[rows].clone(), self.p[rows].clone(), self.u[rows].clone(), deviation, self.rows[rows].clone()
        )


def read_observations(
    path: Path,
    *,
    coordinates: Sequence[str],
    parameters: Sequence[str],
    outputs: Sequence[str],
    columns: Mapping[str, str] = NOTHING,
    share: Share = (0.0, 1.0),
    order: Order = "random",
) -> Observations:
    """A share of a file's observations, in that order; `columns` renames the file's (its name → the problem's).

    Raises StudyFileError: one line that names file, row and column, and says what to write instead.
    """
    wanted = Wanted(tuple(coordinates), tuple(parameters), tuple(outputs), tuple(columns.items()))
    with naming(path):
        require_table(path)
        stamp = path.stat()
        found, keys = _sorted(path.absolute(), stamp.st_mtime_ns, stamp.st_size, wanted, order)
        return found.at(part(keys, share))


def require_inside(observations: Observations, inside: Tensor, path: Path, *, coordinates: Sequence[str]) -> None:
    """Raises StudyFileError where a point is not `inside` (N,) of the domain; names the first of the file."""
    outside = torch.nonzero(~inside).flatten()
    if not len(outside):
        return
    first = outside[observations.rows[outside].argmin()]
    point = zip(coordinates, observations.x[first].tolist(), strict=True)
    where = f"{place(path, int(observations.rows[first]))}: {', '.join(f'{name} = {value:g}' for name, value in point)}"
    with naming(path):
        if inside.any():
            raise StudyFileError(
                f"{where} is outside of the domain, as {len(outside)} of {len(inside)} points are; "
                f"remove these rows, or write a larger domain"
            )
        raise StudyFileError(
            f"{where} and all {len(inside)} points are outside of the domain, probably in other units or with columns "
            f"exchanged; write the domain's units, or say by columns which is which"
        )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file begins with its name, in one line."""
    try:
        yield
    except StudyFileError as error:
        raise StudyFileError(" ".join(f"{path.name}: {error}".splitlines())) from None
    except OSError as error:
        raise StudyFileError(f"{path.name}: this file cannot be read: {error.strerror}; write another path") from None


@lru_cache(maxsize=MOST_FILES)
def _sorted(path: Path, modified: int, size: int, wanted: Wanted, order: Order) -> tuple[Observations, np.ndarray]:
    """All of a file, sorted by the keys of its rows, which are returned, too; kept as long as it is not `modified`."""
    found = _observed(path, wanted)
    keys = keys_of(torch.cat([found.x, found.p], dim=1).numpy(), order)
    beside = [*found.u.T, *([] if found.deviation is None else found.deviation.T)]
    at = np.lexsort([*(column.numpy() for column in beside), keys])  # by keys first; rows of one point by their values
    return found.at(torch.from_numpy(at)), keys[at]


def _observed(path: Path, wanted: Wanted) -> Observations:
    """All observations of a file, in its order."""
    names = wanted.found_in(column_names(path))
    table = read_columns(path, list(names.values()))
    if not len(table.rows):
        raise StudyFileError("there are no rows; write one for each point")
    cells = dict(zip(names, table.values.T + 0.0, strict=True))  # + 0.0: -0.0 and 0.0 are one point
    observed = ~np.all([np.isnan(cells[name]) for name in wanted.outputs if name in cells], axis=0)
    if not observed.any():
        raise StudyFileError(
            f"nothing is observed in any of {len(table.rows)} rows; write numbers into an output's column"
        )
    cells, rows = {name: column[observed] for name, column in cells.items()}, table.rows[observed]
    _check(path, wanted, names, cells, rows)
    given = [name for name in wanted.parameters if name in cells]
    x, p, u = (_matrix(cells, group, len(rows)) for group in (wanted.coordinates, given, wanted.outputs))
    return Observations(x, p, u, _deviation(cells, wanted, u), torch.from_numpy(rows))


def _check(
    path: Path, wanted: Wanted, names: Mapping[str, str], cells: Mapping[str, np.ndarray], rows: np.ndarray
) -> None:
    """Raises StudyFileError where a row has no point, or what it observes no deviation though the others have one."""
    for name in (*wanted.coordinates, *wanted.parameters):
        if name in cells and (empty := np.isnan(cells[name])).any():
            where = place(path, rows[empty.argmax()])
            raise StudyFileError(f"{where}: {names[name]} is empty or nan; write a number, or remove this row")
    for output, name in wanted.deviations.items():
        if name in cells and (wrong := ~np.isnan(cells[output]) & ~(cells[name] > 0)).any():
            at = wrong.argmax()
            what = "empty or nan" if np.isnan(cells[name][at]) else f"{cells[name][at]:g}"
            instead = f"write the standard deviation of {names[output]}, greater than 0"
            raise StudyFileError(f"{place(path, rows[at])}: {names[name]} is {what}; {instead}")


def _deviation(cells: Mapping[str, np.ndarray], wanted: Wanted, u: Tensor) -> Tensor | None:
    if not any(name in cells for name in wanted.deviations.values()):
        return None
    found = _matrix(cells, [wanted.deviations.get(name, "") for name in wanted.outputs], len(u))
    return found.where(~u.isnan(), torch.nan)


def _matrix(cells: Mapping[str, np.ndarray], names: Sequence[str], count: int) -> Tensor:
    """The columns side by side (count, names); nan where there is no such column."""
    missing = np.full(count, np.nan)
    columns = [cells.get(name, missing) for name in names]
    return torch.from_numpy(np.stack(columns, axis=1) if columns else np.empty((count, 0)))
