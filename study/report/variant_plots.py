"""Plots of a study in which every network is a marker: trade-off, errors by method, searched settings."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from search_spaces.contestants import searched
from search_spaces.schema import Choice, Distribution, Integer, Uniform
from study.analysis.findings import Analysis
from study.analysis.leaderboard import LeaderboardRow, finders
from study.analysis.measured import TRADE_OFF, UNKNOWN, errors_in, unknowns_in
from study.analysis.spread import Spread
from study.analysis.variants import CONSTRAINT, DATA, Variant
from study.journal.events import TrialStatus
from study.report.looks import Looks, looks_of
from study.report.plot_style import (
    EXACT,
    MUTED,
    clip,
    legend_handle,
    logarithmic,
    logarithmic_between,
    message_plot,
    method_handles,
    new_figure,
    new_panels,
    styled,
)

LABELS: Mapping[str, str] = {
    DATA: "data error, validation (mean square)",
    CONSTRAINT: "constraint error, validation (mean square, scaled)",
}
CUT_SHORT = (TrialStatus.PRUNED, TrialStatus.STOPPED, TrialStatus.LOST)
MEASURED = (TrialStatus.COMPLETED, TrialStatus.DIVERGED, *CUT_SHORT)
MOST_SETTINGS = 12

FAR = 6.0
"""Standard deviations from the median, beyond which a found value stands at the border of its plot."""

MANY = 500
"""Networks from which on their marks are drawn smaller, to hide fewer others."""


@styled
def pareto_plot(analysis: Analysis) -> Figure:
    """Data error against constraint error of all trials, each linked to its projection, and the Pareto set numbered."""
    shown = [variant for variant in analysis.variants if variant.status in MEASURED and DATA in variant.metrics]
    if not shown:
        return message_plot("no trial has ended yet")
    figure = new_figure(8.5, 6)
    axes, looks = figure.subplots(), looks_of(analysis.study)
    limits = {
        name: logarithmic(axes, [variant.metrics[name] for variant in shown], axis=axis)
        for axis, name in (("x", DATA), ("y", CONSTRAINT))
    }
    _draw_finite(axes, [one for one in shown if one.status is not TrialStatus.DIVERGED and one.moved], limits, looks)
    _draw_diverged(axes, [one for one in shown if one.status is TrialStatus.DIVERGED and not one.projected], looks)
    _draw_front(axes, analysis.pareto, limits)
    axes.set(xlabel=LABELS[DATA], ylabel=LABELS[CONSTRAINT], title="Trade-off between data and constraint error")
    methods = list(dict.fromkeys(row.method for row in analysis.leaderboard))
    handles = [*method_handles(methods, looks), legend_handle("", linestyle="none"), *_kind_handles(shown)]
    figure.legend(handles=handles, loc="outside right upper")
    return figure


def _draw_finite(
    axes: Axes, finite: Sequence[Variant], limits: Mapping[str, tuple[float, float]], looks: Looks
) -> None:
    """A marker each, and a thin line from a network to the same one after projection."""
    moves = [(before, after) for before, after in pairwise(finite) if before.trial == after.trial]
    ends = [[(variant.metrics[DATA], variant.metrics[CONSTRAINT]) for variant in move] for move in moves]
    colours = [looks(before.method).colour for before, _ in moves]
    axes.add_collection(LineCollection(ends, colors=colours, linewidths=0.8, alpha=0.35, zorder=1), autolim=False)
    data, constraint = (clip([one.metrics[name] for one in finite], limits[name]) for name in (DATA, CONSTRAINT))
    size = 7 if len(finite) <= MANY else 3
    _draw_markers(axes, finite, data, constraint, looks, size=size, zorder=3)


def _draw_diverged(axes: Axes, diverged: Sequence[Variant], looks: Looks) -> None:
    """Their errors count as worst: they stand side by side at the upper border."""
    apart = min(0.025, 0.97 / max(1, len(diverged)))  # as many as there are, they stay within
    places = [0.985 - apart * index for index in range(len(diverged))]
    _draw_markers(axes, diverged, places, [1.0] * len(diverged), looks, transform=axes.transAxes, zorder=3)
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


def _draw_markers(
    axes: Axes,
    variants: Sequence[Variant],
    x: Iterable[float],
    y: Iterable[float],
    looks: Looks,
    *,
    size: float = 7,
    **style: Any,
) -> None:
    """A marker for each network, all of one look in one go: a line of matplotlib's for each takes a millisecond."""
    places: dict[tuple[tuple[str, Any], ...], list[tuple[float, float]]] = {}
    for variant, *place in zip(variants, x, y, strict=True):
        places.setdefault(tuple(_marker(variant, looks, size=size).items()), []).append((place[0], place[1]))
    for marker, alike in places.items():
        axes.plot(*zip(*alike, strict=True), **dict(marker), **style)


