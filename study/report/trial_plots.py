"""Plots of one trial: how it converged, how its residuals were distributed, and what it predicts."""

import csv
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnn_core.metrics import WORST
from cnn_core.solvers import SOLVERS
from search_spaces.errors import one_line
from search_spaces.regular import regular
from study.analysis.measured import MEAN_SQUARE, UNKNOWN, conditions_in, unknowns_in
from study.analysis.sections import PARTS, sections_of
from study.journal.record import TrialRecord
from study.report.plot_style import (
    AFTER,
    BEFORE,
    EXACT,
    MUTED,
    add_legend,
    logarithmic,
    message_plot,
    new_figure,
    new_panels,
    styled,
)
from study.report.prediction_plots import prediction_plot
from study.report.predictions import read_predictions, truths
from study.trial.files import PREDICTIONS, SETTINGS

CONVERGENCE, PREDICTION = "convergence.png", "prediction.png"
"""Plots of an ended trial, by the names of their files."""

SECTION_COLOURS = dict(
    zip(
        PARTS,
        ("#77AADD", "#99DDFF", "#EE8866", "#EEDD88", "#FFAABB", "#44BB99", "#DDDDDD", "#AAAA00"),
        strict=True,
    )
)


def draw(record: TrialRecord, folder: Path, target: Path) -> dict[str, str]:
    """Draw into `target` what a trial's record and files have plots for: plot → empty, or why it is missing.

    It takes half a second of a core, which no driver should spend.
    """
    drawn: dict[str, str] = {}
    if record.epoch and record.method not in SOLVERS:  # what was never trained has no way to show
        drawn[CONVERGENCE] = _keep(
            lambda: convergence_plot(record, _truths(folder), _warm_up(folder)), target / CONVERGENCE
        )
    if (folder / PREDICTIONS).exists():
        drawn[PREDICTION] = _keep(lambda: prediction_plot(folder / PREDICTIONS), target / PREDICTION)
    return drawn


def _truths(folder: Path) -> dict[str, float]:
    """The true values of unknowns, if the trial's files know them."""
    try:
        return truths(read_predictions(folder / PREDICTIONS))
    except Exception:  # whatever the file holds, or if there is none, the plot is worth having
        return {}


def _warm_up(folder: Path) -> float:
    """The epochs before constraints act, if the trial's settings are there and have some."""
    try:
        settings = yaml.safe_load(regular(folder / SETTINGS).read_text(encoding="utf-8"))
        return float(settings["training"]["method"].get("warm_up") or 0.0)
    except Exception:  # as above
        return 0.0


def _keep(plot: Callable[[], Figure], path: Path) -> str:
    try:
        plot().savefig(path)
    except Exception as error:  # a trial without one of its plots is still a result
        return one_line(error)
    return ""


ERRORS = {"data_mse": "Data error", "constraint_mse": "Constraint error"}
"""Metric → title."""

CONDITIONS = "Each equation and condition"

CONDITION_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C5A2B", "#000000", "#999999", "#B3A300")


@styled
def convergence_plot(record: TrialRecord, truths: Mapping[str, float] | None = None, warm_up: float = 0.0) -> Figure:
    """What a trial measured by epoch: data and constraint errors, each condition's, unknowns; its seconds by section.

    There are panels for what is measured alone. `truths` are the true values of unknowns, where they are known; the
    epoch where a `warm_up` ended is a line.
    """
    if not record.history:
        return message_plot(f"trial {record.trial} ended no epoch")
    conditions, unknowns = conditions_in(record.latest, "validation"), unknowns_in(record.latest)
    errors = [name for name in ERRORS if any(f"{split}/{name}" in record.latest for split in ("train", "validation"))]
    names = [*errors, *([CONDITIONS] if conditions else []), *(f"{UNKNOWN}{name}" for name in unknowns)]
    figure, panels = _convergence_panels(names)
    for name in errors:
        draw_convergence(panels[name], record, name)
        panels[name].set(title=ERRORS[name], ylabel="mean square")
    if conditions:
        _draw_conditions(panels[CONDITIONS], record, conditions)
    for name in unknowns:
        draw_unknown(panels[f"{UNKNOWN}{name}"], record, name, (truths or {}).get(name))
    for name in names:
        panels[name].set_xlabel("epoch")
        if 0 < warm_up < record.epoch:
            panels[name].axvline(warm_up, color=MUTED, linewidth=1, linestyle=":", zorder=1, label="end of the warm-up")
        panels[name].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    draw_sections(panels["time"], {"": sections_of(record.latest)})
    name_sections(panels["time"])
    add_legend(figure)
    figure.suptitle(f"Trial {record.trial}: {record.method}, {record.status}", x=0.02, ha="left")
    return figure


