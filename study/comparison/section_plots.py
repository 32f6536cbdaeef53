"""Where the time of a network went: seconds by the clock, a bar for each entry."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from study.report.plot_style import new_figure, styled
from study.report.trial_plots import draw_sections


@styled
def sections_plot(costs: Mapping[str, Mapping[str, float]]) -> Figure:
    """Stacked bars of the seconds of entries by section, the fastest first."""
    figure = new_figure(8.5, 1.2 + 0.24 * len(costs))
    axes = figure.subplots()
    draw_sections(axes, dict(sorted(costs.items(), key=lambda item: sum(item[1].values()))))
    axes.set_xlabel("seconds by the clock, medians")
    # above the bars alone a legend has no room beside long names
    figure.legend(loc="outside upper left", ncols=8, handlelength=1, columnspacing=1.2)
    return figure
