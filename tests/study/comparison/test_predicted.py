"""Whose predictions are shown, and how."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from study.comparison.predicted import shown_predictions
from study.comparison.prediction_plots import predictions_plot
from study.comparison.result import Comparison, Source
from study.comparison.verdict import judge
from study.report.predictions import Arrays
from tests.study.comparison.made_up import comparison, entry, problem
from tests.study.report.rendering import drawn
from tests.study.report.test_prediction_plots import titles, write_planes


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    np.savez(path, allow_pickle=False, **arrays)


MADE = comparison(
    problem(
        "waves",
        entry("soft", [[0.3, 0.1, 0.2]]),
        entry("other-soft", [[3.0, 1.0, 2.0]]),
        entry("batch", [[0.05, 0.06, 0.04]], projected=True),
        entry("null-space", [[0.5, 0.5, 0.5]]),
    ),
    baselines=("soft", "other-soft"),
)
SOFT, BATCH = "soft-0-2", "batch-projected-0-0"
"""The trials in the middle of the best baseline and of the best other."""


def shown(folder: Path, made: Comparison = MADE) -> dict[str, Arrays]:
    def of(source: Source) -> Path:
        return folder / f"{source.trial}.npz"

    return shown_predictions(made, made.problems[0], judge(made).problems["waves"], of)


def picture(folder: Path, **known: bool) -> Figure:
    for trial in (SOFT, BATCH):
        write_planes(folder / f"{trial}.npz", after=True, **known)
    return drawn(predictions_plot(MADE, shown(folder)))


def test_the_middle_runs_of_the_best_entry_and_baseline_are_shown(tmp_path: Path) -> None:
    write_planes(tmp_path / f"{SOFT}.npz", after=True)
    write_planes(tmp_path / f"{BATCH}.npz", after=True)
    found, written = shown(tmp_path), dict(np.load(tmp_path / f"{BATCH}.npz"))
    assert list(found) == ["batch + projection", "soft"]
    np.testing.assert_array_equal(found["batch + projection"]["plane_before"], written["plane_after"])
    np.testing.assert_array_equal(found["soft"]["plane_before"], written["plane_before"])


def test_where_the_middle_run_left_nothing_the_nearest_speaks(tmp_path: Path) -> None:
    assert shown(tmp_path) == {}
    write_planes(tmp_path / "soft-0-0.npz")
    assert list(shown(tmp_path)) == ["soft"]


def test_failed_runs_say_nothing(tmp_path: Path) -> None:
    made = comparison(problem("waves", entry("soft", [[np.inf]])))
    write_planes(tmp_path / "soft-0-0.npz")
    assert shown(tmp_path, made) == {}


def test_only_predictions_of_one_wave_stand_side_by_side(tmp_path: Path) -> None:
    for trial, speed in ((SOFT, 2.0), (BATCH, np.float32(1.3))):
        write_planes(tmp_path / f"{trial}.npz")
        save(tmp_path / f"{trial}.npz", dict(np.load(tmp_path / f"{trial}.npz")) | {"p": np.array([speed])})
    assert list(shown(tmp_path)) == ["batch + projection"]
    save(tmp_path / f"{SOFT}.npz", dict(np.load(tmp_path / f"{SOFT}.npz")) | {"p": np.array([1.3])})
    assert list(shown(tmp_path)) == ["batch + projection", "soft"]


@pytest.mark.parametrize(
    ("known", "below"),
    [({}, []), ({"exact": True}, ["predicted − exact"]), ({"observed": True}, ["predicted − observed"])],
)
def test_pictures_show_what_is_known(known: dict[str, bool], below: list[str], tmp_path: Path) -> None:
    dots = "; dots: observed" if "observed" in known else ""
    above = ["field 0, exact"] if "exact" in known else []
    wanted = [*above, f"batch\nprojected{dots}", f"soft\npredicted{dots}", *2 * below]
    assert titles(picture(tmp_path, **known)) == wanted


def test_one_coordinate_has_curves(tmp_path: Path) -> None:
    grid = {"planes": np.array([[0]]), "box": np.array([[0.0, 1.0]]), "x": np.linspace(0, 1, 5)[:, None]}
    curves = {name: np.random.default_rng(0).random((1, 9, 1)) for name in ("plane_before", "plane_exact")}
    arrays = grid | curves | {"p": np.zeros(0), "before": np.zeros((5, 1)), "observed": np.array(False)}
    for trial in (SOFT, BATCH):
        save(tmp_path / f"{trial}.npz", arrays)
    figure = drawn(predictions_plot(MADE, shown(tmp_path)))
    assert [[line.get_label() for line in axes.lines] for axes in figure.axes] == [
        ["exact", "batch + projection", "soft"],
        ["batch + projection", "soft"],
    ]
