"""A trained network in use: the trial's own numbers, derivatives that are derivatives, and shapes that are named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnn_core.methods import Soft
from cnn_core.metrics import measure
from cnn_core.networks import Dense
from cnn_core.problems import Unknown
from cnn_core.solvers import LevenbergMarquardt
from search_spaces.schema import Data, DataSplit, ProblemChoice, Study
from study import load_trial
from study.prediction.trained import TrainedNetwork
from study.trial.trial import Trial
from tests.study.small_study import small_study

SOLVER = LevenbergMarquardt(points=20, max_steps=200)
WAVE = (1.0, 1.0, 0.0)
X = np.linspace(-0.9, 0.9, 7)


def trained(study: Study, folder: Path) -> tuple[Trial, TrainedNetwork]:
    trial = Trial(study)
    while not trial.done:
        trial.step()
    trial.finish()
    trial.save(folder)
    return trial, load_trial(folder)


def of_one_parameter() -> Study:
    """The Helmholtz problem whose frequency is to be found, for waves of one phase."""
    train, validation, test = (
        DataSplit({"amplitude": (value,), "phase": (0.0,)}, points=20) for value in (0.5, 1.0, 1.5)
    )
    problem = ProblemChoice("helmholtz", unknown={"frequency": Unknown(1.5, truth=1.0)})
    return small_study(epochs=1, problem=problem, data=Data(train, validation, test))


HEAT = """
from cnn_core.domains import Box
from cnn_core.problems import Condition, Problem

def rod():
    return Problem(
        "rod", {"x": (0.0, 1.0), "y": (0.0, 2.0)}, (), ("u", "v"),
        lambda u, x, p: {"first": u["xx"][0] + u["yy"][1]},
        conditions={
            "walls": Condition("boundary", lambda u, x, p: {"flux": u.gradient[0] @ u.normal}),
            "held": Condition("x=0", lambda u, x, p: {"u": u.value[0], "v": u.value[1]}),
        },
    )
