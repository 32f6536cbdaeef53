"""Plots of a study by method: how its search went, what its trials cost, and its best trial."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.analysis.findings import Analysis, best_so_far
from study.analysis.measured import TRADE_OFF, UNKNOWN, errors_in, unknowns_in
from study.analysis.sections import PARTS, sections_of
from study.analysis.variants import CONSTRAINT, DATA
from study.journal.events import TrialStatus
from study.report.curve_plots import draw_curves, draw_parity
from study.report.looks import looks_of
from study.report.plane_plots import Row, draw_exact, draw_predicted
from study.report.plot_style import (
    add_legend,
    logarithmic,
    message_plot,
    new_figure,
    new_panels,
    styled,
)
from study.report.prediction_plots import row_height
from study.report.predictions import Arrays, as_solved, on_planes, read_predictions
from study.report.trial_plots import draw_sections, draw_truth, name_sections, series

TITLES = {DATA: "Data error", CONSTRAINT: "Constraint error"}


@styled
def progress_plot(analysis: Analysis) -> Figure:
    """The best selected value so far against the number of a method's trials that ended."""
    curves = {
        method: [(number, value) for number, value in enumerate(curve, start=1) if value is not None]
        for method, curve in best_so_far(analysis).items()
    }
    if not any(curves.values()):
        return message_plot("no trial has completed yet")
    figure = new_figure(8.5, 4)
    axes, looks = figure.subplots(), looks_of(analysis.study)
    for method, points in curves.items():
        colour, marker = looks(method)
        numbers, values = [number for number, _ in points], [value for _, value in points]
        axes.step(numbers, values, where="post", color=colour, marker=marker, markersize=5, label=method)
    logarithmic(axes, [value for points in curves.values() for _, value in points])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(title="Best so far", xlabel="trials of the method that ended", ylabel=f"best {analysis.metric}")
    figure.legend(loc="outside right upper")
    return figure


@styled
def cost_plot(analysis: Analysis) -> Figure:
    """Mean seconds of a completed trial by section, a bar per method."""
    methods = dict.fromkeys(row.method for row in analysis.leaderboard)
    costs = {method: cost for method in methods if (cost := _mean_times(analysis, method))}
    if not costs:
        return message_plot("no trial has completed yet")
    figure = new_figure(8.5, 1.6 + 0.4 * len(costs))
    axes = figure.subplots()
    draw_sections(axes, costs)
    name_sections(axes)
    axes.set_xlabel("seconds, mean of the completed trials")
    return figure


def _mean_times(analysis: Analysis, method: str) -> dict[str, float]:
    done = [
        sections_of(record.metrics)
        for record in analysis.records.values()
        if record.method == method and record.status is TrialStatus.COMPLETED
    ]
    return {name: fmean(seconds[name] for seconds in done) for name in PARTS} if done else {}


@styled
def convergence_by_method_plot(analysis: Analysis, truths: Mapping[str, float] | None = None) -> Figure:
    """Validation errors and unknowns against epochs of the best trial of every method; `truths` are the unknowns'."""
    best = analysis.best_trials()
    if not best:
        return message_plot("no trial has completed yet")
    errors = {name: TITLES[name] for name in TRADE_OFF if name in errors_in(analysis.measured)}
    unknowns = {f"{UNKNOWN}{name}": name for name in unknowns_in(analysis.measured)}
    figure, panels = new_panels(len(errors) + len(unknowns), columns=2, height=3.4, frame=0.6)
    looks = looks_of(analysis.study)
    for axes, name in zip(panels, (*errors, *unknowns), strict=True):
        every: list[float] = []
        for method, record in best.items():
            epochs, values = series(record, name)
            axes.plot(epochs, values, color=looks(method).colour, label=method)
            every += values
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        if name in errors:
            logarithmic(axes, every)
            axes.set(title=errors[name], ylabel="mean square, validation")
        else:
            axes.set(title=f"Unknown: {unknowns[name]}", ylabel=unknowns[name])
            draw_truth(axes, (truths or {}).get(unknowns[name]))
    add_legend(figure)
    return figure


@styled
def predictions_by_method_plot(paths: Mapping[str, Path], *, trains: bool = True) -> Figure:
    """The first output on the first test wave, a panel for each labelled `predictions.npz`: of the network as trained,
    or, in a study that `trains` nothing, as projected.
    """
    paths = {method: path for method, path in paths.items() if path.exists()}
    if not paths:
        return message_plot("no trial has recorded predictions yet")
    predictions = {method: read_predictions(path) for method, path in paths.items()}
    if not trains:
        predictions = {method: as_solved(arrays) for method, arrays in predictions.items()}
    if all(on_planes(arrays) for arrays in predictions.values()):
        return _planes_by_method(predictions)
    curves = all(arrays["x"].shape[1] == 1 for arrays in predictions.values())
    if not curves and any("u" not in arrays for arrays in predictions.values()):
        return message_plot("nothing is known to compare the predictions with")
    figure, panels = new_panels(len(paths), columns=2 if curves else 3, height=2.5, frame=0.6)
    for axes, (method, arrays) in zip(panels, predictions.items(), strict=True):
        (draw_curves if curves else draw_parity)(axes, arrays)
        axes.set_title(method)
    add_legend(figure)
    return figure


def _planes_by_method(predictions: Mapping[str, Arrays]) -> Figure:
    """The exact solution, where it is known, and each method's prediction, all in the same colours."""
    among = list(predictions.values())
    first = among[0]
    exact = "plane_exact" in first
    figure, panels = new_panels(len(predictions) + exact, columns=3, height=row_height(first, 0), frame=0.2)
    if exact:
        draw_exact(figure, panels[0], first, among=among)
    for axes, (method, arrays) in zip(panels[exact:], predictions.items(), strict=True):
        draw_predicted(figure, axes, arrays, Row(0, 0), title=method, among=among)
    figure.draw_without_rendering()  # pictures to scale find their places only the second time
    return figure
