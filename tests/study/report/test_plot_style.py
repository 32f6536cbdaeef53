"""What the axes of plots are labelled with."""

from itertools import pairwise

import pytest

from study.report.plot_style import logarithmic, new_figure, new_panels
from tests.study.report.rendering import drawn


@pytest.mark.parametrize("values", [[8.64e-3, 8.68e-3], [1.52e-3, 1.53e-3], [0.174, 0.28], [1.2, 1.3], [2e-4, 9e-4]])
def test_a_narrow_logarithmic_axis_has_some_labels_that_do_not_overlap(values: list[float]) -> None:
    figure = new_figure(4.2, 1.7)
    axes = figure.subplots()
    logarithmic(axes, values, axis="x")
    drawn(figure)
    low, high = axes.get_xlim()
    ticks = [*axes.xaxis.get_major_ticks(), *axes.xaxis.get_minor_ticks()]
    shown = [tick.label1 for tick in ticks if low <= tick.get_loc() <= high and tick.label1.get_text()]
    boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: box.x0)
    assert 2 <= len(boxes) <= 5
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_the_lowest_panel_of_each_column_shows_the_ticks_of_a_shared_axis() -> None:
    _, panels = new_panels(5, columns=3, height=1.0, frame=1.0, sharex=True)
    assert [axes.xaxis.get_tick_params()["labelbottom"] for axes in panels] == [False, False, True, True, True]
