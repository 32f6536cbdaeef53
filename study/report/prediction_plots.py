"""Plots of what a trial predicts: curves over one coordinate, pictures of planes of several, and its projection."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.report.curve_plots import draw_curves, draw_parity
from study.report.plane_plots import Row, columns_of, draw_row, height_over_width, rows_of
from study.report.plot_style import AFTER, add_legend, clip, logarithmic, message_plot, new_figure, styled
from study.report.predictions import (
    MOST_OUTPUTS,
    Arrays,
    as_solved,
    on_planes,
    outputs_of,
    read_predictions,
    title_of,
    was_trained,
)

COURSE = ("errors", "distances")
MOST_TICKS = 4
"""Of the steps of a projection, whose panel is narrow."""

WIDTH = 3.3
"""Of a picture with its colours, in inches."""


@styled
def prediction_plot(path: Path) -> Figure:
    """What `predictions.npz` holds: what is known, and the network before, during and after its projection.

    With one coordinate as curves over it, with several as pictures; at most four outputs. Files of old hold no
    pictures: with several coordinates they are drawn as predicted against exact values.
    """
    arrays = read_predictions(path)
    arrays = arrays if was_trained(arrays) else as_solved(arrays)
    outputs = outputs_of(arrays)
    if on_planes(arrays):
        figure, panels, shown = _pictures(arrays)
    elif arrays["x"].shape[1] == 1 or "u" in arrays:
        figure, panels, shown = _lines(arrays)
    else:
        return message_plot("nothing is known to compare the predictions with")
    if "path_distances" in arrays:
        draw_course(panels["errors"], arrays, "path_errors", "solver's error")
        begin = "u₀" if was_trained(arrays) else "\nu at the start"
        draw_course(panels["distances"], arrays, "path_distances", f"rms of u − {begin}")
    if any(axes.get_legend_handles_labels()[1] for axes in figure.axes):
        add_legend(figure)
    note = f", outputs 1 to {shown} of {len(outputs)}" if shown < len(outputs) else ""
    figure.suptitle(f"{title_of(arrays)}{note}", x=0.02, ha="left")
    if on_planes(arrays):
        figure.draw_without_rendering()  # pictures to scale find their places only the second time
    return figure


def _lines(arrays: Arrays) -> tuple[Figure, dict[str, Axes], int]:
    """A panel for each output; also says how many."""
    shown, curves = outputs_of(arrays)[:MOST_OUTPUTS], arrays["x"].shape[1] == 1
    rows: list[Any] = [[name, name] for name in shown] if curves else [[name for name in shown for _ in "ab"]]
    heights, width = [2.8 if curves else 3.4] * len(rows), 8.5 if curves else 1.5 + 3.2 * len(shown)
    figure, panels = _panels(rows, heights, width, arrays, frame=1.2)
    for output, name in enumerate(shown):
        (draw_curves if curves else draw_parity)(panels[name], arrays, output=output)
        if not curves:
            panels[name].set_title(name)
    return figure, panels, len(shown)


def _pictures(arrays: Arrays) -> tuple[Figure, dict[str, Axes], int]:
    """A row of panels for each plane and output; also says how many outputs."""
    rows, columns = rows_of(arrays), columns_of(arrays)
    mosaic = [[_key(row, column) for column in columns for _ in "ab"] for row in rows]
    heights = [row_height(arrays, row.plane) for row in rows]
    figure, panels = _panels(mosaic, heights, max(WIDTH * len(columns), 6.5), arrays, frame=0.4)
    for row in rows:
        draw_row(figure, {column: panels[_key(row, column)] for column in columns}, arrays, row)
    return figure, panels, 1 + max(row.output for row in rows)


def row_height(arrays: Arrays, plane: int) -> float:
    """Of a row of pictures with their labels, in inches."""
    return 0.8 + min(max(0.65 * WIDTH * height_over_width(arrays, plane), 1.2), 3.5)


def _key(row: Row, column: str) -> str:
    return f"{row.plane} {row.output} {row.projected} {column}"


def _panels(
    rows: Sequence[Sequence[str]], heights: Sequence[float], width: float, arrays: Arrays, *, frame: float
) -> tuple[Figure, dict[str, Axes]]:
    """Panels in these rows and, below them, two for the course of a projection."""
    mosaic: list[Any] = [list(row) for row in rows]
    heights = list(heights)
    if "path_distances" in arrays:
        half = len(mosaic[0]) // 2
        mosaic.append([COURSE[0]] * half + [COURSE[1]] * half)
        heights.append(1.6)
    figure = new_figure(width, frame + sum(heights))
    return figure, figure.subplot_mosaic(cast(Any, mosaic), height_ratios=heights)


def draw_course(axes: Axes, arrays: Arrays, name: str, label: str) -> None:
    """What a projection lowered or moved, by its steps; dots where predictions were kept."""
    limits = logarithmic(axes, arrays[name])
    drawn = clip(arrays[name], limits)
    kept = arrays["path_steps"].astype(int)
    axes.plot(drawn, color=AFTER)
    axes.plot(kept, drawn[kept], "o", color=AFTER, markersize=4, clip_on=False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=MOST_TICKS, integer=True, min_n_ticks=1))
    axes.set(xlabel="projection step", ylabel=label)
