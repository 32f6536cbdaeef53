"""Plots of a whole study: trade-off, spread, progress, cost, and the best trial of every method."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from search_spaces.schema import Choice
from study.analysis.findings import Analysis, best_so_far
from study.analysis.variants import CONSTRAINT, DATA, Variant
from study.journal.journal import TrialStatus
from study.report.looks import look
from study.report.plot_style import (
    EXACT,
    MUTED,
    add_legend,
    clip,
    legend_handle,
    logarithmic,
    logarithmic_between,
    message_plot,
    method_handles,
    new_figure,
    styled,
)
from study.report.trial_plots import draw_curves, draw_parity, draw_sections, read_predictions, series

LABELS: Mapping[str, str] = {
    DATA: "data error, validation (mean square)",
    CONSTRAINT: "constraint error, validation (mean square, scaled)",
}
MEASURED = (TrialStatus.COMPLETED, TrialStatus.PRUNED, TrialStatus.STOPPED, TrialStatus.DIVERGED)
MOST_SETTINGS = 12


@styled
def pareto_plot(analysis: Analysis) -> Figure:
    """Data error against constraint error of all trials, each linked to its projection, and the Pareto set numbered."""
    shown = [variant for variant in analysis.variants if variant.status in MEASURED and DATA in variant.metrics]
    if not shown:
        return message_plot("no trial has ended yet")
    figure = new_figure(8.5, 6)
    axes = figure.subplots()
    limits = {
        name: logarithmic(axes, [variant.metrics[name] for variant in shown], axis=axis)
        for axis, name in (("x", DATA), ("y", CONSTRAINT))
    }
    finite = [variant for variant in shown if variant.status is not TrialStatus.DIVERGED and variant.moved]
    for before, after in pairwise(finite):
        if before.trial == after.trial:
            ends = [[variant.metrics[name] for variant in (before, after)] for name in (DATA, CONSTRAINT)]
            axes.plot(*ends, color=look(before.method).colour, linewidth=0.8, alpha=0.35, zorder=1)
    for variant in finite:
        position = [clip([variant.metrics[name]], limits[name]) for name in (DATA, CONSTRAINT)]
        axes.plot(*position, **_marker(variant), zorder=3)
    diverged = [variant for variant in shown if variant.status is TrialStatus.DIVERGED and not variant.projected]
    _draw_diverged(axes, diverged)
    _draw_front(axes, analysis.pareto, limits)
    axes.set(xlabel=LABELS[DATA], ylabel=LABELS[CONSTRAINT], title="Trade-off between data and constraint error")
    methods = list(dict.fromkeys(row.method for row in analysis.leaderboard))
    handles = [*method_handles(methods), legend_handle("", linestyle="none"), *_kind_handles(shown)]
    figure.legend(handles=handles, loc="outside right upper")
    return figure


def _draw_diverged(axes: Axes, diverged: Sequence[Variant]) -> None:
    """Their errors count as worst: they stand side by side at the upper border."""
    for index, variant in enumerate(diverged):
        axes.plot(0.985 - 0.025 * index, 1.0, **_marker(variant), transform=axes.transAxes, zorder=3)
    if diverged:
        text = f"diverged: {len(diverged)} (at the border)"
        axes.text(0.985, 0.975, text, transform=axes.transAxes, ha="right", va="top", color=MUTED, fontsize=9)


def _draw_front(axes: Axes, front: Sequence[Variant], limits: Mapping[str, tuple[float, float]]) -> None:
    if not front:
        return
    data, constraint = ([variant.metrics[name] for variant in front] for name in (DATA, CONSTRAINT))
    axes.step(
        [data[0], *data, limits[DATA][1]],
        [limits[CONSTRAINT][1], *constraint, constraint[-1]],
        where="post",
        color=EXACT,
        linewidth=1.2,
        zorder=2,
    )
    last = np.array([-1.0, -1.0])
    for number, position in enumerate(zip(data, constraint, strict=True), start=1):
        place = axes.transAxes.inverted().transform(axes.transData.transform(position))
        if np.abs(place - last).max() > 0.03:  # numbers on top of each other would not be legible
            axes.annotate(str(number), position, (-5, -5), textcoords="offset points", ha="right", va="top", fontsize=9)
            last = place


def _marker(variant: Variant, *, size: float = 7) -> dict[str, Any]:
    colour, marker = look(variant.method)
    ended = variant.status in (TrialStatus.COMPLETED, TrialStatus.DIVERGED)
    return {
        "color": colour,
        "marker": marker,
        "markersize": size if ended else 4,
        "alpha": 0.9 if ended else 0.5,
        "markerfacecolor": "white" if variant.projected else colour,
        "linestyle": "none",
        "clip_on": False,
    }


def _kind_handles(shown: Sequence[Variant]) -> list[Line2D]:
    style: dict[str, Any] = {"color": "#aaaaaa", "marker": "o", "linestyle": "none"}
    handles = [legend_handle("as trained", **style)]
    if any(variant.projected for variant in shown):
        handles.append(legend_handle("projected", **style, markerfacecolor="white"))
    if any(variant.status in (TrialStatus.PRUNED, TrialStatus.STOPPED) for variant in shown):
        handles.append(legend_handle("stopped early", **style, markersize=4, alpha=0.5))
    return [*handles, legend_handle("Pareto set", color=EXACT, linewidth=1.2)]


@styled
def error_plot(analysis: Analysis) -> Figure:
    """Every completed trial's data and constraint error, a line per method with and without projection, and medians."""
    rows = [row for row in analysis.leaderboard if row.data]
    if not rows:
        return message_plot("no trial has completed yet")
    figure = new_figure(8.5, 1.3 + 0.36 * len(rows))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name in zip(panels, (DATA, CONSTRAINT), strict=True):
        groups = [_group(analysis.variants, row.method, row.projected, name) for row in rows]
        limits = logarithmic(axes, [variant.metrics[name] for group in groups for variant in group], axis="x")
        for position, (row, group) in enumerate(zip(rows, groups, strict=True)):
            jitter = np.linspace(-0.18, 0.18, len(group)) if len(group) > 1 else [0.0]
            for variant, offset in zip(group, jitter, strict=True):
                at = clip([variant.metrics[name]], limits)
                axes.plot(at, position + offset, **_marker(variant, size=5))
            middle = row.data if name == DATA else row.constraint
            if middle and middle.count > 1:
                centre = clip([middle.median], limits)
                axes.plot(centre, [position], "|", color=EXACT, markersize=17, markeredgewidth=2, clip_on=False)
        axes.set(xlabel="mean square, validation", title="Data error" if name == DATA else "Constraint error")
    labels = ["  + projection" if row.projected else row.method for row in rows]
    panels[0].set_yticks(range(len(rows)), labels)
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    median = legend_handle(
        "median (a diverged trial counts as worst, at the border)",
        color=EXACT,
        marker="|",
        markersize=12,
        markeredgewidth=2,
        linestyle="none",
    )
    figure.legend(handles=[median], loc="outside lower center")
    return figure


