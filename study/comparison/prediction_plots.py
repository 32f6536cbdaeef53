"""What the best entry and the best baseline predict for a test wave, beside the exact solution."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.comparison.looks import entry_look
from study.comparison.result import PROJECTED, Comparison
from study.report.curve_plots import draw_observations, observations_in
from study.report.plane_plots import Row, draw_error, draw_exact, draw_predicted, height_over_width
from study.report.plot_style import EXACT, add_legend, new_figure, styled
from study.report.predictions import (
    Arrays,
    coordinates_of,
    observed,
    on_planes,
    outputs_of,
    sensible_range,
    title_of,
)

FIRST = Row(0, 0)
"""What is drawn: the first output, on the first plane."""

WIDTH = 5.1
"""Of the pictures of a row together, in inches: without their labels and colours."""


@styled
def predictions_plot(comparison: Comparison, networks: Mapping[str, Arrays]) -> Figure:
    """Pictures of a plane or, of one coordinate, curves: what is exact, what is predicted, and how far off that is."""
    first = next(iter(networks.values()))
    figure = _planes(networks) if on_planes(first) else _curves(comparison, networks)
    if len(first["p"]):
        figure.suptitle(title_of(first), x=0.02, ha="left")
    if on_planes(first):
        figure.draw_without_rendering()  # pictures to scale find their places only the second time
    return figure


def _planes(networks: Mapping[str, Arrays]) -> Figure:
    """A column for what is exact and one for each network, whose error is below its prediction."""
    among = list(networks.values())
    first = among[0]
    exact, rows = "plane_exact" in first, 1 + ("plane_exact" in first or observed(first))
    columns = len(networks) + exact
    height = 0.8 + min(max(WIDTH / columns * height_over_width(first, 0), 1.2), 3.0)
    figure = new_figure(8.5, 0.4 + rows * height)
    panels = figure.subplots(rows, columns, squeeze=False)
    if exact:
        draw_exact(figure, panels[0, 0], first, among=among)
    for column, (label, arrays) in enumerate(networks.items(), start=int(exact)):
        title = f"{label.removesuffix(PROJECTED)}\n{'projected' if label.endswith(PROJECTED) else 'predicted'}"
        draw_predicted(figure, panels[0, column], arrays, FIRST, title=title, among=among)
        if rows == 2:
            draw_error(figure, panels[1, column], arrays, FIRST)
    for unused in (axes for axes in panels.flat if not axes.has_data()):
        unused.set_axis_off()
    return figure


def _curves(comparison: Comparison, networks: Mapping[str, Arrays]) -> Figure:
    """A panel of all curves and, where the exact one is known, one of what they are off it."""
    first = next(iter(networks.values()))
    known = [_curve(first, "exact")] if "plane_exact" in first else []
    figure = new_figure(8.5, 3.2)
    panels = figure.subplots(1, 1 + len(known), squeeze=False)[0]
    _draw_known(panels[0], first)
    for label, arrays in networks.items():
        curve, colour = _curve(arrays, "before"), entry_look(comparison, label).colour
        style = "--" if label.endswith(PROJECTED) else "-"
        for axes, values in zip(panels, [curve, *(curve - exact for exact in known)], strict=True):
            axes.plot(_along(arrays), values, color=colour, linestyle=style, label=label)
    predicted = [_curve(arrays, "before") for arrays in networks.values()]
    limits = sensible_range([*known, *observations_in(first, FIRST.output)], predicted)
    panels[0].set(ylabel=outputs_of(first)[0], ylim=limits)
    for axes, title in zip(panels, ("Predicted", "Predicted − exact"), strict=False):
        axes.set(title=title, xlabel=coordinates_of(first)[0])
    add_legend(figure)
    return figure


def _draw_known(axes: Axes, arrays: Arrays) -> None:
    if "plane_exact" in arrays:
        axes.plot(_along(arrays), _curve(arrays, "exact"), color=EXACT, linewidth=4, alpha=0.25, label="exact")
    draw_observations(axes, arrays, output=FIRST.output)


def _curve(arrays: Arrays, name: str) -> np.ndarray:
    return arrays[f"plane_{name}"][FIRST.plane, :, FIRST.output]


def _along(arrays: Arrays) -> np.ndarray:
    """The coordinate at the points of a curve."""
    low, high = arrays["box"][0]
    return np.linspace(low, high, arrays["plane_before"].shape[1])
