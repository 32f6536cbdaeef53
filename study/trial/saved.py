"""What a trial's checkpoint holds. A file may hold anything: it is looked through before any of it is used."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnn_core import checkpoint
from cnn_core.checkpoint import CheckpointError
from cnn_core.projection import ProjectionResult
from cnn_core.solvers import ProjectionStatus
from cnn_core.training import TrainingStatus

Wave = tuple[float, ...]
"""The parameters of a wave."""

SOLVED = "solved"
"""What a trial without training has found: a list of its waves' projections."""

REUSED = "reused"
"""How many of a trial's seconds of training another trial has spent for it."""

WAVE = "wave"
"""Beside the fields of each: its parameters p (K,), as numbers."""

FORGOTTEN = {"path": []}
"""The field that is not kept, which is for pictures."""


def solutions_of(results: Mapping[Wave, ProjectionResult]) -> list[dict[str, Any]]:
    """Projections as a checkpoint holds them."""
    return [
        {WAVE: list(wave), **vars(result), "status": str(result.status), **FORGOTTEN}
        for wave, result in results.items()
    ]


def solutions_in(state: Mapping[str, Any]) -> dict[Wave, ProjectionResult]:
    """The projections in a checkpoint that was `read`, by their waves."""
    return {tuple(one[WAVE]): _result(one) for one in state[SOLVED]}


def _result(solution: Mapping[str, Any]) -> ProjectionResult:
    known = {name: value for name, value in solution.items() if name != WAVE}
    return ProjectionResult(**{**known, "status": ProjectionStatus(known["status"])})


def read(path: Path, *, device: torch.device) -> dict[str, Any]:
    """The state in a trial's checkpoint. Raises CheckpointError that says what is missing, or of the wrong kind."""
    state = {SOLVED: [], REUSED: 0.0, **checkpoint.load(path, device=device)}  # earlier versions did not keep them
    _require(state, TRIAL, path)
    _require(state["training"], TRAINING, path, "training.")
    size = len(state["training"]["theta"])
    _require(state, {SOLVED: lambda found: all(len(one["theta"]) == size for one in found)}, path)
    return state


def _require(state: Mapping[str, Any], kinds: Mapping[str, Callable[[Any], bool]], path: Path, where: str = "") -> None:
    for name, fits in kinds.items():
        if name not in state or not fits(state[name]):
            what = "is missing" if name not in state else "is not what it should be"
            raise CheckpointError(path, f"this is not a trial's checkpoint ({where}{name} {what}); begin a new trial")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _are_settings(value: Any) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except (ValueError, TypeError, RecursionError):
        return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_metrics(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(key) and (_is_text(v) or _is_number(v)) for key, v in value.items())


def _are_percentiles(entry: Any) -> bool:
    """(epoch, quantity, values)."""
    if not isinstance(entry, list | tuple) or len(entry) != 3:
        return False
    epoch, quantity, values = entry
    return _is_count(epoch) and _is_text(quantity) and isinstance(values, list | tuple) and all(map(_is_real, values))


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float)


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _are_solutions(value: Any) -> bool:
    names = {WAVE, *(one.name for one in fields(ProjectionResult))}
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and one.keys() == names
        and isinstance(one[WAVE], list)
        and all(map(_is_real, one[WAVE]))
        and _is_vector(one["theta"])
        and one["status"] in list(ProjectionStatus)
        for one in value
    )


def _is_vector(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.dim() == 1


TRIAL: Mapping[str, Callable[[Any], bool]] = {
    "settings": _are_settings,
    "training": lambda value: isinstance(value, dict),
    "seconds": _is_number,
    REUSED: _is_number,
    "history": _list_of(_are_metrics),
    "percentiles": _list_of(_are_percentiles),
    SOLVED: _are_solutions,
}
TRAINING: Mapping[str, Callable[[Any], bool]] = {
    "theta": _is_vector,
    "optimizer": lambda value: isinstance(value, dict),
    "method": lambda value: True,
    "shuffler": lambda value: isinstance(value, Tensor) and value.dtype is torch.uint8,
    "epoch": _is_count,
    "status": lambda value: value in list(TrainingStatus) if _is_text(value) else False,
    "figures": _are_metrics,
    "seconds": _are_metrics,
}
"""Name → whether a value is of the kind that belongs there."""