def _group(variants: Sequence[Variant], method: str, projected: bool, name: str) -> list[Variant]:
    ended = (TrialStatus.COMPLETED, TrialStatus.DIVERGED)
    return [
        variant
        for variant in variants
        if (variant.method, variant.projected) == (method, projected)
        and variant.status in ended
        and name in variant.metrics
    ]


@styled
def progress_plot(analysis: Analysis) -> Figure:
    """The best selected value so far against the number of a method's trials that ended."""
    curves = {
        method: [(number, value) for number, value in enumerate(curve, start=1) if value is not None]
        for method, curve in best_so_far(analysis).items()
    }
    if not any(curves.values()):
        return message_plot("no trial has completed yet")
    figure = new_figure(8.5, 4)
    axes = figure.subplots()
    for method, points in curves.items():
        colour, marker = look(method)
        numbers, values = [number for number, _ in points], [value for _, value in points]
        axes.step(numbers, values, where="post", color=colour, marker=marker, markersize=5, label=method)
    logarithmic(axes, [value for points in curves.values() for _, value in points])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(title="Best so far", xlabel="trials of the method that ended", ylabel=f"best {analysis.metric}")
    figure.legend(loc="outside right upper")
    return figure


@styled
def cost_plot(analysis: Analysis) -> Figure:
    """Mean seconds of a completed trial by section, a bar per method."""
    costs: dict[str, dict[str, float | str]] = {}
    for method in dict.fromkeys(row.method for row in analysis.leaderboard):
        done = [
            record.metrics
            for record in analysis.records.values()
            if record.method == method and record.status is TrialStatus.COMPLETED
        ]
        names = {name for metrics in done for name in metrics if name.startswith("time/")}
        if names:
            costs[method] = {name: fmean(float(metrics.get(name, 0.0)) for metrics in done) for name in names}
    if not costs:
        return message_plot("no trial has completed yet")
    figure = new_figure(8.5, 1.6 + 0.4 * len(costs))
    axes = figure.subplots()
    draw_sections(axes, costs)
    axes.set_xlabel("seconds, mean of the completed trials")
    return figure


