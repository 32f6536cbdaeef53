"""Blocks of a study file become dataclasses, or an error that names the key."""

from pathlib import Path
from typing import Any

import pytest

from cnn_core.methods import Soft
from cnn_core.optimizers import Adam
from cnn_core.reductions import Huber
from cnn_core.schedules import Linear
from search_spaces.blocks import read, write
from search_spaces.load import resolve
from search_spaces.schema import DataSplit, Training
from tests.search_spaces.files import HEAT, error_of, load


def test_a_block_becomes_the_variant_that_its_name_says() -> None:
    raw = {
        "method": {
            "name": "soft",
            "weight": {"name": "linear", "start": 0, "end": 2, "epochs": 3},
            "reduction": {"name": "huber"},
        },
        "epochs": 2,
    }
    expected = Training(method=Soft(weight=Linear(0.0, 2.0, 3.0), reduction=Huber()), optimizer=Adam(), epochs=2)
    assert read(Training, raw) == expected
    assert read(Training, write(expected)) == expected


def test_tags_are_written_first() -> None:
    assert list(write(Soft())) == ["name", "weight", "weights", "reduction", "balance"]


def test_a_split_is_flat_in_the_file(tmp_path: Path) -> None:
    study = load(tmp_path, {"data.train.amplitude": {"linspace": [1, 2, 5]}, "data.test.amplitude": [1.6]})
    assert study.data.train == DataSplit(
        {"amplitude": (1.0, 1.25, 1.5, 1.75, 2.0), "frequency": (1.0,), "phase": (0.0,)}, 4
    )


def test_a_range_of_one_value(tmp_path: Path) -> None:
    assert load(tmp_path, {"data.train.amplitude": {"linspace": [1.0, 2.0, 1]}}).data.train.parameters["amplitude"] == (
        1.0,
    )


def test_problem_options_stand_beside_the_name(tmp_path: Path) -> None:
    study = load(tmp_path, {"problem": {"name": "synthetic", "constraints": 2}})
    assert study.problem.options == {"constraints": 2}
    assert write(study.problem) == {"name": "synthetic", "scaled": True, "constraints": 2}


def test_a_problem_may_be_its_name_alone(tmp_path: Path) -> None:
    assert load(tmp_path, {"problem": "pythagorean"}).problem.name == "pythagorean"


NUMBER = "YAML reads numbers like this only with a dot, write"

