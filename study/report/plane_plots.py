"""Predictions as pictures of planes: of two coordinates, where there are more in the middle of the others.

A row for every plane and output, as trained and, below it, as projected: what is exact, what was predicted, how far off
that is, and the residual with the points of the training.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from study.report.predictions import (
    MOST_OUTPUTS,
    Arrays,
    coordinates_of,
    observed,
    origin,
    outputs_of,
    sensible_range,
    was_trained,
)

EXACT, PREDICTED, ERROR, RESIDUAL = "exact", "predicted", "error", "residual"

MOST_ROWS = 6
"""Of pictures, unless there are more outputs; those of the first plane come first."""

NEAR = 0.05
"""Points are drawn on a plane that are nearer to it than this share of the box, in every other coordinate."""

MANY = 250
"""Points on a plane from which on they are drawn smaller, to hide no more of it."""

MOST_UNEQUAL = 4.0
"""Two lengths of the box are drawn to scale if the longer is not more times the shorter."""

LOWEST_SHARE, DECADES = 0.02, 6
"""A residual is drawn from where this share of it lies below, at most so far below its largest value."""


@dataclass(frozen=True)
class Row:
    """A row of pictures: a plane and an output, by their places, as trained or `projected`."""

    plane: int
    output: int
    projected: bool = False


def rows_of(arrays: Arrays) -> list[Row]:
    """The rows of pictures that there are."""
    planes, outputs = len(arrays["planes"]), min(arrays["plane_before"].shape[-1], MOST_OUTPUTS)
    kinds = (False, True) if "plane_after" in arrays else (False,)
    every = itertools.product(range(planes), range(outputs), kinds)
    return [Row(*row) for row in itertools.islice(every, max(MOST_ROWS, outputs * len(kinds)))]


def columns_of(arrays: Arrays) -> list[str]:
    """What a row shows: nothing that is not known."""
    exact = "plane_exact" in arrays
    return [*([EXACT] if exact else []), PREDICTED, *([ERROR] if exact or observed(arrays) else []), RESIDUAL]


def height_over_width(arrays: Arrays, plane: int) -> float:
    """How a picture of a plane is shaped: to scale, unless one of its coordinates is the time, or far longer."""
    ratio = _to_scale(arrays, plane)
    return 0.75 if ratio is None else ratio


def draw_row(figure: Figure, panels: Mapping[str, Axes], arrays: Arrays, row: Row) -> None:
    """Draw the pictures of a row, each into its panel; the exact one and the residual's only where they are new."""
    if EXACT in panels and not row.projected:
        draw_exact(figure, panels[EXACT], arrays, row)
    title = f"{outputs_of(arrays)[row.output]}, {'projected' if row.projected else origin(arrays)}"
    draw_predicted(figure, panels[PREDICTED], arrays, row, title=title)
    if ERROR in panels:
        draw_error(figure, panels[ERROR], arrays, row)
    if row.output == 0:
        _draw_residual(figure, panels[RESIDUAL], arrays, row)
    for unused in (axes for axes in panels.values() if not axes.has_data()):
        unused.set_axis_off()


def draw_exact(
    figure: Figure, axes: Axes, arrays: Arrays, row: Row = Row(0, 0), *, among: Sequence[Arrays] = ()
) -> None:
    """The exact solution, which has to be known; in the colours of all the predictions `among` which it is shown."""
    values, title = arrays["plane_exact"][row.plane, ..., row.output], f"{outputs_of(arrays)[row.output]}, exact"
    _picture(figure, axes, arrays, row.plane, values, title=title, **_colours(arrays, row, among))


def draw_predicted(
    figure: Figure, axes: Axes, arrays: Arrays, row: Row, *, title: str, among: Sequence[Arrays] = ()
) -> None:
    """A prediction, in the range of what is known and of all those `among` which it is shown.

    Dots are observations of the test or, without such, those that the training had.
    """
    at, seen = _observations(arrays, row)
    colours = _colours(arrays, row, among)
    if len(seen):
        title += "; dots: observed" if observed(arrays) else "; dots: training data"
        _scatter(axes, at, seen, edge="white", **colours)
    _picture(figure, axes, arrays, row.plane, _predicted(arrays, row), title=title, **colours)


def _predicted(arrays: Arrays, row: Row) -> np.ndarray:
    return arrays["plane_after" if row.projected else "plane_before"][row.plane, ..., row.output]


def _colours(arrays: Arrays, row: Row, among: Sequence[Arrays]) -> dict[str, Any]:
    known = [_observations(arrays, row)[1]]
    if "plane_exact" in arrays:
        known.append(arrays["plane_exact"][row.plane, ..., row.output])
    low, high = sensible_range(known, [_predicted(each, row) for each in among or [arrays]], margin=0.0)
    return {"cmap": "viridis", "vmin": low, "vmax": high}


def draw_error(figure: Figure, axes: Axes, arrays: Arrays, row: Row) -> None:
    """Predicted minus exact values or, where none are known, minus the observed ones."""
    if "plane_exact" in arrays:
        off = _predicted(arrays, row) - arrays["plane_exact"][row.plane, ..., row.output]
        _picture(figure, axes, arrays, row.plane, off, title="predicted − exact", **_diverging(off))
        return
    misses = arrays["after" if row.projected else "before"] - arrays["u"]
    at, off = _observations({**arrays, "u": misses}, row)
    _frame(axes, arrays, row.plane, title="predicted − observed")
    axes.set_facecolor("#f4f4f4")
    _add_colours(figure, axes, _scatter(axes, at, off, edge="#555555", **_diverging(off)))


