"""Every shipped study file loads, samples, round-trips, and keeps its test waves apart."""

import warnings

import optuna
import pytest
from optuna.study import StudyDirection

from cnn_core.networks import Modulated
from search_spaces.convert import suggest
from search_spaces.load import build_problem, dump_yaml, load_text, resolve, shipped_spaces
from search_spaces.schema import Choice, DataSplit, Study
from tests.search_spaces.files import grid, shipped


def as_written(name: str) -> Study:
    """A shipped study, unchecked."""
    return load_text(shipped_spaces()[name].read_text(encoding="utf-8"))


optuna.logging.set_verbosity(optuna.logging.ERROR)

NAMES = list(shipped_spaces())
OURS = [name for name in NAMES if not name.startswith("workbook")]
FAMILIES = [name for name in OURS if build_problem(as_written(name).problem).given]
"""Those whose solutions have parameters; the others have one wave, in all splits."""


def test_these_are_shipped() -> None:
    assert NAMES == [
        "beam",
        "burgers-solve",
        "burgers",
        "heat-inverse",
        "heat-source",
        "heat",
        "helmholtz-2d-solve",
        "helmholtz-2d",
        "helmholtz-projection",
        "helmholtz-quick",
        "helmholtz-training",
        "kdv",
        "kovasznay",
        "poisson-hole",
        "poisson",
        "pythagorean",
        "viscous-flow",
        "workbook-a",
        "workbook-b",
        "workbook-timing",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_with_what_it_is_and_bears_its_files_name(name: str) -> None:
    text = shipped_spaces()[name].read_text(encoding="utf-8")
    assert text.startswith("# ") and text.partition("\n")[0].endswith(".")
    assert shipped(name).study == name


@pytest.mark.parametrize("name", NAMES)
def test_it_round_trips(name: str) -> None:
    study = shipped(name)
    assert load_text(dump_yaml(study)) == study


@pytest.mark.parametrize("name", NAMES)
def test_twenty_sampled_trials_resolve_and_round_trip(name: str) -> None:
    study = shipped(name)
    assert set(study.objectives.values()) == {"min"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, group=True, n_startup_trials=10)
    search = optuna.create_study(directions=[StudyDirection.MINIMIZE] * len(study.objectives), sampler=sampler)
    for index in range(20):
        trial = search.ask()
        values = suggest(study, trial)
        search.tell(trial, [float(index % 7)] * len(study.objectives))
        resolved = resolve(study, values)
        assert resolved.search == {}
        assert load_text(dump_yaml(resolved)) == resolved


@pytest.mark.parametrize("name", [name for name in NAMES if as_written(name).tune.sampler == "grid"])
def test_a_grid_is_tried_whole(name: str) -> None:
    study = shipped(name)
    assert len(grid(study)) == study.tune.trials


@pytest.mark.parametrize("name", FAMILIES)
def test_test_waves_lie_inside_and_outside_of_the_training_box(name: str) -> None:
    study = shipped(name)
    problem = build_problem(study.problem)
    box = [(min(values), max(values)) for values in study.data.train.waves(problem).T.tolist()]
    waves = study.data.test.waves(problem).tolist()
    inside = [all(low <= value <= high for value, (low, high) in zip(wave, box, strict=True)) for wave in waves]
    assert inside.count(True) >= 2 and inside.count(False) >= 1


def test_the_main_job_gives_each_method_its_share() -> None:
    study = shipped("helmholtz-quick")
    assert study.tune.balance == "training.method.name"
    distribution = study.search["training.method.name"].distribution
    assert isinstance(distribution, Choice)
    assert set(distribution.values) >= {"unconstrained", "soft", "reduction", "batch", "augmented-lagrangian"}
    assert study.tune.trials % len(distribution.values) == 0
    assert study.projection is not None and study.projection.waves == "all"


def test_the_workbooks_experiments_have_its_settings() -> None:
    a, b = shipped("workbook-a"), shipped("workbook-b")
    for study in (a, b):
        assert not study.problem.scaled
        assert isinstance(study.network, Modulated) and study.network.widths == (50,) * 5
        assert (study.training.epochs, study.training.batch_size) == (500, 1000)
        assert study.training.optimizer.learning_rate == 1e-3
        train = study.data.train
        assert [len(values) for values in train.parameters.values()] == [10, 10, 10] and train.points == 50
        assert study.data.test == DataSplit({"amplitude": (1.0,), "frequency": (1.0,), "phase": (0.0,)}, 500, "uniform")
    assert len(grid(a)) == 6
    reductions = [
        resolve(a, values).training.method for values in grid(a) if "training.method.reduction.name" in values
    ]
    assert len(reductions) == 2 and all(method.reduction.delta == 6.0 for method in reductions)
    assert b.projection is not None and b.projection.learning_rate == 1e-4
    assert len(grid(b)) == 10 * 2 * 2 * 2
