"""Settings that make no sense together are refused, with what to write instead."""

from pathlib import Path
from typing import Any

import pytest

from cnn_core.methods import Soft
from cnn_core.methods.balance import GradientNorms
from cnn_core.metrics import METRICS
from cnn_core.optimizers import AdamLbfgs
from search_spaces.load import StudyFileError, dump_yaml, load_text, load_trial, resolve
from search_spaces.measured import AFTER_PROJECTION, EVERY_EPOCH
from tests.search_spaces.files import HEAT, WAVES, error_of, load

Changes = dict[str, Any]


def scheduler(**settings: Any) -> Changes:
    return {"tune": {"scheduler": settings}}


VISCOUS = {
    "problem": {"name": "viscous-flow"},
    "data": {
        name: {"u_infinity": [value], "suction": [0.5], "w_infinity": [1.0], "points": 8, "sampling": "uniform"}
        for name, value in (("train", 0.5), ("validation", 0.6), ("test", 0.7))
    },
}
"""A problem in three dimensions."""

CASES: dict[str, tuple[Changes, str]] = {
    "a name with a slash": (
        {"study": "a/b"},
        "study is 'a/b', which is no folder name; write letters, digits, '.', '_' and '-'",
    ),
    "a range of one value": (
        {"data.train.amplitude": {"linspace": [1.0, 1.0, 5]}},
        "data.train.amplitude.linspace is 5 times the same value; write [1.0], or another end",
    ),
    "less of a GPU than there is": (
        {"resources.gpu": 5e-324},
        "resources.gpu is 5e-324; write 0, or at least 0.0001, a fraction that Ray tells from 0",
    ),
    "neither training nor projection": (
        {"training.epochs": 0},
        "training.epochs is 0 and projection is null, so that nothing happens; write one of them",
    ),
    "an empty name": ({"study": ""}, "study is '', which is no folder name"),
    "a hidden folder": ({"study": ".."}, "study is '..', which is no folder name"),
    # data
    "a misspelt parameter": (
        {"data.train": {"amplitud": [1.0], **WAVES, "points": 3}},
        "data.train.amplitud is not known for helmholtz; write amplitude",
    ),
    "a bootstrap without a file": (
        {"data.train.bootstrap": "rows"},
        "data.train.bootstrap belongs to a file; write file, too, or remove it",
    ),
    "a wave of which there are no data to come near": (
        {"projection": {"solver": "lm", "nearest": "data", "points": 5}},
        "projection.nearest is data, and data.train has none of the wave amplitude 1.2, frequency 1, phase 0, which is "
        "to be projected; validate and test on waves that have some, or write nearest: function",
    ),
    "a misspelt setting of a split": (
        {"data.test.samplin": "uniform"},
        "data.test.samplin is the text 'uniform'; write a list",
    ),
    "a parameter of another problem": (
        {"data.test.suction": [1.0]},
        "data.test.suction is not known for helmholtz; write one of: amplitude, frequency, phase, points, sampling",
    ),
    "a missing parameter": (
        {"data.validation": {**WAVES, "points": 3}},
        "data.validation.amplitude is missing; write a list of values or {linspace: [low, high, count]}",
    ),
    "a validation wave that is trained on": (
        {"data.validation.amplitude": [1.2, 2.0]},
        "data.validation: the wave amplitude 2, frequency 1, phase 0 is also a training wave, so its errors say",
    ),
    "a test wave that is trained on, up to rounding": (
        {"data.train.amplitude": {"linspace": [0.1, 0.5, 5]}, "data.test.amplitude": [0.30000000000000004]},
        "data.test: the wave amplitude 0.3, frequency 1, phase 0 is also a training wave",
    ),
    "a test wave that hyperparameters are selected by": (
        {"data.validation.amplitude": [1.2], "data.test.amplitude": [1.2], "data.test.frequency": [1.0]},
        "data.test: the wave amplitude 1.2, frequency 1, phase 0 is also a validation wave",
    ),
    "points that make no grid": (
        {**VISCOUS, "data": {**VISCOUS["data"], "test": {**VISCOUS["data"]["test"], "points": 10}}},
        "data.test: points: uniform sampling in 3 dimensions needs k^3 points, got 10; write 8",
    ),
    "data that is not finite": (
        {**VISCOUS, "data": {**VISCOUS["data"], "test": {**VISCOUS["data"]["test"], "suction": [-1.0e5]}}},
        "data.test: problem 'viscous-flow': the solution is",
    ),
    # metrics
    "a misspelt objective": (
        {"objectives": {"validation/data_mes": "min"}},
        "objectives.validation/data_mes is not measured on training or validation data; write validation/data_mse",
    ),
    "a test objective": (
        {"objectives": {"test/data_mse": "min"}},
        "objectives.test/data_mse is a test metric, and hyperparameters are selected on validation data; "
        "write validation/data_mse",
    ),
    "a projected test objective": (
        {"objectives": {"projected/test/data_mse": "min"}},
        "objectives.projected/test/data_mse is a test metric, and hyperparameters are selected on validation data; "
        "write projected/validation/data_mse",
    ),
    "a time as objective": (
        {"objectives": {"time/train_s": "min"}},
        "objectives.time/train_s is not measured on training or validation data; write",
    ),
    "no objective": ({"objectives": {}}, "objectives: write 1 to 3 metrics, got 0"),
    "four objectives": (
        {"objectives": dict.fromkeys(EVERY_EPOCH[:4], "min")},
        "objectives: write 1 to 3 metrics, got 4",
    ),
    # schedulers
    "a scheduler without metric": (
        scheduler(name="asha"),
        "tune.scheduler.metric is missing; write what asha compares, e.g. validation/data_mse",
    ),
    "a misspelt metric": (
        scheduler(name="asha", metric="validation/data_mes"),
        "tune.scheduler.metric is 'validation/data_mes', which is not measured on training or validation data; "
        "write validation/data_mse",
    ),
    "a test metric": (
        scheduler(name="median", metric="test/data_mse"),
        "tune.scheduler.metric is 'test/data_mse', which is a test metric, and hyperparameters are selected on",
    ),
    "a metric of the end": (
        scheduler(name="asha", metric="projected/validation/data_mse"),
        "tune.scheduler.metric is 'projected/validation/data_mse', which is measured once, at the end of a trial; "
        "write one that is known after every epoch, e.g. validation/data_mse",
    ),
    "no epoch left to stop": (
        scheduler(name="asha", metric="validation/data_mse", grace=5),
        "tune.scheduler.grace is 5, but a trial has 5 epochs, so asha would never stop one; write fewer, or scheduler",
    ),
    "a misspelt scheduler": (scheduler(name="ahsa"), "tune.scheduler.name is the text 'ahsa'; write asha"),
    # resources
    "a GPU for the CPU": (
        {"training.device": "cpu", "resources": {"gpu": 0.5}},
        "resources.gpu is 0.5, but training.device is cpu; write device: auto, or gpu: 0",
    ),
    "one and a half GPUs": (
        {"resources": {"gpu": 1.5}},
        "resources.gpu is 1.5; write a whole number, or a fraction below 1",
    ),
    "no core": ({"resources": {"cpu": 0}}, "resources.cpu is 0; write a number greater than 0"),
    "less than no GPU": ({"resources": {"gpu": -1}}, "resources.gpu is -1; write a number of at least 0"),
    "a pack of none": ({"resources": {"pack": 0}}, "resources.pack is 0; write a number of at least 1 or auto"),
    "a pack in words": ({"resources": {"pack": "many"}}, "resources.pack is the text 'many'; write a whole number or"),
    "a pack on two GPUs": (
        {"resources": {"gpu": 2, "pack": 4}},
        "resources.pack is 4, but a trial has 2 GPUs; write gpu: 1, or pack: 1",
    ),
    "a pack that is compiled": (
        {"training.compile": True, "resources": {"pack": 4}},
        "resources.pack is 4, but training.compile compiles the steps of one trial; write compile: false, or pack: 1",
    ),
    "a pack of too many for Ray": (
        {"resources": {"gpu": 0.02, "pack": 256}},
        "resources.pack is 256; write less, as Ray tells no share below 0.0001 from 0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_settings_that_make_no_sense_together(tmp_path: Path, name: str) -> None:
    changes, message = CASES[name]
    assert error_of(tmp_path, changes).startswith(message)


@pytest.mark.parametrize(
    "changes",
    [
        VISCOUS,
        {
            "objectives": {
                "train/relative_l2": "min",
                "validation/residual_abs_p95": "min",
                "validation/data_mse": "min",
            }
        },
        {"projection": {"solver": "adam"}, "objectives": {"projected/validation/constraint_mse": "min"}},
        scheduler(name="median", metric="train/constraint_mse", grace=4),
        {"resources": {"cpu": 0.5, "gpu": 0.25}},
    ],
    ids=str,
)
def test_settings_that_do(tmp_path: Path, changes: Changes) -> None:
    load(tmp_path, changes)


def test_no_metric_of_the_test_split_is_offered() -> None:
    assert len(EVERY_EPOCH) == 2 * len(AFTER_PROJECTION) == 2 * len(METRICS)
    assert not any("test" in metric for metric in (*EVERY_EPOCH, *AFTER_PROJECTION))


def test_an_optimizer_without_a_diagonal_metric_gives_none_to_null_space(tmp_path: Path) -> None:
    soap = {"training.optimizer": {"name": "soap"}, "training.method": {"name": "null-space"}}
    assert error_of(tmp_path, soap) == (
        "training.method.preconditioner is optimizer, but soap has no diagonal metric; write preconditioner: identity, "
        "or optimizer: {name: adam}"
    )
    assert load(tmp_path, soap | {"training.method.preconditioner": "identity"})


def test_an_optimizer_without_a_diagonal_metric_gives_none_to_an_update(tmp_path: Path) -> None:
    soap = {"training.optimizer": {"name": "soap"}, "training.method": {"name": "conflict-free"}}
    assert load(tmp_path, soap)
    assert error_of(tmp_path, soap | {"training.method.project": "update"}) == (
        "training.method.project is update, but soap has no diagonal metric; write project: gradient, or optimizer: "
        "{name: adam}"
    )


def test_a_line_search_is_for_methods_with_a_value(tmp_path: Path) -> None:
    both = {"training.optimizer": {"name": "adam-lbfgs", "switch": 3.0}}
    assert load(tmp_path, both).training.optimizer == AdamLbfgs(switch=3.0)
    assert error_of(tmp_path, both | {"training.method": {"name": "conflict-free"}}).startswith(
        "training.optimizer adam-lbfgs searches along lines for lower values, and method conflict-free gives"
    )


def test_a_balance_may_be_searched(tmp_path: Path) -> None:
    path = "training.method.balance"
    searched = {f"search:{path}.name": {"choice": ["none", "gradient-norms", "learning-rate-annealing"]}}
    searched |= {f"search:{path}.memory": {"uniform": [0.5, 0.99], "when": {f"{path}.name": "gradient-norms"}}}
    study = load(tmp_path, searched)
    tried = {f"{path}.name": "gradient-norms", f"{path}.memory": 0.7}
    assert resolve(study, tried).training.method == Soft(balance=GradientNorms(0.7))
    assert error_of(tmp_path, {path: {"name": "norms"}}).startswith(f"{path}.name is the text 'norms'; write")
    measured = {"training.roles": {"helmholtz": "measured"}, path: {"name": "learning-rate-annealing"}}
    assert error_of(tmp_path, measured) == (
        "training.method soft: balance learning-rate-annealing compares with the PDE's residuals, and none is a "
        "constraint; write roles that make one, or balance: {name: gradient-norms}"
    )


def test_weights_are_of_what_should_hold(tmp_path: Path) -> None:
    message = "training.method.weights.wall weighs nothing that heat has; write walls"
    weighed = HEAT | {"training.method": {"name": "soft", "weights": {"walls": 2.0, "heat": 0.5}}}
    assert load(tmp_path, weighed)
    assert error_of(tmp_path, weighed | {"training.method.weights.wall": 2.0}) == message
    assert error_of(tmp_path, HEAT | {"search:training.method.weights.wall": {"uniform": [0.1, 1.0]}}) == message


def test_a_file_that_is_missing_is_named_with_its_split(tmp_path: Path) -> None:
    assert error_of(tmp_path, HEAT | {"data.test.file": "none.csv"}).startswith("data.test: file is 'none.csv', and")


def test_a_wave_without_exact_data_may_be_in_all_splits(tmp_path: Path) -> None:
    (tmp_path / "falling.py").write_text(
        "from cnn_core.problems import Problem\n"
        "fall = Problem('fall', {'t': (0.0, 1.0)}, ('g',), ('h',), lambda u, x, p: {'fall': u['tt'][0] + p[0]})\n",
        encoding="utf-8",
    )
    splits = {name: {"g": [9.8], "points": 4} for name in ("train", "validation", "test")}
    assert load(tmp_path, fall := {"problem": {"name": "falling:fall"}, "data": splits})
    evenly = {f"data.{name}.sampling": "uniform" for name in ("train", "test")}
    assert error_of(tmp_path, fall | evenly).startswith("data.test: each of its points is also a training point")
    assert load(tmp_path, fall | evenly | {"data.test.g": [1.6]})


@pytest.mark.parametrize("solver", ["lm", "adam"])
def test_a_projection_needs_points_wherever_conditions_hold(tmp_path: Path, solver: str) -> None:
    projection = {"solver": solver, "points": 12}
    message = (
        "projection.points has none on initial, boundary, where problem 'heat' has conditions; write e.g. points: {"
    )
    assert error_of(tmp_path, HEAT | {"projection": projection}).startswith(message)
    assert error_of(tmp_path, {**HEAT, "search:projection.solver": {"choice": [None, solver]}}).startswith(
        "projection.points has none on initial, boundary"
    )
    points = {"interior": 12, "initial": 4, "boundary": 0}
    asked = HEAT | {"projection": projection | {"points": points}}
    assert load(tmp_path, asked)
    with pytest.raises(StudyFileError, match=r"projection.points.final: problem 'heat' has no condition there"):
        load_trial(tmp_path / "quick.yaml", {"projection.points.final": 3})
    if solver == "lm":
        general = "projection.problem 'heat': general solutions are told apart for one equation"
        assert error_of(tmp_path, asked | {"projection.solutions": "general"}).startswith(general)


def test_a_refinement_has_candidates_that_memory_holds(tmp_path: Path) -> None:
    refined = HEAT | {"training.refine": {"interior": {"candidates": 10}}}
    assert load(tmp_path, refined)
    message = "training.refine.interior.candidates is 10000000, which makes 40000000 points; write fewer, 5000000"
    assert error_of(tmp_path, refined | {"training.refine.interior.candidates": 10_000_000}).startswith(message)
    searched = refined | {"search:training.refine.interior.candidates": {"int": [1, 10_000_000]}}
    assert error_of(tmp_path, searched).startswith(message)


def test_a_projection_that_follows_the_residual_draws_no_more_points_than_a_split_may_have(tmp_path: Path) -> None:
    solver = {"solver": "least-squares", "points": 1000, "refine": {"candidates": 10_000_000}}
    message = "projection.refine.candidates is 10000000, which makes 10000000000 points; write fewer, 5000000"
    assert error_of(tmp_path, {"projection": solver}).startswith(message)


def test_data_that_there_is_not_cannot_teach(tmp_path: Path) -> None:
    (tmp_path / "rising.py").write_text(
        "from cnn_core.problems import Problem, Unknown\n"
        "def rise(known=True):\n"
        "    def residual(u, x, p): return {'rise': u['t'][0] - (p[0] if known else 1)}\n"
        "    return Problem('rise', {'t': (0.0, 1.0)}, ('g',), ('h',), residual, unknowns={'g': Unknown(1.0)})\n",
        encoding="utf-8",
    )
    splits = {name: {"points": 4} for name in ("train", "validation", "test")}
    rise: Changes = {"problem": {"name": "rising:rise"}, "data": splits}
    assert load(tmp_path, rise | {"training.roles": {"data": "measured"}})
    message = "training.roles.data is objective, but data.train has no data; write a file"
    assert error_of(tmp_path, rise | {"training.roles": {"data": "objective"}}).startswith(message)
    unread = rise | {"problem": {"name": "rising:rise", "known": False}}
    assert error_of(tmp_path, unread).startswith("problem 'rise': no residual reads the unknown 'g', so that")


def test_only_what_trains_is_drawn_anew() -> None:
    study = load_trial("heat-inverse", {"data.train.bootstrap": "errors"})
    assert study.data.train.bootstrap == "errors" and load_text(dump_yaml(study)) == study
    with pytest.raises(StudyFileError, match=r"data.test.bootstrap is rows, and only what trains is drawn anew"):
        load_trial("heat-inverse", {"data.test.bootstrap": "rows"})


def test_an_unknown_is_not_sought_wave_by_wave(tmp_path: Path) -> None:
    rows = [f"{x / 10 - 1},1.0,{phase},{x / 7}" for x in range(20) for phase in (0.0, 0.1)]
    (file := tmp_path / "seen.csv").write_text("\n".join(["x,amplitude,phase,u", *rows]), encoding="utf-8")
    ends = {"train": [0.0, 0.6], "validation": [0.6, 0.8], "test": [0.8, 1.0]}
    changes = {
        "problem": {"name": "helmholtz", "unknown": {"frequency": {"start": 1.0}}},
        "data": {name: {"file": str(file), "share": share, "points": 5} for name, share in ends.items()},
        "projection": {"solver": "lm", "nearest": "data", "points": 5},
    }
    message = "projection.nearest is data, which solves each of 2 waves by itself, and frequency is the same for all"
    assert error_of(tmp_path, changes).startswith(message)
