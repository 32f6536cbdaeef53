"""The trade-off on a problem as a plot, for the file beside the page, which has it as SVG."""

from matplotlib.figure import Figure

from study.comparison.fronts import front, points
from study.comparison.markers import kind_handles, marker_style
from study.comparison.result import Comparison, ProblemResult
from study.report.plot_style import EXACT, legend_handle, logarithmic, message_plot, new_figure, styled


@styled
def front_plot(comparison: Comparison, problem: ProblemResult) -> Figure:
    """A marker for each search, and the Pareto set with the names of its entries."""
    among = points(problem)
    if not among:
        return message_plot("there is no error beside the constraint's, or no run that did not fail")
    figure = new_figure(8.5, 5.5)
    axes = figure.subplots()
    _, right = logarithmic(axes, [point.error for point in among], axis="x")
    _, top = logarithmic(axes, [point.constraint for point in among])
    for point in among:
        axes.plot(point.error, point.constraint, markersize=6, zorder=3, **marker_style(comparison, point.label))
    best = front(among)
    errors, constraints = [point.error for point in best], [point.constraint for point in best]
    steps = [errors[0], *errors, right], [top, *constraints, constraints[-1]]
    axes.step(*steps, where="post", color=EXACT, linewidth=1.2, zorder=2)
    for index, point in enumerate(best, start=1):
        text = f"{index} {point.label}"
        axes.annotate(text, point.errors, (7, -3), textcoords="offset points", fontsize=8, va="top")
    axes.set(xlabel=problem.error, ylabel=problem.constraint)
    handles = [*kind_handles(comparison), legend_handle("Pareto set", color=EXACT, linewidth=1.2)]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure
