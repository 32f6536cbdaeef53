"""Projections of trials: from a checkpoint by command, and which status speaks for all."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import metric_names
from cnn_core.networks import Dense
from cnn_core.problems import Condition, PointSet, Problem, Split, Unknown, sample_regions
from cnn_core.projection import project
from cnn_core.solvers import AdamProjection, LeastSquaresSolver, LevenbergMarquardt, ProjectionStatus
from study.cli.exit_codes import BadInputError
from study.cli.group import cli
from study.trial.projecting import project_split, project_splits, worst_status
from study.trial.trial import Trial
from tests.study.small_study import small_study, solve_and_save

SMALL = (
    "data.train.amplitude=[0.5, 1.0]", "data.train.frequency=[0.5, 1.0]", "data.train.points=10",
    "data.validation.amplitude=[0.8]", "data.test.frequency=[2.3]",
    "network.widths=[8, 8]", "training.epochs=2", "projection.points=10", "projection.max_steps=2",
)  # fmt: skip


def trial(space: str, *options: str):
    settings = [text for setting in SMALL for text in ("--set", setting)]
    return CliRunner().invoke(cli, ["trial", space, *settings, *options])


def metrics_of(result) -> dict[str, float]:
    return json.loads(result.stdout.splitlines()[-1])["metrics"]


def test_a_saved_trial_is_projected_from_its_checkpoint(tmp_path: Path) -> None:
    saved = str(tmp_path / "saved")
    trained = metrics_of(trial("helmholtz-quick", "--save", saved, "--json"))
    again = ("--from-checkpoint", saved, "--set", "projection.nearest=parameters", "--json")
    projected = metrics_of(trial(f"{saved}/trial.yaml", *again))
    assert projected["time/train_s"] == trained["time/train_s"]  # nothing is trained again
    assert projected["validation/data_mse"] == trained["validation/data_mse"]
    assert projected["projected/validation/data_mse"] != trained["projected/validation/data_mse"]


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = trial("helmholtz-quick", "--from-checkpoint", str(tmp_path / "nowhere"))
    assert isinstance(result.exception, BadInputError) and "there is no such checkpoint" in str(result.exception)


def test_the_worst_status_speaks_for_all() -> None:
    assert worst_status([ProjectionStatus.CONVERGED, ProjectionStatus.LEAST_SQUARES]) == "least squares"
    assert worst_status([ProjectionStatus.DIVERGED, ProjectionStatus.LEAST_SQUARES]) == "diverged"


def decay(**more: Any) -> Problem:
    """u' = −rate·u, u(0) = start."""
    return Problem(
        "decay",
        {"x": (0.0, 1.0)},
        ("rate", "start"),
        ("u",),
        lambda u, x, p: {"ode": u.gradient[0, 0] + p[0] * u.value[0]},
        conditions={"start": Condition("x=0", lambda u, x, p: {"u": u.value[0] - p[1]})},
        **more,
    )


def exact(x: Tensor, p: Tensor) -> Tensor:
    return p[1] * torch.exp(-p[0] * x)


SPLIT = Split({"rate": (0.5, 1.0), "start": (1.0,)}, {"interior": 9, "x=0": 1}, "uniform")
SOLVER = LevenbergMarquardt(
    points={"interior": 12, "x=0": 1}, nearest="parameters", first_weight=10.0, growth=10.0, inner_tolerance=0.1
)


def model_of(problem: Problem) -> ConstrainedNetwork:
    network = Dense(widths=(8,)).build(inputs=1, parameters=len(problem.given), outputs=1, seed=0)
    return ConstrainedNetwork(problem, network.double())


def test_every_region_of_a_split_is_measured_before_and_after() -> None:
    problem = decay(solution=exact)
    model = model_of(problem)
    split = project_split(model, model.begin, sample_regions(problem, SPLIT), SOLVER, seed=0)
    names = metric_names(problem, ("interior", "x=0"), observed=True)
    assert set(split.before) == set(split.after) == set(names) >= {"ode_mse", "start_mse", "data_mse"}
    assert split.after["start_mse"] < 1e-6 < split.before["start_mse"]
    assert split.after["relative_l2"] < 0.01 < split.before["relative_l2"]
    assert split.after["constraint_mse"] == pytest.approx(split.after["ode_mse"] + split.after["start_mse"])


