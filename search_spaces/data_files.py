"""The data of a split that has a file: its observations, as points of a problem.

A file is looked for like a module: beside the study file, in the current folder, then beside the files that come with
the package; on the nodes of a cluster, and beside a study file that was sent there, among the files that were sent.
"""

import os
import shutil
import sys
from dataclasses import replace
from hashlib import file_digest, sha256
from pathlib import Path

import torch
from torch import Tensor

from cnn_core.problems import PointSet, Problem
from search_spaces import modules
from search_spaces.bootstrap import drawn_anew
from search_spaces.errors import StudyFileError
from search_spaces.observations import Observations, naming, read_observations, require_inside
from search_spaces.schema import Data, DataSplit

SENT = "cnn_study_data"
"""The folder of the files that a cluster's nodes get."""

DIGITS = 16


def find_file(name: str) -> Path:
    """The file that a study file names. Raises StudyFileError where there is none."""
    first = (*modules.folders, Path.cwd())
    places = [Path(folder) / name for folder in (*first, Path(__file__).parent)]
    sent = [Path(folder) / SENT / sent_as(name) for folder in (*first, *sys.path)]
    for path in (*places, *sent):
        if os.path.exists(path):  # pathlib raises where a name is too long to be one
            return path
    raise StudyFileError(f"file is {name!r}, and there is no such file in {places[0].parent}; write a path from there")


def sent_as(name: str) -> str:
    """The name that a file has among those that are sent: another one for every path."""
    return f"{sha256(name.encode()).hexdigest()[:DIGITS]}{Path(name).suffix}"


def files_of(data: Data) -> dict[str, Path]:
    """The data files of a study: what it calls each → where it is."""
    return {split.file: find_file(split.file) for split in data.splits.values() if split.file is not None}


def gather(data: Data, folder: Path) -> Path | None:
    """Copy a study's data files to where they are found when `folder` is sent along; None if it has none."""
    files = files_of(data)
    for name, path in files.items():
        (folder / SENT).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / SENT / sent_as(name))
    return folder / SENT if files else None


def digest(path: Path) -> str:
    """A text that is another one when a file's content is."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()[:DIGITS]


def observed(problem: Problem, split: DataSplit, *, seed: int = 0) -> PointSet | None:
    """The observations of a split, its waves one after the other, in float64; None without a file.

    `seed` draws those of a bootstrap.

    Raises StudyFileError: one line that names file, row and column.
    """
    if split.file is None:
        return None
    found = _read(problem, split, find_file(split.file), seed)
    waves, wave = _distinct(found.p)
    at = wave.argsort(stable=True)
    sizes = tuple(torch.bincount(wave, minlength=len(waves)).tolist())
    weight = _weights(found)
    return PointSet(
        found.x[at],
        found.p[at],
        found.u.nan_to_num(0.0)[at],
        len(waves),
        weight=None if weight is None else weight[at],
        sizes=sizes if len(set(sizes)) > 1 else None,
    )


def noise(problem: Problem, split: DataSplit, *, seed: int = 0) -> float | None:
    """The data_mse that errors of measurement leave of a perfect prediction: their mean square, a mean over the waves.

    None where they are not all known. Raises StudyFileError.
    """
    if split.file is None:
        return None
    found = _read(problem, split, find_file(split.file), seed)
    if found.deviation is None or (found.deviation.isnan() & ~found.u.isnan()).any():
        return None
    waves, wave = _distinct(found.p)
    squares, counts = (
        torch.zeros(len(waves), dtype=torch.float64).index_add(0, wave, rows.sum(dim=1))
        for rows in (found.deviation.square().nan_to_num(0.0), (~found.u.isnan()).double())
    )
    return float((squares / counts).mean())


def _read(problem: Problem, split: DataSplit, path: Path, seed: int) -> Observations:
    """The observations of a split, all with their parameters."""
    found = read_observations(
        path,
        coordinates=problem.axes,
        parameters=problem.given,
        outputs=problem.outputs,
        columns=split.columns,
        share=split.share,
        order=split.order,
    )
    require_inside(found, problem.domain.contains(found.x), path, coordinates=problem.axes)
    found = replace(found, p=_parameters(problem, split, found, path))
    if split.bootstrap is None:
        return found
    with naming(path):
        return drawn_anew(found, _distinct(found.p)[1], split.bootstrap, seed=seed)


def waves_of(problem: Problem, split: DataSplit, data: PointSet | None) -> Tensor:
    """The waves (W, K) of a split: those of its data, or the grid of its parameters."""
    return split.waves(problem) if data is None else _distinct(data.p)[0]


def _distinct(p: Tensor) -> tuple[Tensor, Tensor]:
    """The different rows of p (N, K), sorted, and which of them each row is, (N,)."""
    if not p.shape[1]:
        return p[:1], torch.zeros(len(p), dtype=torch.long)
    waves, index = torch.unique(p, dim=0, return_inverse=True)
    return waves, index


def _parameters(problem: Problem, split: DataSplit, found: Observations, path: Path) -> Tensor:
    """p (N, K): by row from the file, or those of the split's one wave."""
    count = len(found.x)
    if found.p.shape[1] and split.parameters:
        names = ", ".join(split.parameters)
        raise StudyFileError(f"{names} stands in {path.name}, too; remove it here, or say by columns what that one is")
    if found.p.shape[1] or not problem.given:
        return found.p if found.p.shape[1] else found.p.new_zeros(count, 0)
    if missing := [name for name in problem.given if name not in split.parameters]:
        raise StudyFileError(
            f"{path.name} has no column for {', '.join(missing)}; write one value for each here, as {missing[0]}: "
            "[1.0], or add columns"
        )
    waves = split.waves(problem)
    if len(waves) != 1:
        raise StudyFileError(
            f"{path.name} has no column for {', '.join(problem.given)}, and there are {len(waves)} waves; write one "
            "value for each, or add columns"
        )
    return waves.expand(count, -1).clone()


def _weights(found: Observations) -> Tensor | None:
    """Weights (N, O) with the mean 1: 0 for gaps, in proportion to 1/σ² for deviations σ; None where all are alike."""
    seen = ~found.u.isnan()
    if seen.all() and found.deviation is None:
        return None
    weight = seen.to(found.u)
    if found.deviation is not None:
        weight = torch.where(seen & ~found.deviation.isnan(), 1 / found.deviation.square(), weight)
    return weight * (weight.numel() / weight.sum())