"""


@pytest.fixture
def rod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainedNetwork:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "hot_rods.py").write_text(HEAT, encoding="utf-8")
    split = DataSplit({}, points={"interior": 9, "boundary": 8, "x=0": 4})
    study = replace(small_study(epochs=1), problem=ProblemChoice("hot_rods:rod"), data=Data(split, split, split))
    study = replace(study, training=replace(study.training, method=Soft(1.0)))
    return trained(study, tmp_path / "saved")[1]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trial, TrainedNetwork]:
    study = small_study(epochs=2, network=Dense(widths=(20, 20)), projection=SOLVER)
    return trained(study, tmp_path_factory.mktemp("trial"))


@pytest.fixture
def network(both: tuple[Trial, TrainedNetwork]) -> TrainedNetwork:
    return both[1]


def test_it_says_what_the_trial_measured(both: tuple[Trial, TrainedNetwork]) -> None:
    trial, network = both
    points = trial.splits["test"]["interior"]
    found = measure(trial.model, trial.training.theta, points)
    assert network.predict(points.x, points.p) == pytest.approx(found.prediction.numpy(), abs=1e-14)
    residuals = network.residuals(points.x, points.p)["helmholtz"]
    assert residuals == pytest.approx(found.residuals[:, 0].numpy(), abs=1e-14)
    assert (network.epoch, str(network.status), network.doubts) == (2, "completed", ())
    assert network.settings.training.epochs == 2
    assert network.problem.name == "helmholtz"


def test_one_wave_is_for_all_points_and_one_coordinate_needs_no_columns(network: TrainedNetwork) -> None:
    found = network.predict(X, WAVE)
    assert found.shape == (7, 1)
    assert (found == network.predict(X[:, None], np.tile(WAVE, (7, 1)))).all()


def test_many_points_are_as_good_as_few(network: TrainedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = network.predict(X, WAVE), network.residuals(X, WAVE)["helmholtz"]
    monkeypatch.setattr("study.prediction.trained.POINTS_AT_ONCE", 3)
    parts = network.predict(X, WAVE), network.residuals(X, WAVE)["helmholtz"]
    for one, other in zip(whole, parts, strict=True):
        assert np.abs(one - other).max() <= 1e-14


def test_derivatives_are_those_of_the_predictions(network: TrainedNetwork) -> None:
    found, step = network.derivatives(X, WAVE, names=("x", "xx")), 1e-4
    before, at, after = (network.predict(X + shift, WAVE) for shift in (-step, 0.0, step))
    assert found["x"].shape == (7, 1)
    assert found["x"] == pytest.approx((after - before) / (2 * step), rel=1e-5)
    assert found["xx"] == pytest.approx((after - 2 * at + before) / step**2, abs=1e-5)
    assert network.derivatives(X, WAVE, names=()) == {}


def test_residuals_are_scaled_as_metrics_are_or_not(network: TrainedNetwork) -> None:
    scaled, plain = (network.residuals(X, WAVE, scaled=scaled)["helmholtz"] for scaled in (True, False))
    assert plain == pytest.approx(scaled * (2 * np.pi) ** 2)
    expected = network.derivatives(X, WAVE, names=("xx",))["xx"] + (2 * np.pi) ** 2 * network.predict(X, WAVE)
    assert plain == pytest.approx(expected[:, 0])


def test_a_projected_network_obeys_its_wave_and_leaves_the_trained_one_alone(network: TrainedNetwork) -> None:
    before = network.theta.clone()
    projected = network.projected(WAVE)
    assert projected.projection is not None
    mean_squares = [float(np.square(one.residuals(X, WAVE)["helmholtz"]).mean()) for one in (network, projected)]
    assert mean_squares[1] < 0.01 * mean_squares[0]
    assert torch.equal(network.theta, before)
    again = network.projected(WAVE, SOLVER)
    assert torch.equal(again.theta, projected.theta)


def test_without_a_projection_it_says_what_to_write(network: TrainedNetwork) -> None:
    other = replace(network, settings=replace(network.settings, projection=None))
    with pytest.raises(ValueError, match=r"^this trial has no projection; write projection: \{solver: lm, .* study"):
        other.projected(WAVE)


def test_float32_stays_float32(tmp_path: Path) -> None:
    study = small_study(epochs=1)
    _, network = trained(replace(study, training=replace(study.training, dtype="float32")), tmp_path)
    assert network.predict(X, WAVE).dtype == np.float32
    assert network.derivatives(X, WAVE, names=("x",))["x"].dtype == np.float32


def test_unknowns_have_their_trained_values(tmp_path: Path) -> None:
    trial, network = trained(of_one_parameter(), tmp_path)
    assert network.unknowns == {"frequency": trial.history[-1]["unknown/frequency"]}
    found = network.unknowns["frequency"]
    assert network.problem.given == ("amplitude", "phase")
    expected = network.derivatives(X, (1.0, 0.0), names=("xx",))["xx"]
    expected = expected + (2 * np.pi * found) ** 2 * network.predict(X, (1.0, 0.0))
    assert network.residuals(X, (1.0, 0.0), scaled=False)["helmholtz"] == pytest.approx(expected[:, 0])


def test_conditions_have_residuals_on_their_regions(rod: TrainedNetwork) -> None:
    at = rod.problem.domain.sample("boundary", 8)
    slopes = rod.derivatives(at.x, names=("x", "y"))
    assert at.normal is not None
    normal = at.normal.numpy()
    flux = slopes["x"][:, 0] * normal[:, 0] + slopes["y"][:, 0] * normal[:, 1]
    assert rod.residuals(at.x, region="boundary", normal=normal)["walls"] == pytest.approx(flux)
    held = rod.residuals([[0.0, 0.5], [0.0, 1.5]], region="x=0")
    assert np.column_stack([held["held.u"], held["held.v"]]) == pytest.approx(rod.predict([[0.0, 0.5], [0.0, 1.5]]))
    assert list(rod.residuals([[0.5, 0.5]])) == ["first"]
    with pytest.raises(ValueError, match=r"^the conditions on boundary read the outward normal; write normal=…"):
        rod.residuals(at.x, region="boundary")
    with pytest.raises(ValueError, match=r"^normal has the shape \(2,\); write that of x, \(8, 2\)$"):
        rod.residuals(at.x, region="boundary", normal=(1.0, 0.0))


def test_several_outputs_and_no_parameters(rod: TrainedNetwork) -> None:
    assert rod.predict(np.ones((3, 2))).shape == (3, 2)
    assert {name: one.shape for name, one in rod.derivatives(np.ones((3, 2)), names=("xy", "y")).items()} == {
        "xy": (3, 2),
        "y": (3, 2),
    }
    with pytest.raises(ValueError, match=r"^x has the shape \(3,\); write \(N, 2\), a column for each of x, y$"):
        rod.predict(np.ones(3))
    with pytest.raises(ValueError, match=r"^p has the shape \(2,\); .* a column for none: it has no given parameters$"):
        rod.predict(np.ones((3, 2)), (1.0, 2.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda one: one.predict(np.ones((3, 2)), WAVE),
            r"x has the shape \(3, 2\); write \(N, 1\), a column for each",
        ),
        (lambda one: one.predict(X), r"p is missing; write \(3,\) or \(7, 3\), a column for each of amplitude, freq"),
        (lambda one: one.predict(X, (1.0, 2.0)), r"p has the shape \(2,\); write \(3,\) or \(7, 3\)"),
        (lambda one: one.projected(), r"p is missing; write \(3,\), a column for each of amplitude, frequency, phase"),
        (lambda one: one.predict(["left"], WAVE), r"x is no array of numbers \(could not convert .*\); write one"),
        (lambda one: one.derivatives(X, WAVE, names="x"), r"names is the text 'x'; write a tuple of names, \('x',\)"),
        (lambda one: one.derivatives(X, WAVE, names=("t",)), r"u\['t'\] is no derivative; write one to 4 of the coord"),
        (lambda one: one.residuals(X, WAVE, region="wall"), r"problem 'helmholtz' has no region 'wall'; its regions"),
    ],
)
def test_wrong_shapes_and_names_are_one_line(
    call: Callable[[TrainedNetwork], Any], message: str, network: TrainedNetwork
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        call(network)


def test_the_module_is_the_network_alone(network: TrainedNetwork) -> None:
    module = network.module
    x, p = torch.from_numpy(X)[:, None], torch.tensor(WAVE, dtype=torch.float64).expand(7, 3)
    assert (module(x, p).detach().numpy() == network.predict(X, WAVE)).all()
    assert isinstance(network.settings.network, Dense)