def test_the_errors_are_means_over_the_waves_that_have_data() -> None:
    problem = decay()
    model = model_of(problem)
    x, p = torch.rand(3, 1).double(), torch.tensor([[1.0, 1.0]]).double().expand(3, 2)
    observed = PointSet(x, p, torch.vmap(exact)(x, p), 2, sizes=(0, 3))
    points = sample_regions(problem, SPLIT) | {"data": observed}
    split = project_split(model, model.begin, points, SOLVER, seed=0)
    (alone,) = project(model, model.begin, p[:1], SOLVER)
    difference = model.predict(alone.theta, x, p) - observed.u
    assert split.after["data_mse"] == pytest.approx(float(difference.square().mean()), rel=1e-9)
    assert len(split.results) == 2


def test_a_solve_goes_on_from_what_was_solved(tmp_path: Path) -> None:
    solver = LeastSquaresSolver(points=15, max_steps=1, start="reaching")
    made = small_study(projection=solver)
    study = replace(made, training=replace(made.training, epochs=0, dtype="float64"))
    first, second = Trial(study), Trial(study)
    first.step()
    begun = first.finish()
    first.save(tmp_path)
    second.load(tmp_path)
    on = second.finish()
    assert float(on["projection/residual_on"]) < 0.1 * float(begun["projection/residual_on"])
    assert on["test/relative_l2"] == begun["test/relative_l2"]  # of the random network
    assert float(on["time/projection_s"]) > float(begun["time/projection_s"])


def test_a_solve_goes_on_in_another_precision(tmp_path: Path) -> None:
    made = small_study(projection=LeastSquaresSolver(points=15, max_steps=1, start="reaching"))
    first, second = (
        Trial(replace(made, training=replace(made.training, epochs=0, dtype=dtype))) for dtype in ("float32", "float64")
    )
    first.step()
    begun = first.finish()
    first.save(tmp_path)
    second.load(tmp_path)
    assert float(second.finish()["projection/residual_on"]) < 0.1 * float(begun["projection/residual_on"])


def test_what_is_trained_after_a_solve_is_projected_from_there(tmp_path: Path) -> None:
    made = small_study(projection=LeastSquaresSolver(points=15, max_steps=1))
    solve_and_save(made, tmp_path)
    train = Trial(replace(made, training=replace(made.training, epochs=1)))
    train.load(tmp_path)
    assert train.starts == {}


def test_a_wave_goes_on_from_its_own_start() -> None:
    problem = decay()
    model = model_of(problem)
    points = sample_regions(problem, SPLIT)
    first = project_split(model, model.begin, points, SOLVER, seed=0)
    rate = tuple(points["interior"].p[0].tolist())
    starts = {rate: first.results[0].theta}
    again = project_split(model, model.begin, points, SOLVER, seed=0, starts=starts)
    assert again.results[0].distance_parameters < 1e-3 < first.results[0].distance_parameters
    assert again.results[1].theta.tolist() == first.results[1].theta.tolist()


@pytest.mark.parametrize(("rate", "kept"), [(1e-3, True), (1.0, False)])
def test_without_data_projections_are_kept_that_do_not_raise_the_mean_squares_of_what_holds(rate, kept) -> None:
    problem = decay()
    model = model_of(problem)
    solver = AdamProjection(
        points={"interior": 12, "x=0": 1}, learning_rate=rate, max_steps=3, accept="if-better-on-validation"
    )
    projected = project_splits(model, model.begin, {"validation": sample_regions(problem, SPLIT)}, solver, seed=0)
    split = projected.splits["validation"]
    assert "data_mse" not in split.before
    assert (split.after["constraint_mse"] <= split.before["constraint_mse"]) == kept == projected.kept
    shown = (split.after if kept else split.before)["constraint_mse"]
    assert projected.metrics["projected/validation/constraint_mse"] == shown


def test_an_unknown_stays_at_the_value_that_training_found() -> None:
    problem = decay(unknowns={"rate": Unknown(2.0, truth=1.0)}, solution=exact)
    model = model_of(problem)
    split = Split({"start": (1.0, 0.5)}, SPLIT.points, "uniform")
    projected = project_split(model, model.begin, sample_regions(problem, split), SOLVER, seed=0)
    assert [float(result.theta[-1]) for result in projected.results] == [2.0, 2.0]
    assert projected.after["constraint_mse"] < 1e-6  # with the network's own rate, which is not the data's
    assert projected.after["relative_l2"] > 0.1
