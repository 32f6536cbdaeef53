from dataclasses import replace
from io import BytesIO
from pathlib import Path

import matplotlib
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cnn_core.metrics import WORST
from study.analysis.findings import Analysis, analyse
from study.journal.files import TRIALS
from study.report import study_plots
from study.report.looks import look
from study.report.study_plots import error_plot, pareto_plot, predictions_by_method_plot
from study.trial.files import PREDICTIONS
from tests.study import synthetic_journal

PLOTS = ("pareto", "error", "progress", "cost", "convergence_by_method", "settings")


def drawn(figure: Figure) -> Figure:
    """The figure, after it was rendered: layout and labels raise their errors only then."""
    figure.savefig(BytesIO(), format="png", dpi=50)
    return figure


@pytest.fixture
def analysis(tmp_path: Path) -> Analysis:
    return analyse(synthetic_journal.study(), synthetic_journal.fill(tmp_path).trials())


def make(name: str, analysis: Analysis) -> Figure:
    return getattr(study_plots, f"{name}_plot")(analysis)


@pytest.mark.parametrize("trials", [0, 1, 5, 20])
@pytest.mark.parametrize("name", PLOTS)
def test_plots_of_studies_of_any_size(name: str, trials: int, tmp_path: Path) -> None:
    records = synthetic_journal.fill(tmp_path, trials=trials).trials()
    drawn(make(name, analyse(synthetic_journal.study(), records)))


@pytest.mark.parametrize("name", PLOTS)
def test_plots_when_every_trial_diverged(name: str, analysis: Analysis) -> None:
    diverged = {trial: record for trial, record in analysis.records.items() if record.status == "diverged"}
    drawn(make(name, analyse(analysis.study, diverged)))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_predictions_of_the_best_trials(dimensions: int, tmp_path: Path) -> None:
    records = synthetic_journal.fill(tmp_path, dimensions=dimensions).trials()
    analysis = analyse(synthetic_journal.study(), records)
    best = analysis.best_trials()
    paths = {method: tmp_path / TRIALS / record.trial / PREDICTIONS for method, record in best.items()}
    figure = drawn(predictions_by_method_plot(paths))
    assert [axes.get_title(loc="left") for axes in figure.axes[: len(paths)]] == list(paths)


def test_projected_networks_are_hollow_in_their_method_s_colour(analysis: Analysis) -> None:
    axes = drawn(pareto_plot(analysis)).axes[0]
    markers = [line for line in axes.lines if line.get_marker() == look("soft").marker and line.get_markersize() == 7]
    assert {to_hex(str(line.get_color())) for line in markers} == {look("soft").colour.lower()}
    assert {to_hex(str(line.get_markerfacecolor())) for line in markers} == {look("soft").colour.lower(), "#ffffff"}


def test_worst_values_stand_at_the_border_and_are_counted(analysis: Analysis) -> None:
    axes = drawn(pareto_plot(analysis)).axes[0]
    assert axes.get_xlim()[1] < WORST / 1e6
    assert "diverged: 1 (at the border)" in [text.get_text() for text in axes.texts]
    for panel in drawn(error_plot(analysis)).axes:
        assert panel.get_xlim()[1] < WORST / 1e6


def test_the_front_carries_the_numbers_of_the_table(analysis: Analysis) -> None:
    texts = [text.get_text() for text in drawn(pareto_plot(analysis)).axes[0].texts]
    numbers = [int(text) for text in texts if text.isdigit()]
    assert numbers[0] == 1
    assert set(numbers) <= set(range(1, len(analysis.pareto) + 1))


def test_a_study_that_searched_nothing_has_no_settings_to_show(analysis: Analysis) -> None:
    figure = drawn(study_plots.settings_plot(replace(analysis, study=replace(analysis.study, search={}))))
    assert "no completed trial with searched settings" in figure.axes[0].texts[0].get_text()


def test_matplotlib_s_settings_are_left_alone(analysis: Analysis) -> None:
    before = dict(matplotlib.rcParams)
    for name in PLOTS:
        make(name, analysis)
    assert dict(matplotlib.rcParams) == before
