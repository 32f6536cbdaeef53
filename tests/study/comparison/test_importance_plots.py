"""Which settings mattered, as a picture."""

from study.comparison.importance_plots import importance_plot
from tests.study.report.rendering import drawn

RATE, WEIGHT = "training.optimizer.learning_rate", "training.method.weight"


def test_cells_are_the_shares_of_what_is_searched() -> None:
    axes = drawn(importance_plot({"soft": {RATE: 0.3, WEIGHT: 0.7}, "batch": {RATE: 0.9, "network.widths": 0.1}})).axes[
        0
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["soft", "batch"]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    assert columns == ["optimizer.learning_rate", "method.weight", "network.widths"]  # by what they matter in sum
    cells = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "30 %", (1, 0): "70 %", (0, 1): "90 %", (2, 1): "10 %"}
