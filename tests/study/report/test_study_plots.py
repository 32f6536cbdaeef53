from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from study.analysis.findings import Analysis, analyse
from study.journal.files import TRIALS
from study.report.study_plots import convergence_by_method_plot, cost_plot, predictions_by_method_plot, progress_plot
from study.report.variant_plots import error_plot, pareto_plot, settings_plot
from study.trial.files import PREDICTIONS
from tests.study import synthetic_journal
from tests.study.report.rendering import drawn

Plot = Callable[[Analysis], Figure]

PLOTS = (pareto_plot, error_plot, progress_plot, cost_plot, convergence_by_method_plot, settings_plot)


@pytest.mark.parametrize("trials", [0, 1, 5, 20])
@pytest.mark.parametrize("plot", PLOTS)
def test_plots_of_studies_of_any_size(plot: Plot, trials: int, tmp_path: Path) -> None:
    records = synthetic_journal.fill(tmp_path, trials=trials).trials()
    drawn(plot(analyse(synthetic_journal.study(), records)))


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_when_every_trial_diverged(plot: Plot, analysis: Analysis) -> None:
    diverged = {trial: record for trial, record in analysis.records.items() if record.status == "diverged"}
    drawn(plot(analyse(analysis.study, diverged)))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_predictions_of_the_best_trials(dimensions: int, tmp_path: Path) -> None:
    records = synthetic_journal.fill(tmp_path, dimensions=dimensions).trials()
    analysis = analyse(synthetic_journal.study(), records)
    best = analysis.best_trials()
    paths = {method: tmp_path / TRIALS / record.trial / PREDICTIONS for method, record in best.items()}
    figure = drawn(predictions_by_method_plot(paths))
    assert [axes.get_title(loc="left") for axes in figure.axes[: len(paths)]] == list(paths)


def test_where_nothing_is_trained_the_predictions_are_those_that_were_solved_for(tmp_path: Path) -> None:
    path = tmp_path / PREDICTIONS
    x, before, after = np.linspace(0.0, 1.0, 5)[:, None], np.zeros((5, 1)), np.full((5, 1), 3.0)
    np.savez(path, x=x, u=after, before=before, after=after, outputs=["u"], coordinates=["x"])
    [axes] = drawn(predictions_by_method_plot({"lm": path}, trains=False)).axes
    drawn_values = [float(np.max(np.asarray(line.get_ydata(), dtype=float))) for line in axes.lines]
    assert drawn_values and set(drawn_values) == {3.0}


def test_matplotlib_s_settings_are_left_alone(analysis: Analysis) -> None:
    before = dict(matplotlib.rcParams)
    for plot in PLOTS:
        plot(analysis)
    assert dict(matplotlib.rcParams) == before
