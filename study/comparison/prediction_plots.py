"""What the best entry and the best baseline predict for a test wave, beside the exact solution."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from study.comparison.looks import entry_look
from study.comparison.result import PROJECTED, Comparison, Confirmed, EntryResult, ProblemResult, Source
from study.comparison.standing import Standing
from study.report.plane_plots import Row, draw_error, draw_exact, draw_predicted, height_over_width
from study.report.plot_style import EXACT, add_legend, new_figure, styled
from study.report.predictions import (
    Arrays,
    as_solved,
    coordinates_of,
    observed,
    on_planes,
    outputs_of,
    read_predictions,
    sensible_range,
    title_of,
)

Predictions = Callable[[Source], Path | None]
"""From a run to the file of its predictions, which may not be there."""

FIRST = Row(0, 0)
"""What is drawn: the first output, on the first plane."""


def no_predictions(source: Source) -> None:
    """Where the runs' files are not at hand."""


def shown_predictions(
    comparison: Comparison, problem: ProblemResult, standings: Sequence[Standing], predictions: Predictions
) -> dict[str, Arrays]:
    """Label → predictions of the best entry that is no baseline and of the best baseline, as far as there are any.

    `standings` begin with the best. Of an entry it is the run in the middle of all by test error, or the nearest to it
    that has left its predictions; both are of the same wave.
    """
    found: dict[str, Arrays] = {}
    for kind in (False, True):
        best = next((one.label for one in standings if comparison.is_baseline(one.label) is kind), None)
        arrays = None if best is None else _of_entry(problem.by_label[best], problem.error, predictions)
        if best is not None and arrays is not None and all(_same_wave(arrays, other) for other in found.values()):
            found[best] = arrays
    return found


def _of_entry(entry: EntryResult, metric: str, predictions: Predictions) -> Arrays | None:
    ranked = sorted(entry.confirmed, key=lambda run: run.error(metric))
    nearest = sorted(range(len(ranked)), key=lambda place: abs(place - (len(ranked) - 1) / 2))
    for run in (ranked[place] for place in nearest):
        path = None if run.failed else predictions(run.source)
        if path is not None and path.exists() and _drawable(arrays := read_predictions(path)):
            return as_solved(arrays) if _projects(entry, run) else arrays
    return None


def _projects(entry: EntryResult, run: Confirmed) -> bool:
    """Whether a projection made this network; it makes all of one that trains nothing."""
    return entry.projected or not run.training_seconds


def _drawable(arrays: Arrays) -> bool:
    """Whether there is something on a grid; files of old have points only."""
    return "plane_before" in arrays


def _same_wave(one: Arrays, other: Arrays) -> bool:
    """Also where one network has another precision, and with it the wave's parameters."""
    alike = len(one["p"]) == len(other["p"]) and np.allclose(one["p"], other["p"], rtol=1e-5)
    return alike and np.array_equal(one["planes"], other["planes"])


@styled
def predictions_plot(comparison: Comparison, networks: Mapping[str, Arrays]) -> Figure:
    """Pictures of a plane or, of one coordinate, curves: what is exact, what is predicted, and how far off that is."""
    first = next(iter(networks.values()))
    figure = _planes(networks) if on_planes(first) else _curves(comparison, networks)
    figure.suptitle(title_of(first), x=0.02, ha="left")
    if on_planes(first):
        figure.draw_without_rendering()  # pictures to scale find their places only the second time
    return figure


def _planes(networks: Mapping[str, Arrays]) -> Figure:
    """A column for what is exact and one for each network, whose error is below its prediction."""
    among = list(networks.values())
    first = among[0]
    exact, rows = "plane_exact" in first, 1 + ("plane_exact" in first or observed(first))
    height = 0.8 + min(max(2.0 * height_over_width(first, 0), 1.2), 3.0)
    figure = new_figure(8.5, 0.4 + rows * height)
    panels = figure.subplots(rows, len(networks) + exact, squeeze=False)
    if exact:
        draw_exact(figure, panels[0, 0], first, among=among)
    for column, (label, arrays) in enumerate(networks.items(), start=int(exact)):
        draw_predicted(figure, panels[0, column], arrays, FIRST, title=label, among=among)
        if rows == 2:
            draw_error(figure, panels[1, column], arrays, FIRST)
    for unused in (axes for axes in panels.flat if not axes.has_data()):
        unused.set_axis_off()
    return figure


def _curves(comparison: Comparison, networks: Mapping[str, Arrays]) -> Figure:
    first = next(iter(networks.values()))
    exact = first["plane_exact"][0, :, 0] if "plane_exact" in first else None
    figure = new_figure(8.5, 3.2)
    panels = figure.subplots(1, 1 + (exact is not None), squeeze=False)[0]
    x = np.linspace(*first["box"][0], len(first["plane_before"][0]))
    if exact is not None:
        panels[0].plot(x, exact, color=EXACT, linewidth=4, alpha=0.25, label="exact")
        panels[1].set(title="Predicted − exact")
    if observed(first):
        panels[0].plot(first["x"][:, 0], first["u"][:, 0], "o", color=EXACT, markerfacecolor="none", label="observed")
    for label, arrays in networks.items():
        curve, colour = arrays["plane_before"][0, :, 0], entry_look(comparison, label).colour
        style = "--" if label.endswith(PROJECTED) else "-"
        panels[0].plot(x, curve, color=colour, linestyle=style, label=label)
        if exact is not None:
            panels[1].plot(x, curve - exact, color=colour, linestyle=style, label=label)
    known = [] if exact is None else [exact]
    panels[0].set(title="Predicted", ylabel=outputs_of(first)[0])
    panels[0].set_ylim(*sensible_range(known, [arrays["plane_before"][0, :, 0] for arrays in networks.values()]))
    for axes in panels:
        axes.set_xlabel(coordinates_of(first)[0])
    add_legend(figure)
    return figure
