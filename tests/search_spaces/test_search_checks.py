"""Searches that cannot run are refused before they start, with what to write instead."""

from pathlib import Path
from typing import Any

import pytest

from search_spaces.load import load_study
from tests.search_spaces.files import error_of, load

METHOD = "training.method.name"
RATE = "training.optimizer.learning_rate"

Changes = dict[str, Any]


def searching(**parameters: Any) -> Changes:
    """A search block; `__` in a keyword stands for a dot."""
    return {f"search:{path.replace('__', '.')}": parameter for path, parameter in parameters.items()}


def method(*names: str) -> Changes:
    return {f"search:{METHOD}": {"choice": list(names)}}


DISTRIBUTIONS: dict[str, tuple[Any, str]] = {
    "equal ends": ({"uniform": [1.0, 1.0]}, ": the range is empty: low must be below high, got [1.0, 1.0]"),
    "turned ends": ({"log_uniform": [1.0, 0.1]}, ": the range is empty: low must be below high, got [1.0, 0.1]"),
    "log of 0": ({"log_uniform": [0.0, 1.0]}, ": a logarithmic range needs low > 0, got [0.0, 1.0]"),
    "log of -1": ({"log_uniform": [-1.0, 1.0]}, ": a logarithmic range needs low > 0, got [-1.0, 1.0]"),
    "number as text": (
        {"log_uniform": ["1e-3", 1.0]},
        ".low is the text '1e-3'; YAML reads numbers like this only with a dot, write 1.0e-3",
    ),
    "infinite": ({"uniform": [0.0, float("inf")]}, ".high is inf; write a finite number"),
    "one end": ({"uniform": [1.0]}, ".uniform is [1.0]; write uniform: [low, high]"),
    "a block": ({"uniform": {"low": 1.0}}, ".uniform is {low: 1.0}; write uniform: [low, high]"),
    "empty choice": ({"choice": []}, ": the choice is empty; write at least one value"),
    "a value twice": ({"choice": [0.1, 0.2, 0.1]}, ": the choice holds 0.1 twice; write each value once"),
    "choice of nothing": ({"choice": 0.1}, ".values is 0.1; write a list"),
    "unknown distribution": ({"loguniform": [0.1, 1.0]}, ".loguniform is no distribution; write log_uniform"),
    "no distribution": ({}, " needs one distribution, got none; write e.g. {log_uniform: [1.0e-4, 1.0]}"),
    "two distributions": ({"uniform": [0, 1], "int": [0, 1]}, " needs one distribution, got uniform and int; write"),
    "a fraction": ({"int": [0.5, 2]}, ".low is 0.5; write a whole number"),
    "no block": ([0.1, 1.0], " is [0.1, 1.0]; write a block"),
    "when is no block": (
        {"uniform": [0.1, 1.0], "when": "soft"},
        ".when is the text 'soft'; write when: {path: value}",
    ),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions_that_are_none(tmp_path: Path, name: str) -> None:
    parameter, message = DISTRIBUTIONS[name]
    assert error_of(tmp_path, {f"search:{RATE}": parameter}).startswith(f"search.{RATE}{message}")


WEIGHT = {"uniform": [0.0, 1.0]}

SEARCHES: dict[str, tuple[Changes, str]] = {
    "a setting that does not exist": (
        {"search:training.optimizer.learning_rat": {"uniform": [0.1, 1.0]}},
        "search.training.optimizer.learning_rat is not known for adam; write learning_rate",
    ),
    "a setting that no variant has": (
        {**method("soft", "batch"), "search:training.method.wait": WEIGHT},
        "search.training.method.wait is not known for soft; write weight",
    ),
    "a block that does not exist": (
        {"search:trainin.epochs": {"int": [1, 2]}},
        "search.trainin.epochs is no setting of a trial; write a path in one of: problem, data, network, training,",
    ),
    "what is no trial's": (
        {"search:tune.trials": {"int": [1, 2]}},
        "search.tune.trials is no setting of a trial",
    ),
    "a path through a number": (
        {"search:training.epochs.x": {"int": [1, 2]}},
        "search.training.epochs.x cannot be set: training.epochs is 5; set training.epochs.name, too,",
    ),
    "a setting that some methods lack": (
        {**method("soft", "unconstrained"), "search:training.method.weight": WEIGHT},
        "search.training.method.weight: unconstrained has no such setting; write when: {training.method.name: [soft]}",
    ),
    "a condition that is too wide": (
        {
            **method("soft", "batch", "sample"),
            "search:training.method.gain": {"uniform": [0.1, 1.0], "when": {METHOD: ["soft", "batch"]}},
        },
        "search.training.method.gain: soft has no such setting; write when: {training.method.name: [batch, sample]}",
    ),
    "a lower end that is too low": (
        {
            **method("soft", "batch"),
            "search:training.method.weight": {"uniform": [-1.0, 1.0], "when": {METHOD: "soft"}},
        },
        "search.training.method: weight must not be negative, got -1.0 (with training.method.name: soft)",
    ),
    "an upper end that is too high": (
        {
            "search:training.optimizer.epsilon": {"uniform": [1.0e-9, 1.0]},
            "search:training.optimizer.betas": {"choice": [[0.9, 1.5]]},
        },
        "search.training.optimizer: betas must lie in [0, 1), got [0.9, 1.5]",
    ),
    "one choice of many": (
        {"search:network.widths": {"choice": [[4], [0]]}},
        "search.network: widths must be one or more positive whole numbers, got [0]",
    ),
    "an unknown name": (method("soft", "batsh"), "search.training.method.name is the text 'batsh'; write batch"),
    "fractions for a whole number": (
        {"search:training.epochs": {"uniform": [1.0, 3.0]}},
        "search.training.epochs is 1.0; write a whole number",
    ),
    "a number as text in a choice": (
        {f"search:{RATE}": {"choice": ["1e-3", 0.1]}},
        f"search.{RATE} is the text '1e-3'; YAML reads numbers like this only with a dot, write 1.0e-3",
    ),
    "a projection without solver": (
        {"search:projection.points": {"int": [5, 9]}},
        "search.projection.solver is missing; write one of: adam",
    ),
    "a problem's option": (
        {"problem": {"name": "synthetic"}, "search:problem.constraints": {"choice": [1, 200]}},
        "problem: constraints must be between 1 and 100, got 200",
    ),
    "a wave that is trained on": (
        {"search:data.test.amplitude": {"choice": [[1.5], [2.0]]}},
        "data.test: the wave amplitude 2, frequency 1, phase 0 is also a training wave",
    ),
    # conditions
    "a condition on nothing": (
        {"search:training.method.weight": {**WEIGHT, "when": {"training.method.nam": "soft"}}},
        "search.training.method.weight.when.training.method.nam is neither searched nor set; "
        "write training.method.name",
    ),
    "a condition far from everything": (
        {"search:training.method.weight": {**WEIGHT, "when": {"zzz": 1}}},
        "search.training.method.weight.when.zzz is neither searched nor set; write a path of the search block or of a",
    ),
    "a condition on a fixed setting": (
        {"search:training.method.weight": {**WEIGHT, "when": {METHOD: "batch"}}},
        f"search.training.method.weight.when.{METHOD} never holds: {METHOD} is the text 'soft'; search it, or remove",
    ),
    "a condition on what is never chosen": (
        {**method("soft", "batch"), "search:training.method.weight": {**WEIGHT, "when": {METHOD: "sofd"}}},
        f"search.training.method.weight.when.{METHOD} is the text 'sofd', which the search never takes; write soft",
    ),
    "a condition outside of a range": (
        {
            "search:training.epochs": {"int": [1, 3]},
            "search:training.method.weight": {**WEIGHT, "when": {"training.epochs": 7}},
        },
        "search.training.method.weight.when.training.epochs is 7, which the search never takes; "
        "write a number from 1 to 3",
    ),
    "a condition on itself": (
        {"search:training.epochs": {"int": [1, 3], "when": {"training.epochs": 1}}},
        "search: the conditions of training.epochs form a circle; remove one `when`",
    ),
    "conditions in a circle": (
        {
            "search:training.epochs": {"int": [1, 3], "when": {"training.seed": 1}},
            "search:training.seed": {"int": [1, 3], "when": {"training.epochs": 1}},
        },
        "search: the conditions of training.epochs and training.seed form a circle; remove one `when`",
    ),
    # samplers and balance
    "a grid of numbers": (
        {f"search:{RATE}": {"log_uniform": [0.001, 0.1]}, "tune.sampler": "grid"},
        f"search.{RATE}: a grid needs every value listed, got a range; write choice: [...] or int: [low, high]",
    ),
    "a grid of logarithmic whole numbers": (
        {"search:training.epochs": {"log_int": [1, 9]}, "tune.sampler": "grid"},
        "search.training.epochs: a grid needs every value listed",
    ),
    "a balance over nothing": (
        {**method("soft", "batch"), "tune.balance": "training.method.nam"},
        f"tune.balance is 'training.method.nam', which is not searched; write {METHOD}",
    ),
    "a balance over a range": (
        {"search:training.epochs": {"int": [1, 9]}, "tune.balance": "training.epochs"},
        "tune.balance is 'training.epochs'; write a searched choice without conditions",
    ),
    "a balance over what is conditional": (
        {
            **method("soft", "reduction"),
            "search:training.method.reduction.name": {"choice": ["lp", "huber"], "when": {METHOD: "reduction"}},
            "tune.balance": "training.method.reduction.name",
        },
        "tune.balance is 'training.method.reduction.name'; write a searched choice without conditions",
    ),
    "a balanced grid": (
        {**method("soft", "batch"), "tune": {"balance": METHOD, "sampler": "grid"}},
        "tune.balance has no effect on a grid, which is balanced already; remove it",
    ),
    # objectives after projection
    "a projected objective without projection": (
        {"objectives": {"projected/validation/data_mse": "min"}},
        "objectives.projected/validation/data_mse is not measured in a trial without projection; write projection: {so",
    ),
    "a projected objective with projection at times": (
        {
            "objectives": {"projected/validation/data_mse": "min"},
            "search:projection.solver": {"choice": ["adam", None]},
        },
        "objectives.projected/validation/data_mse is not measured in a trial without projection "
        "(with projection.solver: null); write projection: {solver: adam}, or an objective without projected/",
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_that_make_no_sense(tmp_path: Path, name: str) -> None:
    changes, message = SEARCHES[name]
    assert error_of(tmp_path, changes).startswith(message)


@pytest.mark.parametrize("sampler", ["gp", "nsga2"])
def test_conditions_need_a_sampler_that_models_them(tmp_path: Path, sampler: str) -> None:
    changes = {
        **method("soft", "batch"),
        "search:training.method.weight": {**WEIGHT, "when": {METHOD: "soft"}},
        "tune.sampler": sampler,
    }
    draws = "draws search.training.method.weight at random because of its `when`"
    assert error_of(tmp_path, changes).startswith(f"tune.sampler is {sampler}, which {draws}; write tpe, or balance")
    assert load(tmp_path, {**changes, "tune.balance": METHOD}).tune.sampler == sampler
    assert load(tmp_path, {**changes, "tune.sampler": "tpe"})


def test_a_projection_that_is_searched_may_be_an_objective(tmp_path: Path) -> None:
    changes = {
        "objectives": {"projected/validation/data_mse": "min"},
        "search:projection.solver": {"choice": ["adam"]},
        "search:projection.max_steps": {"int": [1, 9], "when": {"projection.solver": "adam"}},
    }
    assert load(tmp_path, changes).projection is None


def test_a_file_with_many_combinations_is_checked_quickly() -> None:
    load_study("helmholtz-training")
