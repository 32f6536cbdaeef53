"""Which of its settings mattered to each contestant: a table in shades, numbers in its cells."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.report.plot_style import MUTED, new_figure, styled

Shares = Mapping[str, Mapping[str, float]]
"""Contestant → setting → its share of the importance, 0 to 1."""

DARK = 0.8
"""From this share on a cell's number is white."""


@styled
def importance_plot(importances: Shares) -> Figure:
    """A row for each contestant, a column for each setting, the most important first; empty where none is known."""
    settings = _by_importance(importances)
    shares = np.array([[one.get(name, np.nan) for name in settings] for one in importances.values()])
    figure = new_figure(8.5, 1.5 + 0.24 * len(importances))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.15, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if share == share:
            colour = "white" if share > DARK else "black"
            axes.text(column, row, f"{100 * share:.0f} %", ha="center", va="center", fontsize=8.5, color=colour)
    _frame(axes, list(importances), [name.removeprefix("training.") for name in settings])
    return figure


def _frame(axes: Axes, rows: list[str], columns: list[str]) -> None:
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="left", rotation_mode="anchor")
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    for place in range(1, len(rows)):
        axes.axhline(place - 0.5, color=MUTED, linewidth=0.4, alpha=0.5)


def _by_importance(importances: Shares) -> list[str]:
    """All settings, those first that mattered most in sum."""
    names = dict.fromkeys(name for shares in importances.values() for name in shares)
    return sorted(names, key=lambda name: -sum(shares.get(name, 0.0) for shares in importances.values()))
