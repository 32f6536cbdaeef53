from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cnn_core.metrics import WORST
from study.analysis.findings import Analysis, analyse
from study.report import variant_plots
from study.report.looks import look
from study.report.variant_plots import error_plot, pareto_plot, settings_plot, unknowns_plot
from tests.study import conditioned, synthetic_journal
from tests.study.report.rendering import drawn


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


def test_however_many_diverged_they_stand_within_the_plot(analysis: Analysis) -> None:
    axes = Figure().subplots()
    variant_plots._draw_diverged(axes, [analysis.pareto[0]] * 500, look)
    (line,) = axes.lines
    places = np.asarray(line.get_xdata())
    assert len(np.unique(places)) == 500
    assert 0 < places.min() < places.max() < 1


def test_the_front_carries_the_numbers_of_the_table(analysis: Analysis) -> None:
    texts = [text.get_text() for text in drawn(pareto_plot(analysis)).axes[0].texts]
    numbers = [int(text) for text in texts if text.isdigit()]
    assert numbers[0] == 1
    assert set(numbers) <= set(range(1, len(analysis.pareto) + 1))


def test_a_study_that_searched_nothing_has_no_settings_to_show(analysis: Analysis) -> None:
    figure = drawn(settings_plot(replace(analysis, study=replace(analysis.study, search={}))))
    assert "no completed trial with searched settings" in figure.axes[0].texts[0].get_text()


@pytest.mark.parametrize("draw", [pareto_plot, error_plot, settings_plot])
def test_trials_of_one_look_are_one_line_of_matplotlibs(draw: Callable[[Analysis], Figure], tmp_path: Path) -> None:
    records = synthetic_journal.fill(tmp_path, trials=300).trials()
    panels = draw(analyse(synthetic_journal.study(300), records)).axes
    assert max(len(axes.lines) for axes in panels) < 40
    assert sum(np.size(line.get_xdata()) for axes in panels for line in axes.lines) > 250


@pytest.mark.parametrize("trials", [0, 1, 8])
def test_what_trials_found_of_an_unknown_is_a_marker_each_with_the_true_value(trials: int, tmp_path: Path) -> None:
    records = conditioned.fill(tmp_path, conditioned.WITH_UNKNOWN, trials=trials).trials()
    axes = drawn(unknowns_plot(analyse(synthetic_journal.study(), records), truths={"rate": 0.5})).axes[0]
    markers = [line for line in axes.lines if line.get_marker() == look("soft").marker]
    assert sum(np.size(line.get_xdata()) for line in markers) == trials
    if trials:
        assert axes.get_xlabel() == "rate" and axes.get_xlim()[0] < 0.4 < 0.5 < axes.get_xlim()[1]
    else:
        assert "no trial has completed yet" in axes.texts[0].get_text()


def test_an_unknown_that_is_far_off_stands_at_the_border_and_stretches_nothing(tmp_path: Path) -> None:
    records = conditioned.fill(tmp_path, conditioned.WITH_UNKNOWN, trials=20).trials()
    records["0019"].metrics["unknown/rate"] = 1e6
    axes = drawn(unknowns_plot(analyse(synthetic_journal.study(), records))).axes[0]
    assert axes.get_xlim()[1] < 10


@pytest.mark.parametrize("value", ["a", [1.0], {"b": 1.0}])
def test_a_setting_that_a_spoiled_journal_calls_no_number_is_left_out(analysis: Analysis, value: object) -> None:
    (name, *_) = [name for name in analysis.study.search if name != "training.method.name"]
    for record in [*analysis.records.values()][:3]:
        record.values[name] = value
    assert drawn(settings_plot(analysis)).axes[0].lines
