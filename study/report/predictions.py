"""What `predictions.npz` holds, read for plots (`study.trial.predictions` writes it); files of old hold less."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from search_spaces.regular import regular

Arrays = Mapping[str, np.ndarray]

MOST_OUTPUTS = 4
"""Outputs of a problem that get a panel each; a set of a hundred would not be legible."""

AS_TRAINED = {"after": "before", "plane_after": "plane_before", "plane_residual_after": "plane_residual"}
"""An array of the projected network → that of the trained one."""


def read_predictions(path: Path) -> Arrays:
    """The arrays of `predictions.npz` by name."""
    with np.load(regular(path)) as file:
        return dict(file)


def as_solved(arrays: Arrays) -> Arrays:
    """With what was predicted after the projection in the place of what was before, and with its points."""
    solved = {AS_TRAINED[name]: values for name, values in arrays.items() if name in AS_TRAINED}
    if "collocation" in arrays and "path_x" in arrays:
        solved["collocation"] = arrays["path_x"]
    return {name: solved.get(name, values) for name, values in arrays.items() if name not in AS_TRAINED}


def was_trained(arrays: Arrays) -> bool:
    """Whether the network that was projected had been trained."""
    return bool(arrays.get("trained", True))


def origin(arrays: Arrays) -> str:
    """What the first of the networks has become, in words."""
    return "as trained" if was_trained(arrays) else "solved"


def coordinates_of(arrays: Arrays) -> list[str]:
    """The coordinates' names."""
    if "coordinates" in arrays:
        return arrays["coordinates"].tolist()
    count = arrays["x"].shape[1]
    return ["x"] if count == 1 else [f"x{index + 1}" for index in range(count)]


def outputs_of(arrays: Arrays) -> list[str]:
    """The outputs' names."""
    if "outputs" in arrays:
        return arrays["outputs"].tolist()
    count = arrays["before"].shape[1]
    return ["u"] if count == 1 else [f"u, output {index + 1}" for index in range(count)]


def truths(arrays: Arrays) -> dict[str, float]:
    """The true values of unknowns, where they are known."""
    names = arrays["unknowns"].tolist() if "unknowns" in arrays else []
    return {name: float(value) for name, value in zip(names, arrays.get("truths", ()), strict=True) if value == value}


def title_of(arrays: Arrays) -> str:
    """Which wave was predicted, and with which values of unknowns."""
    values = [f"{value:.3g}" for value in arrays["p"]]
    if "parameters" not in arrays:
        return f"Test wave p = ({', '.join(values)})"
    named = [f"{name} = {value}" for name, value in zip(arrays["parameters"].tolist(), values, strict=True)]
    wave = f"Test wave {', '.join(named)}" if named else "Prediction"
    unknowns = arrays["unknowns"].tolist() if "found" in arrays else []
    found = [f"{name} = {value:.3g}" for name, value in zip(unknowns, arrays.get("found", ()), strict=False)]
    return f"{wave}, with {', '.join(found)}" if found else wave


def on_planes(arrays: Arrays) -> bool:
    """Whether there are pictures of planes of two coordinates."""
    return "planes" in arrays and arrays["planes"].shape[1] == 2


def observed(arrays: Arrays) -> bool:
    """Whether there are observations, other than an exact solution."""
    return "u" in arrays and bool(arrays.get("observed", False))


def had_observations(arrays: Arrays) -> bool:
    """Whether the training had observations of this wave."""
    return len(arrays.get("training_x", ())) > 0


def sensible_range(
    known: Sequence[np.ndarray], predicted: Sequence[np.ndarray], *, margin: float = 0.08
) -> tuple[float, float]:
    """The range of the known and predicted values, but at most three times that of the known ones, where there are."""
    known, predicted = [_finite(values) for values in known], [_finite(values) for values in predicted]
    every = np.concatenate([np.zeros(0), *known, *predicted])
    if not every.size:
        return 0.0, 1.0
    low, high = lowest, highest = float(every.min()), float(every.max())
    truth = np.concatenate([np.zeros(0), *known])
    if truth.size:
        low, high = float(truth.min()), float(truth.max())
        reach = (high - low) or abs(high) or 1.0
        lowest, highest = max(lowest, low - reach), min(highest, high + reach)
    wider = margin * (highest - lowest or 1.0)
    return lowest - wider, highest + wider


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)].ravel()