ERRORS: list[tuple[str, Any, str]] = [
    # unknown keys
    ("traning", {}, "traning is not known; write training"),
    ("seed", 3, "seed is not known; write training.seed or tune.seed"),
    ("warm_up", 3.0, "warm_up is not known; write training.method.warm_up"),
    ("training.epohcs", 3, "training.epohcs is not known; write epochs"),
    ("training.method.nam", "batch", "training.method.nam is not known for soft; write name"),
    ("training.method.weigth", 1.0, "training.method.weigth is not known for soft; write weight"),
    (
        "training.method",
        {"name": "unconstrained", "x": 1},
        "training.method.x is not known for unconstrained; remove it",
    ),
    (
        "tune",
        {"zzz": 1},
        "tune.zzz is not known; write one of: trials, sampler, scheduler, max_concurrent, seed, balance",
    ),
    # unknown and missing names
    ("training.method.name", "sfot", "training.method.name is the text 'sfot'; write soft"),
    ("training.method", {"weight": 1.0}, "training.method.name is missing; write one of: unconstrained, soft,"),
    ("training.method.weight", {"name": "lineer"}, "training.method.weight.name is the text 'lineer'; write linear"),
    (
        "training.method.weight",
        {"start": 1.0, "end": 2.0, "epochs": 3.0},
        "training.method.weight.name is missing; write one of: constant, linear",
    ),
    (
        "training.method.reduction",
        {"exponent": 3.0},
        "training.method.reduction.name is missing; write one of: lp, huber",
    ),
    (
        "training.method.reduction",
        {"name": "huber", "exponent": 2.0},
        "training.method.reduction.exponent is not known for huber; write one of: delta",
    ),
    ("projection", {"points": 5}, "projection.solver is missing; write one of: adam"),
    ("projection", {"solver": "adma"}, "projection.solver is the text 'adma'; write adam"),
    ("training.dtype", "float46", "training.dtype is the text 'float46'; write float64"),
    ("tune", {"sampler": "tpee"}, "tune.sampler is the text 'tpee'; write tpe"),
    (
        "objectives",
        {"validation/data_mse": "minimize"},
        "objectives.validation/data_mse is the text 'minimize'; write min",
    ),
    # missing keys
    ("training", {}, "training.method is missing; write a block such as {name: unconstrained}"),
    (
        "training.method.weight",
        {"name": "step", "start": 1.0, "every": 2.0},
        "training.method.weight.factor is missing; write a number",
    ),
    ("data", {"train": {"points": 3}}, "data.validation is missing; write a block of `key: value` lines"),
    ("data.train", {"amplitude": [1.0]}, "data.train.points is missing; write a whole number"),
    # numbers as text
    (
        "training.optimizer",
        {"name": "adam", "learning_rate": "1e-3"},
        f"training.optimizer.learning_rate is the text '1e-3'; {NUMBER} 1.0e-3",
    ),
    ("training.epochs", "5", "training.epochs is the text '5'; numbers stand without quotes, write 5"),
    (
        "training.method.weight",
        "1.0",
        "training.method.weight is the text '1.0'; numbers stand without quotes, write 1.0",
    ),
    ("training.method.weight", "nan", "training.method.weight is the text 'nan'; write a number or a block"),
    ("conditions", {}, "conditions is not known; write one of: study, problem, data, network, training"),
    ("network.activation", "sin", "network.activation is the text 'sin'; write sine"),
    ("data.train.damping", 1.0, "data.train.damping is 1.0; write a list"),
    ("training.seed", 2**31, "training.seed is 2147483648; write a number of at most 2147483647"),
    ("training.epochs", "1e3", f"training.epochs is the text '1e3'; {NUMBER} 1000"),
    ("training.epochs", "1e-3", "training.epochs is the text '1e-3'; write a whole number"),
    (
        "training.method.weight",
        {"name": "constant", "value": "2E4"},
        f"training.method.weight.value is the text '2E4'; {NUMBER} 2.0e+4",
    ),
    ("data.train.amplitude", ["1e-1"], f"data.train.amplitude[0] is the text '1e-1'; {NUMBER} 1.0e-1"),
    (
        "data.train.amplitude",
        {"linspace": ["1e-1", 1.0, 3]},
        f"data.train.amplitude.linspace[0] is the text '1e-1'; {NUMBER} 1.0e-1",
    ),
    # wrong types
    ("training", 3, "training is 3; write a block such as {method: …}"),
    ("tune", 3, "tune is 3; write a block such as {trials: 32}"),
    ("data.train", 3, "data.train is 3; write a block of `key: value` lines"),
    ("training.method", "soft", "training.method is the text 'soft'; write a block such as {name: unconstrained}"),
    ("training.method", None, "training.method is null; write a block such as {name: unconstrained}"),
    ("training.epochs", 2.5, "training.epochs is 2.5; write a whole number"),
    ("training.epochs", True, "training.epochs is true; write a whole number"),
    ("training.epochs", -1, "training.epochs is -1; write a number of at least 0"),
    (
        "training.method.weight",
        "much",
        "training.method.weight is the text 'much'; write a number or a block such as {name: constant, value: …}",
    ),
    (
        "training.method.weight",
        [1.0],
        "training.method.weight is [1.0]; write a number or a block such as {name: constant, value: …}",
    ),
    ("training.seed", None, "training.seed is null; write a whole number"),
    ("problem.scaled", 1, "problem.scaled is 1; write true or false"),
    ("study", 3, "study is 3; write a text"),
    ("network.widths", 5, "network.widths is 5; write a list"),
    ("network.widths", [5, "a"], "network.widths[1] is the text 'a'; write a whole number"),
    ("network.activation", "relu", "network.activation is the text 'relu'; write one of: tanh, swish, sine"),
    ("tune", {"max_concurrent": 0}, "tune.max_concurrent is 0; write a number of at least 1 or auto"),
    ("tune", {"max_concurrent": "all"}, "tune.max_concurrent is the text 'all'; write a whole number or auto"),
    ("projection", 3, "projection is 3; write null or a block such as {solver: adam}"),
    ("projection", {"solver": "adam", "waves": "al"}, "projection.waves is the text 'al'; write a whole number or all"),
    ("training.optimizer", {"name": "adam", "betas": [0.9]}, "training.optimizer.betas is [0.9]; write a longer list"),
    (
        "training.optimizer",
        {"name": "adam", "betas": [0.9, 0.9, 0.9]},
        "training.optimizer.betas is [0.9, 0.9, 0.9]; write a list of 2 values",
    ),
    ("data.train.amplitude", 1.0, "data.train.amplitude is 1.0; write a list"),
    (
        "data.train.amplitude",
        {"linspace": [1.0, 2.0]},
        "data.train.amplitude is {linspace: [1.0, 2.0]}; write a list of values or {linspace: [low, high, count]}",
    ),
    (
        "data.train.amplitude",
        {"linspace": [1.0, 2.0, 0]},
        "data.train.amplitude is {linspace: [1.0, 2.0, 0]}; write a list of values or",
    ),
    (
        "data.train.amplitude",
        {"range": [1.0, 2.0, 3]},
        "data.train.amplitude is {range: [1.0, 2.0, 3]}; write a list of values or",
    ),
    ("search", 3, "search is 3; write a block"),
    ("search:training.epochs", 3, "search.training.epochs is 3; write a block"),
    # not finite
    ("training.method.weight", float("nan"), "training.method.weight is nan; write a finite number"),
    (
        "training.optimizer",
        {"name": "adam", "epsilon": float("inf")},
        "training.optimizer.epsilon is inf; write a finite number",
    ),
    ("data.train.amplitude", [1.0, float("inf")], "data.train.amplitude[1] is inf; write a finite number"),
    (
        "data.train.amplitude",
        {"linspace": [1.0, float("nan"), 3]},
        "data.train.amplitude[0] is nan; write a finite number",
    ),
    # what the types themselves refuse
    ("training.method.weight", -1.0, "training.method: weight must not be negative, got -1.0"),
    ("network.widths", [], "network: widths must be one or more positive whole numbers, got []"),
    ("data.train.points", 0, "data.train: points must be at least 1, got 0"),
    ("data.train.amplitude", [], "data.train: amplitude is empty; give at least one value"),
]