def _diverging(values: np.ndarray) -> dict[str, Any]:
    size = _largest(values)
    return {"cmap": "RdBu_r", "vmin": -size, "vmax": size}


def _draw_residual(figure: Figure, axes: Axes, arrays: Arrays, row: Row) -> None:
    """Its size on a logarithmic scale, and the points that the training, or the projection, used."""
    moved = row.projected and "path_x" in arrays
    whose = "training" if was_trained(arrays) and not moved else "its"
    residual = arrays["plane_residual_after" if row.projected else "plane_residual"][row.plane]
    high = _largest(residual)
    finite = residual[np.isfinite(residual)]
    low = float(np.quantile(finite, LOWEST_SHARE)) if finite.size else 0.0
    norm = LogNorm(min(max(low, high * 10.0**-DECADES), high / 2), high)
    shown = np.clip(residual, norm.vmin, norm.vmax)
    _picture(
        figure,
        axes,
        arrays,
        row.plane,
        shown,
        title=f"|residual|, {whose} points",
        cmap="magma",
        norm=norm,
    )
    x = arrays["path_x" if moved else "collocation"]
    points = x[_close(x, arrays, row.plane)][:, arrays["planes"][row.plane]]
    size = 2.4 * min(1.0, (MANY / max(1, len(points))) ** 0.5)
    dots: dict[str, Any] = {"markersize": size, "markeredgecolor": "white", "markeredgewidth": size / 6}
    axes.plot(*points.T, "o", color="black", clip_on=False, **dots)


def _picture(
    figure: Figure, axes: Axes, arrays: Arrays, plane: int, values: np.ndarray, *, title: str, **style: Any
) -> None:
    (left, right), (bottom, top) = arrays["box"][arrays["planes"][plane]]
    image = axes.imshow(
        values.T, extent=(left, right, bottom, top), origin="lower", interpolation="nearest", aspect="auto", **style
    )
    _frame(axes, arrays, plane, title=title)
    _add_colours(figure, axes, image)


def _add_colours(figure: Figure, axes: Axes, drawn: ScalarMappable) -> None:
    """What colours mean, beside a picture and as high as it is."""
    bar = figure.colorbar(drawn, cax=axes.inset_axes((1.04, 0.0, 0.05, 1.0)))
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(labelsize=8)


def _frame(axes: Axes, arrays: Arrays, plane: int, *, title: str) -> None:
    """Names, limits, and shape of a picture."""
    names = coordinates_of(arrays)
    first, second = arrays["planes"][plane]
    (left, right), (bottom, top) = arrays["box"][[first, second]]
    others = [f"{names[axis]} = {arrays['box'][axis].mean():.3g}" for axis in range(len(names))]
    fixed = [text for axis, text in enumerate(others) if axis not in (first, second)]
    label = "\n".join([names[first], *([f"({', '.join(fixed)})"] if fixed else [])])
    axes.grid(visible=False)
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel=label, ylabel=names[second])
    axes.locator_params(nbins=5)
    axes.set(aspect="auto", box_aspect=_to_scale(arrays, plane))
    axes.set_title(title, fontsize=9.5, fontweight="normal")


def _to_scale(arrays: Arrays, plane: int) -> float | None:
    """Height over width, if it is to be that of the box."""
    axes = arrays["planes"][plane]
    width, height = np.diff(arrays["box"][axes], axis=1)[:, 0]
    if str(arrays["time"]) in [coordinates_of(arrays)[axis] for axis in axes]:
        return None
    ratio = float(height / width)
    return ratio if 1 / MOST_UNEQUAL <= ratio <= MOST_UNEQUAL else None


def _observations(arrays: Arrays, row: Row) -> tuple[np.ndarray, np.ndarray]:
    """The places (M, 2) and values (M,) of what was observed near a plane, by the test or else for the training."""
    x, u = ("x", "u") if observed(arrays) else ("training_x", "training_u")
    if x not in arrays:
        return np.zeros((0, 2)), np.zeros(0)
    shown = _close(arrays[x], arrays, row.plane) & np.isfinite(arrays[u][:, row.output])
    return arrays[x][shown][:, arrays["planes"][row.plane]], arrays[u][shown, row.output]


def _close(x: np.ndarray, arrays: Arrays, plane: int) -> np.ndarray:
    """Which of the points (M, D) are near a plane, (M,) bool."""
    others = [axis for axis in range(x.shape[1]) if axis not in arrays["planes"][plane]]
    low, high = arrays["box"].T
    away = np.abs(x - (low + high) / 2) / (high - low)
    return (away[:, others] <= NEAR).all(axis=1)


def _scatter(axes: Axes, at: np.ndarray, values: np.ndarray, *, edge: str, **style: Any) -> ScalarMappable:
    return axes.scatter(*at.T, c=values, s=22, edgecolors=edge, linewidths=0.7, clip_on=False, zorder=3, **style)


def _largest(values: np.ndarray) -> float:
    """The largest size of a finite value; 1 where there is none."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0)) or 1.0