def _marker(variant: Variant, looks: Looks, *, size: float = 7) -> dict[str, Any]:
    colour, marker = looks(variant.method)
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
    handles = []
    if any(variant.projected for variant in shown):
        handles.append(legend_handle("as trained", **style))
        handles.append(legend_handle("projected", **style, markerfacecolor="white"))
    if any(variant.status in CUT_SHORT for variant in shown):
        handles.append(legend_handle("stopped early", **style, markersize=4, alpha=0.5))
    return [*handles, legend_handle("Pareto set", color=EXACT, linewidth=1.2)]


@styled
def error_plot(analysis: Analysis) -> Figure:
    """Every completed trial's data and constraint error, a line per method with and without projection, and medians."""
    rows = [row for row in analysis.leaderboard if row.data or row.constraint]
    if not rows:
        return message_plot("no trial has completed yet")
    figure = new_figure(8.5, 1.3 + 0.36 * len(rows))
    names = [name for name in TRADE_OFF if name in errors_in(analysis.measured)]
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _draw_errors(axes, analysis.variants, rows, name, looks_of(analysis.study))
        axes.set(xlabel="mean square, validation", title="Data error" if name == DATA else "Constraint error")
    _name_rows(panels[0], rows)
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


def _draw_errors(
    axes: Axes, variants: Sequence[Variant], rows: Sequence[LeaderboardRow], name: str, looks: Looks
) -> None:
    """A row's errors on a line of its own, and a bar at their median."""
    groups = [_group(variants, row.method, row.projected, name) for row in rows]
    limits = logarithmic(axes, [variant.metrics[name] for group in groups for variant in group], axis="x")
    for position, (row, group) in enumerate(zip(rows, groups, strict=True)):
        jitter = np.linspace(-0.18, 0.18, len(group)) if len(group) > 1 else [0.0]
        errors = clip([variant.metrics[name] for variant in group], limits)
        _draw_markers(axes, group, errors, [position + offset for offset in jitter], looks, size=5)
        middle = row.data if name == DATA else row.constraint
        if middle and middle.count > 1:
            centre = clip([middle.median], limits)
            axes.plot(centre, [position], "|", color=EXACT, markersize=17, markeredgewidth=2, clip_on=False)


@styled
def unknowns_plot(analysis: Analysis, truths: Mapping[str, float] | None = None) -> Figure:
    """What every completed trial found of each unknown, a line per method; medians with one standard deviation, and the
    true values, where they are known. Values that are far off stand at the border.
    """
    rows = [row for row in analysis.leaderboard if row.unknowns]
    if not rows:
        return message_plot("no trial has completed yet")
    names = unknowns_in(analysis.measured)
    figure, panels = new_panels(len(names), columns=2, height=0.9 + 0.36 * len(rows), frame=0.6, sharey=True)
    for axes, name in zip(panels, names, strict=True):
        _draw_unknown(axes, analysis, rows, name, (truths or {}).get(name))
        axes.set(xlabel=name)
    _name_rows(panels[0], rows)
    wide = any(one.deviation for row in rows for one in row.unknowns.values())
    middle = legend_handle(
        "median, and one standard deviation" if wide else "median",
        color=EXACT,
        marker="|",
        markersize=12,
        linestyle="-" if wide else "none",
    )
    known = [legend_handle("true", color=EXACT, linestyle=(0, (5, 1.5)))] if truths else []
    figure.legend(handles=[middle, *known], loc="outside lower center", ncols=2)
    return figure


def _draw_unknown(
    axes: Axes, analysis: Analysis, rows: Sequence[LeaderboardRow], name: str, truth: float | None
) -> None:
    key, spreads = f"{UNKNOWN}{name}", [row.unknowns.get(name) for row in rows]
    groups = [finders(_group(analysis.variants, row.method, row.projected, key)) for row in rows]
    found = [one.metrics[key] for group in groups for one in group]
    limits = _limits([one for one in spreads if one is not None], found, truth)
    axes.set_xlim(*limits)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for position, (done, middle) in enumerate(zip(groups, spreads, strict=True)):
        values = clip([one.metrics[key] for one in done], limits)
        heights = position + (np.linspace(-0.18, 0.18, len(done)) if len(done) > 1 else np.zeros(len(done)))
        _draw_markers(axes, done, values, heights.tolist(), looks_of(analysis.study), size=5)
        if middle and middle.count > 1:
            axes.plot([middle.median], [position], "|", color=EXACT, markersize=17, markeredgewidth=2)
            reach = [middle.median + side * (middle.deviation or 0.0) for side in (-1, 1)]
            axes.plot(reach, [position] * 2, color=EXACT, linewidth=1.2)
    if truth is not None:
        axes.axvline(truth, color=EXACT, linewidth=1.2, linestyle=(0, (5, 1.5)))