@pytest.mark.parametrize(("path", "value", "message"), ERRORS, ids=[f"{path}={value}" for path, value, _ in ERRORS])
def test_errors_name_the_key_and_what_to_write(tmp_path: Path, path: str, value: Any, message: str) -> None:
    assert error_of(tmp_path, {path: value}).startswith(message)


def test_points_of_a_projection_may_be_given_by_region(tmp_path: Path) -> None:
    points = {"interior": 50, "initial": 0, "boundary": 20}
    block = {**HEAT, "projection": {"solver": "lm", "points": points}}
    found = load(tmp_path, block).projection
    assert found is not None and found.points == points and write(found)["points"] == points
    searched = load(tmp_path, {**block, "search": {"projection.points.interior": {"int": [9, 99]}}})
    trial = resolve(searched, {"projection.points.interior": 12}).projection
    assert trial is not None and trial.points == points | {"interior": 12}


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("big", "is the text 'big'; write a number or a block such as {name: constant, value: …}"),
        (None, "is null; write a number or a block such as {name: constant, value: …}"),
        ({"end": 0.0}, ".name is missing; write one of: constant, linear"),
        ({"name": "cosin"}, ".name is the text 'cosin'; write cosine"),
        ({"name": "cosine", "start": 1.0}, ".end is missing; write a number"),
    ],
)
def test_each_of_many_weights_is_told_like_the_one(tmp_path: Path, weight: object, message: str) -> None:
    method = {"name": "soft", "weights": {"helmholtz": weight}}
    where = "training.method.weights.helmholtz"
    assert error_of(tmp_path, {"training.method": method}).startswith(
        f"{where}{message if message[0] == '.' else ' ' + message}"
    )


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"interior": 5.5}, "projection.points.interior is 5.5; write a whole number"),
        ({"interior": 9, "boundary": "1e3"}, f"projection.points.boundary is the text '1e3'; {NUMBER} 1000"),
        ("many", "projection.points is the text 'many'; write a whole number or a block of `key: value` lines"),
        (
            {"boundary": 9},
            "projection: points.interior is missing, where the PDE is enforced; write e.g. interior: 200",
        ),
        ({"interior": 0}, "projection: points.interior must be at least 1, got 0"),
    ],
)
def test_points_by_region_that_mean_nothing_are_named(tmp_path: Path, points: Any, message: str) -> None:
    assert message in error_of(tmp_path, {"projection": {"solver": "lm", "points": points}})
