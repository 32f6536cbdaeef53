"""Predictions as curves over the one coordinate, and, where nothing better is known, against exact values."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from study.report.plot_style import AFTER, BEFORE, EXACT, MUTED
from study.report.predictions import (
    Arrays,
    coordinates_of,
    had_observations,
    observed,
    origin,
    outputs_of,
    sensible_range,
)

KINDS = {"exact": "u", "before": "before", "after": "after"}
"""What is drawn → its array at the test points; on the grid it is called plane_… ."""


def draw_curves(axes: Axes, arrays: Arrays, *, output: int = 0) -> None:
    """One output over the one coordinate: exact, before, faded steps of the projection, after, collocation points."""
    x, curves = _curves(arrays, output)
    if "exact" in curves:
        axes.plot(x, curves["exact"], color=EXACT, linewidth=4, alpha=0.25, label="exact")
    if "path_x" in arrays:
        _draw_steps(axes, arrays, output)
    axes.plot(x, curves["before"], color=BEFORE, label=origin(arrays))
    if "after" in curves:
        axes.plot(x, curves["after"], color=AFTER, linestyle=(0, (5, 1.5)), label="projected")
    draw_observations(axes, arrays, output=output)
    if "path_x" in arrays:
        points, height = arrays["path_x"][:, 0], np.full(len(arrays["path_x"]), 0.02)
        border = axes.get_xaxis_transform()
        axes.plot(points, height, "|", color=MUTED, alpha=0.7, transform=border, label="collocation points")
    known = [curves["exact"]] if "exact" in curves else []
    known += observations_in(arrays, output)
    axes.set_ylim(*sensible_range(known, [curve for name, curve in curves.items() if name != "exact"]))
    axes.set(xlabel=coordinates_of(arrays)[0], ylabel=outputs_of(arrays)[output])


def observations_in(arrays: Arrays, output: int) -> list[np.ndarray]:
    """The values of one output that the test and the training had."""
    return [
        *([arrays["u"][:, output]] if observed(arrays) else []),
        *([arrays["training_u"][:, output]] if had_observations(arrays) else []),
    ]


def draw_observations(axes: Axes, arrays: Arrays, *, output: int) -> None:
    """What was observed of one output: crosses for what the training had, circles for the test."""
    if had_observations(arrays):
        crosses: dict[str, Any] = {"color": MUTED, "markersize": 4, "label": "training data"}
        axes.plot(arrays["training_x"][:, 0], arrays["training_u"][:, output], "x", **crosses)
    if observed(arrays):
        dots: dict[str, Any] = {"color": EXACT, "markersize": 4, "markerfacecolor": "none", "label": "test data"}
        axes.plot(arrays["x"][:, 0], arrays["u"][:, output], "o", **dots)


def _curves(arrays: Arrays, output: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(x, curves by name), on the grid if there is one."""
    if "planes" in arrays and output < arrays["plane_before"].shape[-1]:
        low, high = arrays["box"][0]
        found = {name: arrays[f"plane_{name}"][0, :, output] for name in KINDS if f"plane_{name}" in arrays}
        return np.linspace(low, high, len(found["before"])), found
    order = np.argsort(arrays["x"][:, 0])
    found = {name: arrays[key][order, output] for name, key in KINDS.items() if key in arrays}
    return arrays["x"][order, 0], found


def _draw_steps(axes: Axes, arrays: Arrays, output: int) -> None:
    along = np.argsort(arrays["path_x"][:, 0])
    at = arrays["path_x"][along, 0]
    between = arrays["path_predictions"][1:-1, along, output]
    for index, prediction in enumerate(between):
        label = "during projection" if index == 0 else None
        axes.plot(at, prediction, color=AFTER, linewidth=0.9, alpha=0.2 + 0.4 * index / len(between), label=label)


def draw_parity(axes: Axes, arrays: Arrays, *, output: int = 0) -> None:
    """One output's predicted against exact values; a perfect network lies on the diagonal."""
    exact = arrays["u"][:, output]
    predicted = [arrays[name][:, output] for name in ("before", "after") if name in arrays]
    low, high = sensible_range([exact], predicted)
    axes.plot([low, high], [low, high], color=EXACT, linewidth=1, label="exact")
    axes.plot(exact, arrays["before"][:, output], "o", color=BEFORE, markersize=3.5, alpha=0.6, label=origin(arrays))
    if "after" in arrays:
        hollow: dict[str, Any] = {"markersize": 4.5, "markerfacecolor": "none"}
        axes.plot(exact, arrays["after"][:, output], "o", color=AFTER, **hollow, alpha=0.7, label="projected")
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="exact", ylabel="predicted")
