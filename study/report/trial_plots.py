"""Plots of one trial: what it predicts, how it converged, how its residuals were distributed."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnn_core.clock import SECTIONS
from cnn_core.metrics import WORST
from search_spaces.errors import one_line
from search_spaces.regular import regular
from study.journal.journal import TrialRecord
from study.report.plot_style import (
    AFTER,
    BEFORE,
    EXACT,
    MUTED,
    add_legend,
    clip,
    logarithmic,
    message_plot,
    new_figure,
    new_panels,
    styled,
)
from study.trial.files import PREDICTIONS

CONVERGENCE, PREDICTION = "convergence.png", "prediction.png"
"""Plots of an ended trial, by the names of their files."""

Arrays = Mapping[str, np.ndarray]

MOST_OUTPUTS = 4
"""Outputs of a problem that get a panel each; a set of a hundred would not be legible."""

SECTION_COLOURS = dict(
    zip(
        (*SECTIONS, "other", "projection"),
        ("#77AADD", "#99DDFF", "#EE8866", "#EEDD88", "#FFAABB", "#44BB99", "#DDDDDD", "#AAAA00"),
        strict=True,
    )
)


def draw(record: TrialRecord, folder: Path, target: Path) -> dict[str, str]:
    """Draw into `target` what a trial's record and files have plots for: plot → empty, or why it is missing.

    It takes half a second of a core, which no driver should spend.
    """
    drawn: dict[str, str] = {}
    if record.history:
        drawn[CONVERGENCE] = _keep(lambda: convergence_plot(record), target / CONVERGENCE)
    if (folder / PREDICTIONS).exists():
        drawn[PREDICTION] = _keep(lambda: prediction_plot(folder / PREDICTIONS), target / PREDICTION)
    return drawn


def _keep(plot: Callable[[], Figure], path: Path) -> str:
    try:
        plot().savefig(path)
    except Exception as error:  # a trial without one of its plots is still a result
        return one_line(error)
    return ""


@styled
def prediction_plot(path: Path) -> Figure:
    """What `predictions.npz` holds: the exact solution and the network before, during and after its projection.

    With one coordinate as curves over it, with several as predicted against exact values; at most four outputs.
    """
    arrays = read_predictions(path)
    outputs = arrays["u"].shape[1]
    shown = min(outputs, MOST_OUTPUTS)
    curves = arrays["x"].shape[1] == 1
    names = [f"output {index + 1}" for index in range(shown)]
    figure, panels = _prediction_panels(names, curves=curves, course="path_distances" in arrays)
    for output, name in enumerate(names):
        axes = panels[name]
        (draw_curves if curves else draw_parity)(axes, arrays, output=output)
        if curves:
            axes.set(xlabel="x", ylabel="u" if outputs == 1 else f"u, {name}")
        else:
            axes.set(title=name, ylabel="predicted")
    if "path_distances" in arrays:
        draw_course(panels["errors"], arrays, "path_errors", "solver's error")
        draw_course(panels["distances"], arrays, "path_distances", "rms of u − u₀")
    add_legend(figure)
    note = f", outputs 1 to {shown} of {outputs}" if shown < outputs else ""
    figure.suptitle(f"Test wave p = ({', '.join(f'{value:.3g}' for value in arrays['p'])}){note}", x=0.02, ha="left")
    return figure


def _prediction_panels(names: Sequence[str], *, curves: bool, course: bool) -> tuple[Figure, dict[str, Axes]]:
    """A panel for every output and, below them, two for the `course` of a projection."""
    rows: list[Any] = [[name, name] for name in names] if curves else [[name for name in names for _ in "ab"]]
    heights = [2.8 if curves else 3.4] * len(rows)
    if course:
        half = len(rows[0]) // 2
        rows, heights = [*rows, ["errors"] * half + ["distances"] * half], [*heights, 1.6]
    figure = new_figure(8.5 if curves else 1.5 + 3.2 * len(names), 1.2 + sum(heights))
    return figure, figure.subplot_mosaic(rows, height_ratios=heights)


def read_predictions(path: Path) -> Arrays:
    """The arrays of `predictions.npz` by name."""
    with np.load(regular(path)) as file:
        return dict(file)


def draw_curves(axes: Axes, arrays: Arrays, *, output: int = 0) -> None:
    """One output over the one coordinate: exact, before, faded steps of the projection, after, collocation points."""
    order = np.argsort(arrays["x"][:, 0])
    x = arrays["x"][order, 0]
    exact = arrays["u"][order, output]
    axes.plot(x, exact, color=EXACT, linewidth=4, alpha=0.25, label="exact")
    if "path_x" in arrays:
        _draw_steps(axes, arrays, output)
    axes.plot(x, arrays["before"][order, output], color=BEFORE, label="as trained")
    if "after" in arrays:
        axes.plot(x, arrays["after"][order, output], color=AFTER, linestyle=(0, (5, 1.5)), label="projected")
    if "path_x" in arrays:
        points, height = arrays["path_x"][:, 0], np.full(len(arrays["path_x"]), 0.02)
        border = axes.get_xaxis_transform()
        axes.plot(points, height, "|", color=MUTED, alpha=0.7, transform=border, label="collocation points")
    axes.set_ylim(*_sensible_range(exact, arrays, output))


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
    low, high = _sensible_range(exact, arrays, output)
    axes.plot([low, high], [low, high], color=EXACT, linewidth=1, label="exact")
    axes.plot(exact, arrays["before"][:, output], "o", color=BEFORE, markersize=3.5, alpha=0.6, label="as trained")
    if "after" in arrays:
        hollow: dict[str, Any] = {"markersize": 4.5, "markerfacecolor": "none"}
        axes.plot(exact, arrays["after"][:, output], "o", color=AFTER, **hollow, alpha=0.7, label="projected")
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="exact")


def draw_course(axes: Axes, arrays: Arrays, name: str, label: str) -> None:
    """What a projection lowered or moved, by its steps; dots where predictions were kept."""
    limits = logarithmic(axes, arrays[name])
    drawn = clip(arrays[name], limits)
    kept = arrays["path_steps"].astype(int)
    axes.plot(drawn, color=AFTER)
    axes.plot(kept, drawn[kept], "o", color=AFTER, markersize=4, clip_on=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="projection step", ylabel=label)


@styled
def convergence_plot(record: TrialRecord) -> Figure:
    """A trial's data and constraint errors on training and validation points by epoch, and its seconds per section."""
    if not record.history:
        return message_plot(f"trial {record.trial} ended no epoch")
    figure = new_figure(8.5, 4.6)
    panels = figure.subplot_mosaic([["data", "constraint"], ["time", "time"]], height_ratios=[6, 1])
    for axes, name, title in (
        (panels["data"], "data_mse", "Data error"),
        (panels["constraint"], "constraint_mse", "Constraint error"),
    ):
        draw_convergence(axes, record, name)
        axes.set(title=title, xlabel="epoch", ylabel="mean square")
    draw_sections(panels["time"], {"": record.latest})
    add_legend(figure)
    figure.suptitle(f"Trial {record.trial}: {record.method}, {record.status}", x=0.02, ha="left")
    return figure


