"""The style of all plots, and what they are drawn with: axes, legends, clipping.

A plot is a `matplotlib.figure.Figure`, drawn without pyplot's global state.
"""

import math
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, NullFormatter, NullLocator

from cnn_core.metrics import WORST
from study.report.looks import Looks, look

STYLE: Any = {  # of matplotlib.typing.RcKeyType
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "figure.dpi": 100,
}

EXACT, BEFORE, AFTER = "#222222", "#0072B2", "#D55E00"
"""Colours of the exact solution, the network as trained, and as projected."""

MUTED = "#777777"

RULER = 50
"""A logarithmic axis that spans less has three labels a decade."""


Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def styled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run a function in our style, and leave matplotlib's settings as they were."""

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with matplotlib.rc_context(STYLE):
            return function(*args, **kwargs)

    return run


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, whose layout keeps labels apart."""
    return Figure(figsize=(width, height), layout="constrained")


def new_panels(
    count: int, *, columns: int, height: float, frame: float, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels of this height in inches, at most `columns` in a row; `frame` is the height around."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = new_figure(8.5, height * rows + frame)
    panels = list(figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).flat)
    for index, unused in enumerate(panels[count:], start=count):
        unused.set_axis_off()
        panels[index - columns].tick_params(labelbottom=True)  # it is the lowest of its column now
    return figure, panels[:count]


def message_plot(text: str) -> Figure:
    """A plot that says why there is nothing to draw."""
    figure = new_figure(7, 1.6)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=MUTED)
    return figure


def logarithmic(axes: Axes, values: Iterable[float], *, axis: str = "y") -> tuple[float, float]:
    """Make an axis logarithmic around the positive values below WORST, and return its limits."""
    known = [value for value in values if 0 < value < WORST]
    low, high = (min(known), max(known)) if known else (0.1, 1.0)
    margin = max((high / low) ** 0.08, 1.5)
    limits = (low / margin, high * margin)
    logarithmic_between(axes, *limits, axis=axis)
    return limits


UPWARDS = ((4, (1, 2, 3, 5)), (0, (1, 1.5, 2, 3, 4, 6, 8)))
ALONG = ((10, (1, 3)), (4, (1, 2, 4, 7)), (0, (1, 1.5, 2, 3, 4, 6, 8)))
"""From this ratio of the ends on, ticks in a decade; at least two in view, or matplotlib takes too many. Labels that
stand beside each other need room."""


def logarithmic_between(axes: Axes, low: float, high: float, *, axis: str = "y") -> None:
    """Make an axis logarithmic from `low` to `high`, with as many labels as are legible."""
    if axis == "x":
        axes.set(xscale="log", xlim=(low, high))
    else:
        axes.set(yscale="log", ylim=(low, high))
    ticks = axes.xaxis if axis == "x" else axes.yaxis
    ticks.set_major_locator(LogLocator(10, numticks=6 if axis == "x" else 9))
    if high / low > 1e3:
        ticks.set_minor_locator(NullLocator())
    else:
        subs = next(subs for least, subs in (ALONG if axis == "x" else UPWARDS) if high / low > least)
        ticks.set_minor_locator(LogLocator(10, subs=subs))
        decades_in_view = math.floor(math.log10(high)) - math.ceil(math.log10(low)) + 1
        label_all = LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(math.inf, math.inf))
        ticks.set_minor_formatter(label_all if decades_in_view < 2 else NullFormatter())


def plain_numbers(ticks: Axis, low: float, high: float) -> None:
    """Label a logarithmic axis from `low` to `high` like a ruler, 1, 2, 5, 10, …; a long one at its decades only."""
    ticks.set_major_locator(LogLocator(10, subs=(1, 2, 5) if high / low < RULER else (1,)))
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ticks.set_minor_locator(NullLocator())


def clip(values: Iterable[float], limits: tuple[float, float]) -> np.ndarray:
    """Values, with those beyond an axis drawn at its border."""
    return np.clip(np.nan_to_num(np.asarray(list(values), dtype=float), nan=WORST), *limits)


def legend_handle(label: str, **style: Any) -> Line2D:
    """A legend entry drawn with these line properties."""
    return Line2D([], [], label=label, **style)


def add_legend(figure: Figure) -> None:
    """One legend below the panels of a plot, an entry for each label that any of them has."""
    entries = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in figure.axes if axes.get_legend() is None]
    handles = {label: handle for panel in entries for handle, label in panel}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(5, len(handles)))


def method_handles(methods: Iterable[str], looks: Looks = look) -> list[Line2D]:
    """Legend entries of methods: a filled marker in the method's colour."""
    return [
        legend_handle(method, color=looks(method).colour, marker=looks(method).marker, linestyle="none")
        for method in methods
    ]
