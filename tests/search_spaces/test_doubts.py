"""Study files whose problem contradicts itself; the shipped ones are silent."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cnn_core.networks import Dense
from cnn_core.problems import PROBLEMS, Problem, helmholtz
from cnn_core.solvers import LeastSquaresSolver, LevenbergMarquardt
from search_spaces.doubts import doubts, lacking
from search_spaces.load import load_study, shipped_spaces
from search_spaces.schema import Choice, SearchedParameter, Uniform
from tests.search_spaces.files import load, shipped


@pytest.mark.parametrize("space", shipped_spaces())
def test_shipped_files_are_silent(space: str) -> None:
    assert doubts(shipped(space)) == []


def wrong() -> Problem:
    return replace(helmholtz(), residual=lambda u, x, p: {"helmholtz": u.laplacian[0] - u.value[0]})


def test_a_residual_with_a_mistake_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROBLEMS, "helmholtz", wrong)
    (line,) = doubts(load(tmp_path))
    assert line.startswith("problem 'helmholtz': the exact solution does not satisfy the residual 'helmholtz': it is ")


@pytest.mark.parametrize(("amplitude", "told"), [(300.0, True), (50.0, False), (0.003, True)])
def test_units_in_which_an_output_is_far_from_one_are_told(tmp_path: Path, amplitude: float, told: bool) -> None:
    found = doubts(load(tmp_path, {"data.train.amplitude": [amplitude]}))
    assert len(found) == told
    assert all(line.startswith("data.train: u is about ") for line in found)


def test_units_of_what_is_observed_alone_are_told(tmp_path: Path) -> None:
    """Gaps count neither as zeros nor as anything; an output without observations is of no size."""
    rows = [f"{x},0.5,{u}" for x in (0.2, 0.4, 0.6, 0.8) for u in ("300", "")]
    (tmp_path / "seen.csv").write_text("\n".join(["x,t,u", *rows, ""]))
    splits = {f"data.{name}.file": str(tmp_path / "seen.csv") for name in ("train", "validation")}
    lines = doubts(load_study("heat-source", splits))
    assert [line.partition(" (")[0] for line in lines] == ["data.train: u is about 300"]
    walls = {"network.hard": {"x": [0.0, 0.0]}}
    assert doubts(load_study("heat-source", splits | walls)) == []


START = "problem.unknown.diffusivity.start"


def test_an_unknown_that_nothing_finds_is_told() -> None:
    trained = replace(shipped("heat-inverse"), search={})
    study = replace(
        trained,
        training=replace(trained.training, epochs=0),
        projection=LeastSquaresSolver(),
        objectives={"projected/validation/constraint_mse": "min"},
    )
    (line,) = doubts(study)
    assert line.startswith(
        "problem.unknown.diffusivity: with training.epochs 0 nothing finds it, and the PDE is solved"
    )
    assert line.endswith(
        f"with its start, 0.2; write projection: {{solver: lm, nearest: data, …}}, train some epochs, or search {START}"
    )
    assert doubts(replace(study, search={START: SearchedParameter(Uniform(0.05, 0.5))})) == []
    solved = replace(study, projection=LevenbergMarquardt(nearest="data", points=2000))
    assert doubts(solved) == []
    searched = {"projection.nearest": SearchedParameter(Choice(("data", "function")))}
    assert doubts(replace(solved, search=searched)) == [line]


def test_a_network_with_more_parameters_than_rows_of_the_pde_is_told() -> None:
    few = LevenbergMarquardt(nearest="data", points={"interior": 300, "boundary": 50, "initial": 0})
    study = replace(shipped("heat-inverse"), search={}, projection=few)
    (line,) = doubts(study)
    assert line.startswith(
        "projection.points make 350 rows, and the network has 1051 parameters: it may obey the PDE at"
    )
    assert doubts(replace(study, network=Dense(widths=(16, 16)))) == []


def test_figures_of_random_parameters_are_told() -> None:
    solved = shipped("helmholtz-2d-solve")
    assert doubts(solved) == []
    study = replace(solved, objectives={"validation/data_mse": "min"}, bounds={"validation/constraint_mse": 1e-3})
    assert doubts(study) == [
        f"{name} is measured of random parameters, since training.epochs is 0; write projected/{metric}"
        for name, metric in (
            ("objectives.validation/data_mse", "validation/data_mse"),
            ("bounds.validation/constraint_mse", "validation/constraint_mse"),
        )
    ]


WARM_UP = "training.method.warm_up"


@pytest.mark.parametrize(
    ("warm_up", "path"),
    [({WARM_UP: 500.0}, WARM_UP), ({f"search.{WARM_UP}": {"uniform": [20.0, 1000.0]}}, f"search.{WARM_UP}")],
)
def test_a_warm_up_as_long_as_the_training_is_told(warm_up: dict, path: str) -> None:
    bare = {"search": {}, "training.epochs": 100}
    (line,) = doubts(load_study("heat-inverse", bare | warm_up))
    assert line.startswith(f"{path} is up to ") and line.endswith("the warm-up alone; make it shorter")
    assert doubts(load_study("heat-inverse", bare | {WARM_UP: 99.0})) == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {WARM_UP: 40.0},
            f"{WARM_UP} is 40, 360 steps at 9 an epoch: few to learn data in, before constraints act",
        ),
        ({WARM_UP: 60.0}, None),
        ({f"search.{WARM_UP}": {"uniform": [0.0, 30.0]}}, f"search.{WARM_UP} is at most 30, 270 steps at 9 an epoch"),
        ({f"search.{WARM_UP}": {"choice": [0.0, 60.0]}}, None),
        ({f"search.{WARM_UP}": {"choice": [0.0, 30.0]}}, f"search.{WARM_UP} is at most 30, 270 steps at 9 an epoch"),
        ({"training.method": {"name": "soft"}}, None),
        ({WARM_UP: 0.0, "training.roles.data": "measured"}, None),
    ],
)
def test_a_warm_up_too_short_for_an_unknown_is_told(settings: dict, told: str | None) -> None:
    found = doubts(load_study("heat-inverse", {"search": {}} | settings))
    assert len(found) == (told is not None) and all(line.startswith(told or "") for line in found)
    assert all("write 112 or more" in line for line in found)


def test_without_an_objective_nothing_warms_up() -> None:
    alone = {"training.roles": {"data": "measured"}, "training.epochs": 100, "search": {}}
    alone |= {"training.method": {"name": "null-space", "warm_up": 200.0}}
    assert doubts(load_study("poisson", alone)) == []


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({"training.method.damping": 0.0}, 1),
        ({}, 0),
        ({"search.training.method.damping": {"log_uniform": [1.0e-6, 1.0]}}, 0),
        ({"training.method.damping": 0.0, "training.optimizer.name": "sgd"}, 0),
        ({"training.method.name": "null-space", "training.method.damping": 0.0}, 0),
    ],
)
def test_undamped_multipliers_under_adam_are_told(settings: dict, lines: int) -> None:
    plain = {"training.method.name": "batch", "search": {}, "training.epochs": 100}
    found = doubts(load_study("helmholtz-quick", plain | settings))
    assert [line.startswith("training.method.damping is 0: under adam ") for line in found] == [True] * lines


CUDA = {"training.device": "cuda"}
SEARCHED = {"search:training.device": {"choice": ["cpu", "cuda"]}}


@pytest.mark.parametrize(("overrides", "gpu", "lines"), [
    ({}, False, 0), (CUDA, False, 1), (SEARCHED, False, 1), (CUDA, True, 0), ({"training.device": "cpu"}, False, 0)
])  # fmt: skip
def test_a_gpu_that_is_not_here_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: dict, gpu: bool, lines: int
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert len(lacking(load(tmp_path, overrides))) == lines