def draw_convergence(axes: Axes, record: TrialRecord, name: str) -> None:
    """One error on training and validation points against epochs; after a projection also the error that it led to."""
    every: list[float] = []
    for split, colour, style in (("train", BEFORE, "-"), ("validation", AFTER, "--")):
        epochs, values = series(record, f"{split}/{name}")
        axes.plot(epochs, values, color=colour, linestyle=style, marker="o" if len(values) < 3 else "", label=split)
        every += values
    projected = record.metrics.get(f"projected/validation/{name}")
    if isinstance(projected, float | int) and projected < WORST:
        hollow: dict[str, Any] = {"color": AFTER, "markerfacecolor": "white", "clip_on": False, "zorder": 5}
        axes.plot(record.epoch, projected, "o", **hollow, label="validation, projected")
        every.append(projected)
    logarithmic(axes, every)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if record.metrics.get("diverged"):
        text = f"diverged in epoch {record.epoch}"
        axes.text(0.97, 0.95, text, transform=axes.transAxes, ha="right", va="top")


def draw_sections(axes: Axes, costs: Mapping[str, Mapping[str, float | str]]) -> None:
    """Seconds of training and projection per section as stacked bars, one bar per label."""
    positions = np.arange(len(costs))
    left = np.zeros(len(costs))
    for section, colour in SECTION_COLOURS.items():
        seconds = np.array([_section_seconds(cost, section) for cost in costs.values()])
        if seconds.any():
            axes.barh(positions, seconds, left=left, height=0.7, color=colour, edgecolor="white", label=section)
            left += seconds
    for position, total in zip(positions, left, strict=True):
        axes.annotate(f"{total:.3g} s", (total, position), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set(yticks=positions, yticklabels=list(costs), xlabel="seconds")
    axes.set_xlim(0, 1.12 * max(left.max(initial=0.0), 1e-9))
    axes.set_ylim(len(costs) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.legend(ncols=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), handlelength=1, columnspacing=1.2, borderpad=0)


def series(record: TrialRecord, name: str) -> tuple[list[int], list[float]]:
    """(epochs, values) of a metric through a trial, without values that count as the worst."""
    pairs = [(epoch, metrics[name]) for epoch, _, metrics in record.history if metrics.get(name, WORST) < WORST]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]