def _limits(spreads: Sequence[Spread], found: Sequence[float], truth: float | None) -> tuple[float, float]:
    """All values, but what is far from where most are; with the true one."""
    near = [one.median + side * FAR * one.deviation for one in spreads if one.deviation for side in (-1, 1)]
    low, high = (min(near), max(near)) if near else (-math.inf, math.inf)
    kept = [value for value in found if low <= value <= high] + ([] if truth is None else [truth])
    low, high = min(kept, default=0.0), max(kept, default=1.0)
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _name_rows(axes: Axes, rows: Sequence[LeaderboardRow]) -> None:
    labels = ["  + projection" if row.projected else row.method for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)


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
def settings_plot(analysis: Analysis) -> Figure:
    """The selected metric against every searched setting of the completed trials; at most twelve settings.

    It is that of the projected networks where the study's first objective is.
    """
    among = {name: one for name, one in searched(analysis.study).items() if _varies(analysis, name, one)}
    settings = [*among][:MOST_SETTINGS]
    projected = analysis.study.trains and next(iter(analysis.study.objectives), "").startswith("projected/")
    done = [one for one in analysis.variants if one.projected == projected and one.value(analysis.metric)]
    done = [variant for variant in done if variant.status is TrialStatus.COMPLETED]
    settings = [name for name in settings if any(name in analysis.records[variant.trial].values for variant in done)]
    if not settings:
        return message_plot("no completed trial with searched settings yet")
    figure, panels = new_panels(len(settings), columns=3, height=2.5, frame=0.8, sharey=True)
    for axes, name in zip(panels, settings, strict=True):
        _draw_setting(axes, analysis, done, name, among[name])
    logarithmic(panels[0], [variant.metrics[analysis.metric] for variant in done])
    figure.supylabel(f"projected/{analysis.metric}" if projected else analysis.metric, fontsize=10)
    methods = dict.fromkeys(variant.method for variant in done)
    figure.legend(handles=method_handles(methods, looks_of(analysis.study)), loc="outside lower center", ncols=3)
    return figure


def _varies(analysis: Analysis, name: str, distribution: Distribution) -> bool:
    """Whether a setting has several values, and is not the method, which colours and markers tell."""
    several = not isinstance(distribution, Choice) or len(distribution.values) > 1
    return several and name != ("training.method.name" if analysis.study.trains else "projection.solver")


def _draw_setting(
    axes: Axes, analysis: Analysis, done: Sequence[Variant], name: str, distribution: Distribution
) -> None:
    values = [(variant, analysis.records[variant.trial].values.get(name)) for variant in done]
    if isinstance(distribution, Choice):
        positions = _place_choices(axes, distribution, values)
    else:
        positions = _place_numbers(axes, distribution, values)
    shown = [variant for variant, _ in positions]
    values = [variant.metrics[analysis.metric] for variant in shown]
    _draw_markers(axes, shown, [position for _, position in positions], values, looks_of(analysis.study), size=5)
    axes.set_xlabel(name.removeprefix("training."))


def _place_choices(axes: Axes, choice: Choice, values: Sequence[tuple[Variant, Any]]) -> list[tuple[Variant, float]]:
    """Side by side above its choice, a method beside the other."""
    methods = list(dict.fromkeys(variant.method for variant, _ in values))
    places = {str(value): index for index, value in enumerate(choice.values)}
    axes.set_xticks(range(len(places)), list(places))
    axes.set_xlim(-0.6, len(places) - 0.4)
    offsets = dict(zip(methods, np.linspace(-0.25, 0.25, len(methods) + 2)[1:-1], strict=True))
    return [
        (variant, places[str(value)] + offsets[variant.method]) for variant, value in values if str(value) in places
    ]


def _place_numbers(
    axes: Axes, interval: Uniform | Integer, values: Sequence[tuple[Variant, Any]]
) -> list[tuple[Variant, float]]:
    if interval.log:
        logarithmic_between(axes, interval.low, interval.high, axis="x")
    else:
        axes.set_xlim(interval.low, interval.high)
    return [(variant, value) for variant, value in values if isinstance(value, int | float)]  # not of a spoiled journal
