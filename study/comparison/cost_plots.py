"""What entries cost: CPU seconds of a network and of the search for its settings, beside the best baseline's."""

import math
from collections.abc import Callable, Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.comparison.markers import kind_handles, marker_style
from study.comparison.result import Comparison
from study.comparison.standing import Overall, Seconds
from study.report.plot_style import EXACT, legend_handle, logarithmic, message_plot, new_figure, plain_numbers, styled


@styled
def cost_plot(comparison: Comparison, overall: Sequence[Overall]) -> Figure:
    """A marker for each problem, and a bar at the median of them, the cheapest network first."""
    shown = sorted((one for one in overall if _seconds(one, _network)), key=lambda one: median(_seconds(one, _network)))
    if not shown:
        return message_plot("no entry has been measured yet")
    figure = new_figure(8.5, 1.2 + 0.24 * len(shown))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, cost, title in zip(panels, (_network, _tuning), ("One network", "Its search"), strict=True):
        _draw(axes, comparison, shown, cost)
        axes.set(title=title, xlabel="CPU seconds")
    panels[0].set_yticks(range(len(shown)), [one.label for one in shown])
    panels[0].set_ylim(len(shown) - 0.4, -0.6)
    middle = legend_handle("median over problems", color=EXACT, marker="|", markersize=10, linestyle="none")
    figure.legend(handles=[*kind_handles(comparison), middle], loc="outside lower center", ncols=3)
    return figure


def _draw(axes: Axes, comparison: Comparison, shown: Sequence[Overall], cost: Callable[[Seconds], float]) -> None:
    low, high = logarithmic(axes, [value for one in shown for value in _seconds(one, cost)], axis="x")
    plain_numbers(axes.xaxis, low, high)
    for place, one in enumerate(shown):
        values, style = [max(value, low) for value in _seconds(one, cost)], marker_style(comparison, one.label)
        axes.plot(values, [place] * len(values), markersize=5, alpha=0.8, linestyle="none", **style)
        axes.plot(median(values), place, "|", color=EXACT, markersize=13, markeredgewidth=1.6)


def _seconds(overall: Overall, cost: Callable[[Seconds], float]) -> list[float]:
    """On the problems where a network was trained with fresh seeds."""
    return [cost(standing.seconds) for standing in overall.standings if not math.isnan(standing.seconds.network)]


def _network(seconds: Seconds) -> float:
    return seconds.network


def _tuning(seconds: Seconds) -> float:
    return seconds.tuning
