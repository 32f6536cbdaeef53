"""Pictures and curves of what a trial predicts."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from study.report.prediction_plots import prediction_plot
from study.report.predictions import read_predictions
from study.report.study_plots import predictions_by_method_plot
from study.trial.files import PREDICTIONS
from tests.study import synthetic_journal
from tests.study.report.rendering import drawn


def titles(figure: Figure) -> list[str]:
    return [title for axes in figure.axes if (title := axes.get_title(loc="left")) and axes.axison]


def write_planes(
    path: Path,
    *,
    exact: bool = False,
    observed: bool = False,
    taught: bool = False,
    after: bool = False,
    outputs: int = 1,
    coordinates: int = 2,
    training_points: int = 30,
    trained: bool = True,
) -> None:
    """predictions.npz as a trial writes it."""
    random, side = np.random.default_rng(0), 9
    planes = [[0, 1], [0, 2], [1, 2]] if coordinates > 2 else [[1, 0]]
    shape = (len(planes), side, side, outputs)
    arrays = {
        "coordinates": np.array(["place", "time", "z"][:coordinates]), "time": np.array("time"),
        "outputs": np.array([f"field {index}" for index in range(outputs)]), "parameters": np.array(["speed"]),
        "box": np.array([[0.0, 1.0]] * coordinates), "planes": np.array(planes), "observed": np.array(observed),
        "x": random.random((12, coordinates)), "p": np.array([2.0]), "before": random.random((12, outputs)),
        "plane_before": random.random(shape), "plane_residual": random.random(shape[:-1]),
        "collocation": random.random((training_points, coordinates)), "trained": np.array(trained),
    }  # fmt: skip
    arrays["plane_before"][0, :2, :2] = np.nan
    if exact:
        arrays["plane_exact"] = random.random(shape)
    if observed:
        arrays["u"] = random.random((12, outputs))
        arrays["u"][0] = np.nan
    if taught:
        arrays |= {"training_x": random.random((7, coordinates)), "training_u": random.random((7, outputs))}
    if after:
        arrays |= {"plane_after": random.random(shape), "plane_residual_after": random.random(shape[:-1])}
        arrays["after"] = random.random((12, outputs))
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, ["field 0, as trained", "|residual|, training points"]),
        (
            {"exact": True},
            ["field 0, exact", "field 0, as trained", "predicted − exact", "|residual|, training points"],
        ),
        (
            {"observed": True},
            ["field 0, as trained; dots: observed", "predicted − observed", "|residual|, training points"],
        ),
        ({"taught": True}, ["field 0, as trained; dots: training data", "|residual|, training points"]),
        (
            {"taught": True, "observed": True},
            ["field 0, as trained; dots: observed", "predicted − observed", "|residual|, training points"],
        ),
    ],
)
def test_a_row_of_pictures_shows_what_is_known(known: dict[str, bool], shown: list[str], tmp_path: Path) -> None:
    write_planes(tmp_path / PREDICTIONS, **known)
    assert titles(drawn(prediction_plot(tmp_path / PREDICTIONS))) == shown


def test_an_output_that_nobody_observed_has_no_dots(tmp_path: Path) -> None:
    write_planes(tmp_path / PREDICTIONS, taught=True, outputs=2)
    with np.load(tmp_path / PREDICTIONS) as file:
        arrays = dict(file)
    arrays["training_u"][:, 1] = np.nan
    np.savez(tmp_path / PREDICTIONS, **arrays)
    shown = titles(drawn(prediction_plot(tmp_path / PREDICTIONS)))
    assert [title for title in shown if title.startswith("field")] == [
        "field 0, as trained; dots: training data", "field 1, as trained"
    ]  # fmt: skip


def test_of_what_was_never_trained_the_solved_network_alone_is_shown(tmp_path: Path) -> None:
    write_planes(tmp_path / PREDICTIONS, exact=True, after=True, trained=False)
    figure = drawn(prediction_plot(tmp_path / PREDICTIONS))
    assert titles(figure) == ["field 0, exact", "field 0, solved", "predicted − exact", "|residual|, its points"]
    arrays = read_predictions(tmp_path / PREDICTIONS)
    images = [axes.images[0].get_array() for axes in figure.axes[:4]]
    assert (images[1] == arrays["plane_after"][0, ..., 0].T).all()
    assert np.asarray(images[3]).max() == np.max(arrays["plane_residual_after"][0])  # the least ones are cut off


def test_axes_are_called_by_the_problem_s_coordinates_and_the_title_by_its_parameters(tmp_path: Path) -> None:
    write_planes(tmp_path / PREDICTIONS)
    figure = drawn(prediction_plot(tmp_path / PREDICTIONS))
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("time", "place")
    assert figure.get_suptitle() == "Test wave speed = 2"


def test_every_output_has_a_row_and_a_projection_another(tmp_path: Path) -> None:
    write_planes(tmp_path / PREDICTIONS, after=True, outputs=2)
    shown = titles(drawn(prediction_plot(tmp_path / PREDICTIONS)))
    assert [title for title in shown if title.startswith("field")] == [
        f"field {output}, {how}" for output in (0, 1) for how in ("as trained", "projected")
    ]


def test_planes_say_where_the_other_coordinates_are(tmp_path: Path) -> None:
    write_planes(tmp_path / PREDICTIONS, coordinates=3, observed=True)
    figure = drawn(prediction_plot(tmp_path / PREDICTIONS))
    labels = {axes.get_xlabel().partition("\n")[2] for axes in figure.axes}
    assert labels == {"(z = 0.5)", "(time = 0.5)", "(place = 0.5)"}


def test_predictions_of_methods_are_pictures_too(tmp_path: Path) -> None:
    for name in ("soft", "batch"):
        write_planes(tmp_path / name, exact=True)
        (tmp_path / f"{name}.npz").rename(tmp_path / name)
    figure = drawn(predictions_by_method_plot({name: tmp_path / name for name in ("soft", "batch")}))
    assert titles(figure) == ["field 0, exact", "soft", "batch"]


@pytest.mark.parametrize("exact", [False, True])
def test_predictions_of_methods_have_the_same_colours(exact: bool, tmp_path: Path) -> None:
    for name in ("soft", "batch"):
        write_planes(tmp_path / f"{name}.npz", exact=exact)
    with np.load(tmp_path / "batch.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "batch.npz", **arrays | {"plane_before": arrays["plane_before"] * 1.5 - 0.5})
    figure = drawn(predictions_by_method_plot({name: tmp_path / f"{name}.npz" for name in ("soft", "batch")}))
    ranges = {image.get_clim() for axes in figure.axes if axes.axison for image in axes.images}
    assert len(ranges) == 1


def test_many_training_points_hide_no_more_of_the_residual_than_few(tmp_path: Path) -> None:
    areas = []
    for points in (250, 4000):
        write_planes(tmp_path / PREDICTIONS, training_points=points)
        (dots,) = [line for axes in drawn(prediction_plot(tmp_path / PREDICTIONS)).axes for line in axes.lines]
        areas.append(len(np.asarray(dots.get_xdata())) * dots.get_markersize() ** 2)
    assert areas[1] == pytest.approx(areas[0])


def test_what_is_not_finite_leaves_a_gap(tmp_path: Path) -> None:
    write_planes(tmp_path / PREDICTIONS, exact=True)
    with np.load(tmp_path / PREDICTIONS) as file:
        arrays = dict(file)
    arrays["plane_before"] = np.full_like(arrays["plane_before"], np.nan)
    arrays["plane_residual"] = np.full_like(arrays["plane_residual"], np.inf)
    np.savez(tmp_path / PREDICTIONS, **arrays)
    drawn(prediction_plot(tmp_path / PREDICTIONS))


def test_a_trial_without_projection_has_no_error_of_one(tmp_path: Path) -> None:
    path = tmp_path / PREDICTIONS
    synthetic_journal.write_predictions(path, projection=False)
    (axes,) = drawn(prediction_plot(path)).axes
    assert axes.get_legend_handles_labels()[1] == ["exact", "as trained"]


def test_predictions_far_off_do_not_hide_the_exact_solution(tmp_path: Path) -> None:
    path = tmp_path / PREDICTIONS
    synthetic_journal.write_predictions(path, projection=False, error=1e6)
    low, high = drawn(prediction_plot(path)).axes[0].get_ylim()
    assert -4 < low < -1 < 1 < high < 4


def test_predictions_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / PREDICTIONS
    synthetic_journal.write_predictions(path, error=float("nan"))
    assert np.isfinite(drawn(prediction_plot(path)).axes[0].get_ylim()).all()


@pytest.mark.parametrize("dimensions", [1, 2])
def test_files_of_old_without_names_and_pictures_are_drawn(dimensions: int, tmp_path: Path) -> None:
    path = tmp_path / PREDICTIONS
    synthetic_journal.write_predictions(path, dimensions=dimensions)
    figure = drawn(prediction_plot(path))
    assert figure.axes[0].get_xlabel() == ("x" if dimensions == 1 else "exact")
