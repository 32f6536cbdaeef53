"""Which trials a search can ask for, how many different ones there are, and which values make the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_spaces.schema import Study
from search_spaces.space import EndlessError, identity, new_points, planned, to_try
from tests.search_spaces.files import grid, load

METHOD = "training.method.name"
FOUR = {"search:network.activation": {"choice": ["tanh", "swish"]}, "search:training.batch_size": {"choice": [10, 20]}}


def test_a_grid_has_every_combination_once(tmp_path: Path) -> None:
    study = load(
        tmp_path,
        {
            f"search:{METHOD}": {"choice": ["unconstrained", "soft", "batch"]},
            "search:training.method.weight": {"choice": [0.1, 1.0], "when": {METHOD: "soft"}},
            "search:training.epochs": {"int": [1, 2]},
            "tune.sampler": "grid",
        },
    )
    points = grid(study)
    assert len(points) == 8
    assert len({tuple(sorted(point.items())) for point in points}) == 8
    assert {METHOD: "unconstrained", "training.epochs": 1} in points
    assert all(("training.method.weight" in point) == (point[METHOD] == "soft") for point in points)


def test_the_grid_of_nothing_is_one_trial(tmp_path: Path) -> None:
    assert grid(load(tmp_path)) == [{}]


def test_a_condition_may_name_a_list_or_a_fixed_setting(tmp_path: Path) -> None:
    study = load(
        tmp_path,
        {
            "search:network.widths": {"choice": [[4], [5, 5]]},
            "search:network.activation": {"choice": ["tanh", "swish"], "when": {"network.widths": [[5, 5]]}},
            "search:training.method.weight": {"choice": [0.0, 1.0], "when": {METHOD: "soft"}},
        },
    )
    assert len(grid(study)) == 2 + 4
    assert all("training.method.weight" in point for point in grid(study))


def test_values_that_make_the_same_settings_are_one_trial(tmp_path: Path) -> None:
    study = load(tmp_path, {"search:training.optimizer.learning_rate": {"choice": [1, 0.5]}})
    rates = [{"training.optimizer.learning_rate": rate} for rate in (1, 1.0, 0.5)]
    assert [identity(study, values) == identity(study, rates[0]) for values in rates] == [True, True, False]
    assert identity(study, {"training.method.name": "soft"}) == identity(study, {})


def test_another_seed_is_another_trial(tmp_path: Path) -> None:
    study = load(tmp_path, {"search:training.seed": {"int": [0, 4]}})
    assert identity(study, {"training.seed": 0}) == identity(study, {}) != identity(study, {"training.seed": 1})
    assert planned(study) == 5


def test_a_trial_that_cannot_be_has_an_identity_too(tmp_path: Path) -> None:
    study = load(tmp_path, FOUR)
    assert identity(study, {"training.epochs": -1}) != identity(study, {"training.epochs": -2})


@pytest.mark.parametrize(
    ("changes", "trials"),
    [
        ({}, 1),
        (FOUR, 4),
        (FOUR | {"tune.trials": 3}, 3),
        (FOUR | {"tune.sampler": "grid"}, 4),
        (FOUR | {"search:training.batch_size": {"log_int": [10, 12]}}, 6),
        (FOUR | {"search:training.epochs": {"int": [1, 1000000]}}, 32),
        (FOUR | {"search:training.method.weight": {"log_uniform": [0.1, 1.0]}}, 32),
        (FOUR | {"tune.balance": "network.activation", "tune.trials": 3}, 3),
        (FOUR | {"tune.balance": "network.activation"}, 4),
        (
            {
                f"search:{METHOD}": {"choice": ["unconstrained", "soft"]},
                "search:training.method.weight": {"log_uniform": [0.1, 1.0], "when": {METHOD: "soft"}},
            },
            32,
        ),
        (
            {
                f"search:{METHOD}": {"choice": ["unconstrained", "soft"]},
                "search:training.method.weight": {"log_uniform": [0.1, 1.0], "when": {METHOD: "soft"}},
                "tune.balance": METHOD,
            },
            17,
        ),
    ],
)
def test_how_many_trials_a_study_has(changes: dict[str, Any], trials: int, tmp_path: Path) -> None:
    assert planned(load(tmp_path, changes)) == trials


def test_what_was_tried_is_not_tried_again(tmp_path: Path) -> None:
    study = load(tmp_path, FOUR)
    points = grid(study)
    tried = {identity(study, points[index]) for index in (0, 2)}
    assert [values for _, values in new_points(study, tried, {})] == [points[1], points[3]]
    assert to_try(study, tried=tried, begun={0: 2}) == [2]
    assert to_try(study, tried=tried, begun={0: 31}) == [1]
    assert to_try(with_trials(study, 2), tried=tried, begun={0: 2}) == [0]


def test_a_range_has_no_end(tmp_path: Path) -> None:
    study = load(tmp_path, {"search:training.method.weight": {"log_uniform": [0.1, 1.0]}})
    with pytest.raises(EndlessError):
        next(new_points(study, set(), {}))


def with_trials(study: Study, trials: int) -> Study:
    return replace(study, tune=replace(study.tune, trials=trials))