@styled
def convergence_by_method_plot(analysis: Analysis) -> Figure:
    """Validation errors against epochs of the best trial of every method."""
    best = analysis.best_trials()
    if not best:
        return message_plot("no trial has completed yet")
    figure = new_figure(8.5, 4)
    for axes, name in zip(figure.subplots(1, 2), (DATA, CONSTRAINT), strict=True):
        every: list[float] = []
        for method, record in best.items():
            epochs, values = series(record, name)
            axes.plot(epochs, values, color=look(method).colour, label=method)
            every += values
        logarithmic(axes, every)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        title = "Data error" if name == DATA else "Constraint error"
        axes.set(title=title, xlabel="epoch", ylabel="mean square, validation")
    add_legend(figure)
    return figure


@styled
def predictions_by_method_plot(paths: Mapping[str, Path]) -> Figure:
    """The first output on the first test wave, a panel for each labelled `predictions.npz`."""
    paths = {method: path for method, path in paths.items() if path.exists()}
    if not paths:
        return message_plot("no trial has recorded predictions yet")
    predictions = {method: read_predictions(path) for method, path in paths.items()}
    curves = all(arrays["x"].shape[1] == 1 for arrays in predictions.values())
    columns = min(2 if curves else 3, len(paths))
    rows = -(-len(paths) // columns)
    figure = new_figure(8.5, 2.5 * rows + 0.6)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (method, arrays) in zip(panels, predictions.items(), strict=False):
        (draw_curves if curves else draw_parity)(axes, arrays)
        axes.set_title(method)
        axes.set(xlabel="x", ylabel="u") if curves else axes.set(xlabel="exact", ylabel="predicted")
    for axes in panels[len(paths) :]:
        axes.set_axis_off()
    add_legend(figure)
    return figure


@styled
def settings_plot(analysis: Analysis) -> Figure:
    """The selected metric against every searched setting of the completed trials; at most twelve settings.

    It is that of the projected networks where the study's first objective is.
    """
    settings = [name for name in analysis.study.search if name != "training.method.name"][:MOST_SETTINGS]
    projected = next(iter(analysis.study.objectives)).startswith("projected/")
    done = [one for one in analysis.variants if one.projected == projected and one.value(analysis.metric)]
    done = [variant for variant in done if variant.status is TrialStatus.COMPLETED]
    settings = [name for name in settings if any(name in analysis.records[variant.trial].values for variant in done)]
    if not settings:
        return message_plot("no completed trial with searched settings yet")
    columns = min(3, len(settings))
    rows = -(-len(settings) // columns)
    figure = new_figure(8.5, 2.5 * rows + 0.8)
    panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axes, name in zip(panels, settings, strict=False):
        _draw_setting(axes, analysis, done, name)
    for axes in panels[len(settings) :]:
        axes.set_axis_off()
    logarithmic(panels[0], [variant.metrics[analysis.metric] for variant in done])
    figure.supylabel(f"projected/{analysis.metric}" if projected else analysis.metric, fontsize=10)
    methods = dict.fromkeys(variant.method for variant in done)
    figure.legend(handles=method_handles(methods), loc="outside lower center", ncols=3)
    return figure


def _draw_setting(axes: Axes, analysis: Analysis, done: Sequence[Variant], name: str) -> None:
    distribution = analysis.study.search[name].distribution
    values = [(variant, analysis.records[variant.trial].values.get(name)) for variant in done]
    if isinstance(distribution, Choice):
        methods = list(dict.fromkeys(variant.method for variant in done))
        places = {str(value): index for index, value in enumerate(distribution.values)}
        axes.set_xticks(range(len(places)), list(places))
        axes.set_xlim(-0.6, len(places) - 0.4)
        offsets = dict(zip(methods, np.linspace(-0.25, 0.25, len(methods) + 2)[1:-1], strict=True))
        positions = [
            (variant, places[str(value)] + offsets[variant.method]) for variant, value in values if str(value) in places
        ]
    else:
        if distribution.log:
            logarithmic_between(axes, distribution.low, distribution.high, axis="x")
        else:
            axes.set_xlim(distribution.low, distribution.high)
        positions = [(variant, value) for variant, value in values if value is not None]
    for variant, position in positions:
        axes.plot(position, variant.metrics[analysis.metric], **_marker(variant, size=5))
    axes.set_xlabel(name.removeprefix("training."))