def _convergence_panels(names: Sequence[str]) -> tuple[Figure, dict[str, Axes]]:
    """Two of these panels in a row, the last one of an odd number as wide as two; below them the time."""
    pairs = [list(names[index : index + 2]) for index in range(0, len(names), 2)]
    rows: list[Any] = [pair * (2 // len(pair)) for pair in pairs]
    figure = new_figure(8.5, 1.8 + 2.8 * max(1, len(rows)))
    return figure, figure.subplot_mosaic(cast(Any, [*rows, ["time", "time"]]), height_ratios=[*[6] * len(rows), 1])


def _draw_conditions(axes: Axes, record: TrialRecord, names: Sequence[str]) -> None:
    """The mean squares of the PDE's equations and of the conditions on validation points, each a line of its own."""
    every: list[float] = []
    for name, colour in zip(names, itertools.cycle(CONDITION_COLOURS), strict=False):
        epochs, values = series(record, f"validation/{name}{MEAN_SQUARE}")
        axes.plot(epochs, values, color=colour, linewidth=1.5, marker="o" if len(values) < 3 else "", label=name)
        every += values
    logarithmic(axes, every)
    axes.set(title=CONDITIONS, ylabel="mean square, validation")
    axes.legend(ncols=1 + len(names) // 5, frameon=True, edgecolor="none", framealpha=0.8)  # where it hides least


def draw_unknown(axes: Axes, record: TrialRecord, name: str, truth: float | None) -> None:
    """An unknown's value against epochs, and the true one as a line."""
    epochs, values = series(record, f"{UNKNOWN}{name}")
    axes.plot(epochs, values, color=BEFORE, marker="o" if len(values) < 3 else "")
    draw_truth(axes, truth)
    axes.set(title=f"Unknown: {name}", ylabel=name)


def draw_truth(axes: Axes, truth: float | None) -> None:
    """The true value of an unknown, where it is known, as a line."""
    axes.margins(y=0.12)
    if truth is not None:
        axes.axhline(truth, color=EXACT, linewidth=1.2, linestyle=(0, (5, 1.5)))
        axes.text(0.01, truth, f"true: {truth:.4g}", transform=axes.get_yaxis_transform(), ha="left", va="bottom")


def draw_convergence(axes: Axes, record: TrialRecord, name: str) -> None:
    """One error on training and validation points against epochs; after a projection also the error that it led to."""
    every: list[float] = []
    for split, colour, style in (("train", BEFORE, "-"), ("validation", AFTER, "--")):
        epochs, values = series(record, f"{split}/{name}")
        if not values:
            continue
        axes.plot(epochs, values, color=colour, linestyle=style, marker="o" if len(values) < 3 else "", label=split)
        every += values
    projected = record.metrics.get(f"projected/validation/{name}")
    if isinstance(projected, float | int) and projected < WORST:
        hollow: dict[str, Any] = {"color": AFTER, "markerfacecolor": "white", "clip_on": False, "zorder": 5}
        axes.plot(record.epoch, projected, "o", **hollow, label="validation, projected")
        every.append(projected)
    logarithmic(axes, every)
    if record.metrics.get("diverged"):
        text = f"diverged in epoch {record.epoch}"
        axes.text(0.97, 0.95, text, transform=axes.transAxes, ha="right", va="top")


def draw_sections(axes: Axes, costs: Mapping[str, Mapping[str, float]]) -> None:
    """Seconds of training and projection per section as stacked bars, one bar per label."""
    positions = np.arange(len(costs))
    left = np.zeros(len(costs))
    for section, colour in SECTION_COLOURS.items():
        seconds = np.array([cost.get(section, 0.0) for cost in costs.values()])
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


def name_sections(axes: Axes) -> None:
    """A legend above the bars, if there are any."""
    if axes.get_legend_handles_labels()[0]:
        where: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}
        axes.legend(ncols=8, handlelength=1, columnspacing=1.2, borderpad=0, **where)


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