@styled
def percentile_plot(tables: Mapping[str, Path], quantity: str = "residual_abs") -> Figure:
    """The distribution of a quantity against epochs, a panel for each labelled `percentiles.csv`."""
    fans = {label: fan for label, path in tables.items() if (fan := read_percentiles(path, quantity))}
    if not fans:
        return message_plot("no trial has recorded percentiles yet")
    figure, panels = new_panels(len(fans), columns=3, height=2.3, frame=1.0, sharey=True)
    for axes, (label, fan) in zip(panels, fans.items(), strict=True):
        draw_fan(axes, *fan)
        axes.set(title=label, xlabel="epoch")
    every = [value for _, values in fans.values() for value in values[:, [5, 95]].flat]
    logarithmic(panels[0], every)
    figure.supylabel("|scaled residual|", fontsize=10)
    add_legend(figure)
    return figure


def draw_fan(axes: Axes, epochs: Sequence[int], values: np.ndarray) -> None:
    """Percentiles (E, 101) against epochs (E,): the median between bands."""
    for low, high, alpha in ((5, 95, 0.18), (25, 75, 0.35)):
        axes.fill_between(
            epochs, values[:, low], values[:, high], color=BEFORE, alpha=alpha, linewidth=0, label=f"{low} to {high} %"
        )
    axes.plot(epochs, values[:, 50], color=BEFORE, marker="o" if len(epochs) < 3 else "", markersize=3, label="median")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))


def read_percentiles(path: Path, quantity: str) -> tuple[list[int], np.ndarray] | None:
    """(epochs (E,), percentiles 0 … 100 (E, 101)) of a quantity in `percentiles.csv`; None without any."""
    if not path.exists():
        return None
    with regular(path).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["quantity"] == quantity]
    if not rows:
        return None
    values = np.array([[float(row[f"p{index}"]) for index in range(101)] for row in rows])
    return [int(row["epoch"]) for row in rows], values


def _section_seconds(cost: Mapping[str, float | str], section: str) -> float:
    if section != "other":
        return float(cost.get(f"time/{section}_s", 0.0))
    known = sum(float(cost.get(f"time/{name}_s", 0.0)) for name in SECTIONS)
    return max(0.0, float(cost.get("time/train_s", 0.0)) - known)


def _sensible_range(exact: np.ndarray, arrays: Arrays, output: int) -> tuple[float, float]:
    """The range of the exact and predicted values, but at most three times that of the exact ones."""
    values = np.concatenate([exact, *(arrays[name][:, output] for name in ("before", "after") if name in arrays)])
    values = values[np.isfinite(values)]
    low, high = float(exact.min()), float(exact.max())
    reach = (high - low) or abs(high) or 1.0
    lowest, highest = max(float(values.min()), low - reach), min(float(values.max()), high + reach)
    margin = 0.08 * (highest - lowest or 1.0)
    return lowest - margin, highest + margin
