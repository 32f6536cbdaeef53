"""Small multiples: a panel for each contestant, with all the others in grey behind it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from study.comparison.budget import best_after_seconds, best_after_trials
from study.comparison.looks import BACKGROUND, entry_look
from study.comparison.result import PROJECTED, Comparison, EntryResult, ProblemResult
from study.comparison.targets import LARGEST_FACTOR
from study.report.plot_style import (
    EXACT,
    clip,
    legend_handle,
    logarithmic,
    message_plot,
    new_panels,
    plain_numbers,
    styled,
)
from study.statistics.budget import Curve
from study.statistics.targets import Profile

Line = tuple[Sequence[float], Sequence[float]]
"""Budgets, and what there is from each of them on."""

BEYOND = 1.06
"""So far beyond the last budget the steps go on, which shows what happened there."""

COLUMNS = 4
HEIGHT = 1.5


@styled
def seconds_plot(comparison: Comparison, problem: ProblemResult) -> Figure:
    """The best validation value so far against CPU seconds: median over searches, and their range."""
    return _budget_plot(comparison, problem, best_after_seconds, "CPU seconds of the search")


@styled
def trials_plot(comparison: Comparison, problem: ProblemResult) -> Figure:
    """The expected best validation value of so many trials: median over searches, and their range."""
    return _budget_plot(comparison, problem, best_after_trials, "trials")


def _budget_plot(
    comparison: Comparison, problem: ProblemResult, curve_of: Callable[[EntryResult], Curve | None], budget: str
) -> Figure:
    curves = {entry.label: curve for entry in problem.entries if (curve := curve_of(entry))}
    if not curves:
        return message_plot("no trial has ended yet")
    figure, panels = _panels(curves)
    last = BEYOND * max(curve.budget[-1] for curve in curves.values())
    limits = logarithmic(panels[0], [value for curve in curves.values() for value in _later(curve, last)])
    lines = {label: ([*curve.budget, last], _level(curve.middle, limits)) for label, curve in curves.items()}
    _fill(comparison, panels, lines)
    for axes, name in zip(panels, _contestants(curves), strict=True):
        for label in _own(curves, name):
            low, high = (_level(row, limits) for row in (curves[label].low, curves[label].high))
            style: dict[str, Any] = {"color": entry_look(comparison, label).colour, "alpha": 0.2, "linewidth": 0}
            axes.fill_between(lines[label][0], low, high, step="post", **style)
    first = min(curve.budget[0] for curve in curves.values())
    _budgets(panels, first, max(last, 1.1 * first))
    figure.supylabel("best " + problem.validation.replace("/", "/\n"), fontsize=10)
    figure.supxlabel(budget, fontsize=10)
    return figure


def _level(row: Sequence[float], limits: tuple[float, float]) -> list[float]:
    """Values within the plot, level to its end."""
    return clip([*row, row[-1]], limits).tolist()


def _later(curve: Curve, last: float) -> list[float]:
    """The values from a twentieth of the budget on: the first trials may be decades away."""
    return [value for budget, value in zip(curve.budget, curve.middle, strict=True) if budget >= last / 20]


@styled
def profile_plot(comparison: Comparison, profiles: Mapping[str, Profile]) -> Figure:
    """The share of problems on which an entry reached the target within so many times the shortest time."""
    if not profiles:
        return message_plot("no problem has been measured yet")
    figure, panels = _panels(profiles)
    last = max([2 * LARGEST_FACTOR, *(factor for profile in profiles.values() for factor in profile.factors)])
    shares = {label: [0.0, *profile.shares] for label, profile in profiles.items()}
    _fill(
        comparison,
        panels,
        {label: ([1.0, *one.factors, last], [*shares[label], shares[label][-1]]) for label, one in profiles.items()},
    )
    _budgets(panels, 1, last)
    panels[0].set(ylim=(-0.03, 1.03))
    figure.supylabel("share of problems", fontsize=10)
    figure.supxlabel("times the shortest time to the target", fontsize=10)
    return figure


def _panels(labels: Iterable[str]) -> tuple[Figure, list[Axes]]:
    names = _contestants(labels)
    figure, panels = new_panels(len(names), columns=COLUMNS, height=HEIGHT, frame=0.8, sharex=True, sharey=True)
    for axes, name in zip(panels, names, strict=True):
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=8)
    return figure, panels


def _budgets(panels: Sequence[Axes], low: float, high: float) -> None:
    """The axis of budgets, which all panels share."""
    panels[0].set(xscale="log", xlim=(low, high))
    for axes in panels:
        plain_numbers(axes.xaxis, low, high)


def _contestants(labels: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(label.removesuffix(PROJECTED) for label in labels))


def _own(labels: Iterable[str], contestant: str) -> list[str]:
    return [label for label in labels if label.removesuffix(PROJECTED) == contestant]


def _fill(comparison: Comparison, panels: Sequence[Axes], lines: Mapping[str, Line]) -> None:
    """In each contestant's panel the steps of all entries, its own in front; and a legend above all panels."""
    for axes, name in zip(panels, _contestants(lines), strict=True):
        own = _own(lines, name)
        behind = [_corners(*line) for label, line in lines.items() if label not in own]
        axes.add_collection(LineCollection(behind, colors=BACKGROUND, linewidths=0.6, zorder=1), autolim=False)
        for label in own:
            style = "--" if label.endswith(PROJECTED) else "-"
            colour = entry_look(comparison, label).colour
            axes.step(*lines[label], where="post", color=colour, linestyle=style, zorder=3)
    handles = {"as trained": "-", "projected": "--"}
    shown = [legend_handle(name, color=EXACT, linestyle=style) for name, style in handles.items()]
    behind = legend_handle("all others", color=BACKGROUND, linewidth=0.8)
    panels[0].figure.legend(handles=[*shown, behind], loc="outside upper left", ncols=3)


def _corners(x: Sequence[float], y: Sequence[float]) -> np.ndarray:
    """The corners of steps that go on from each value, (n,) twice → (2n − 1, 2)."""
    return np.column_stack([np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]])
