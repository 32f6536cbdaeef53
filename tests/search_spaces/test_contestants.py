"""A contestant's plain study, and its trials."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_spaces.contestants import CONTESTANT, of_contestant, plain_studies, searched, settings_in
from search_spaces.doubts import doubts
from search_spaces.load import StudyFileError, dump_yaml, load_text, load_trial, resolve
from search_spaces.measured import of_projections
from search_spaces.schema import Choice, Integer, Study, Uniform
from search_spaces.space import identity, parts, planned, to_try
from tests.search_spaces.competing import CONTESTANTS, GAIN, METHOD, RATE, SEED, WEIGHT
from tests.search_spaces.files import load, write


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return load(tmp_path, CONTESTANTS)


def test_a_plain_study_is_the_file_with_what_the_contestant_sets_laid_over_it(study: Study) -> None:
    soft, batch, scratch = (of_contestant(study, name) for name in study.contestants)
    assert [one.training.method.name for one in (soft, batch, scratch)] == ["soft", "batch", "soft"]
    assert batch.training.optimizer.name == "sgd"
    assert (scratch.training.epochs, scratch.projection and scratch.projection.solver) == (0, "least-squares")
    assert not any(one.contestants for one in (soft, batch, scratch))


def test_it_searches_what_the_file_does_and_its_own(study: Study) -> None:
    searches = {name: {path: one.distribution for path, one in plain.search.items()} for name, plain in
                plain_studies(study).items()}  # fmt: skip
    assert searches["soft"] == {RATE: Uniform(1e-4, 1e-2, True), WEIGHT: Uniform(1e-3, 1e3, True)}
    assert searches["batch.sgd"] == {RATE: Uniform(1e-3, 1e-1, True), GAIN: Uniform(0.1, 1.0)}
    assert searches["scratch"] == {SEED: Integer(0, 3)}  # it sets the rate


def test_what_can_never_be_active_is_not_searched(tmp_path: Path) -> None:
    conditional = {"log_uniform": [0.1, 1.0], "when": {METHOD: "batch"}}
    own = {f"contestants:batch.sgd:search:{GAIN}": conditional, "contestants:momentum": {"set": {METHOD: "batch"}}}
    study = load(tmp_path, {**CONTESTANTS, f"search:{GAIN}": conditional, **own})
    assert [GAIN in one.search for one in plain_studies(study).values()] == [False, True, False, True]


def test_conditions_may_name_what_the_contestant_searches(tmp_path: Path) -> None:
    both = {"search": {METHOD: {"choice": ["soft", "unconstrained"]}}}
    file = {f"search:{WEIGHT}": {"uniform": [0, 1], "when": {METHOD: "soft"}}, "contestants": {"both": both}}
    study = load(tmp_path, {**file, "training.method": {"name": "unconstrained"}})
    assert [*of_contestant(study, "both").search] == [WEIGHT, METHOD]


def test_one_that_trains_nothing_has_no_scheduler(tmp_path: Path) -> None:
    study = load(tmp_path, {**CONTESTANTS, "tune.scheduler": {"name": "asha", "metric": "validation/data_mse"}})
    assert [one.tune.scheduler.name for one in plain_studies(study).values()] == ["asha", "asha", "none"]


def test_one_that_trains_nothing_is_searched_by_what_projections_are_worth(tmp_path: Path) -> None:
    objectives = {"validation/constraint_mse": "min", "train/data_mse": "min"}
    bounds = {"projected/validation/relative_l2": 0.1, "train/data_mse": 1.0, "validation/data_mse": 2.0}
    made = load(tmp_path, {**CONTESTANTS, "objectives": objectives})
    scratch = of_contestant(replace(made, bounds=bounds), "scratch")
    assert of_contestant(made, "soft").objectives == objectives
    assert scratch.objectives == {"projected/validation/constraint_mse": "min"}
    assert scratch.bounds == {"projected/validation/relative_l2": 0.1, "projected/validation/data_mse": 2.0}
    assert doubts(made) == []


def test_what_is_asked_of_projections_stays_as_it_is() -> None:
    bounds = {"projected/validation/data_mse": 0.1, "validation/data_mse": 2.0}
    assert (
        of_projections(bounds)
        == of_projections(dict(reversed(bounds.items())))
        == {"projected/validation/data_mse": 0.1}
    )


def test_objectives_of_training_say_nothing_of_one_that_trains_nothing(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=r"contestants\.scratch trains nothing, and objectives are of training"):
        load(tmp_path, {**CONTESTANTS, "objectives": {"train/data_mse": "min"}})


def test_a_study_without_contestants_is_its_own_plain_study(tmp_path: Path) -> None:
    study = load(tmp_path)
    assert plain_studies(study) == {None: study}


def test_a_trial_says_whose_it_is(study: Study) -> None:
    values: dict[str, Any] = {CONTESTANT: "batch.sgd", GAIN: 0.5, RATE: 0.05}
    trial = resolve(study, values)
    assert (trial.training.method.name, trial.training.method.gain, trial.training.optimizer.learning_rate) == (
        "batch", 0.5, 0.05,
    )  # fmt: skip
    assert not trial.search and not trial.contestants
    assert settings_in(values) == {GAIN: 0.5, RATE: 0.05}


@pytest.mark.parametrize(
    ("name", "message"),
    [("sofd", "contestant is the text 'sofd'; write soft"), (None, "contestant is null; write one")],
)
def test_a_trial_of_nobody_is_refused(study: Study, name: str | None, message: str) -> None:
    with pytest.raises(StudyFileError, match=message):
        resolve(study, {CONTESTANT: name})


def test_trial_runs_a_contestants_settings_if_asked(tmp_path: Path) -> None:
    path = write(tmp_path, CONTESTANTS)
    assert load_trial(path, {CONTESTANT: "batch.sgd", "training.epochs": 2}).training.method.name == "batch"
    assert load_trial(path).training.method.name == "soft"
    with pytest.raises(StudyFileError, match="contestant is not known"):
        load_trial(write(tmp_path), {CONTESTANT: "soft"})


def test_it_is_written_and_read_again(study: Study) -> None:
    assert load_text(dump_yaml(study)) == study


def test_trials_are_shared_equally_in_turn(study: Study) -> None:
    assert [part.name for part in parts(study)] == ["soft", "batch.sgd", "scratch"]
    assert [part.study.tune.trials for part in parts(study)] == to_try(study) == [3, 3, 2]
    assert planned(study) == 8


def test_each_has_its_own_different_trials(tmp_path: Path) -> None:
    """Two contestants of the same settings each train them."""
    twin = {"search": {SEED: {"int": [1, 2]}}}
    study = load(tmp_path, {"contestants": {"one": twin, "other": twin}, "tune.trials": 10})
    assert (to_try(study), planned(study)) == ([2, 2], 4)
    one, other = parts(study)
    assert one.identity({SEED: 1}) != other.identity({SEED: 1})
    assert identity(study, {CONTESTANT: "one", SEED: 1}) == identity(study, {CONTESTANT: "other", SEED: 1})


def test_few_trials_leave_some_without(tmp_path: Path) -> None:
    study = load(tmp_path, {**CONTESTANTS, "tune.trials": 2})
    assert to_try(study) == [1, 1, 0]
    assert resolve(study, {CONTESTANT: "scratch", SEED: 1}).training.epochs == 0


def test_what_several_search_is_known_with_all_values(tmp_path: Path) -> None:
    lists = {"one": {"search": {"training.batch_size": {"choice": [2, 3]}, SEED: {"int": [0, 3]}}},
             "other": {"search": {"training.batch_size": {"choice": [3, 4]}, SEED: {"choice": [7]}}}}  # fmt: skip
    ranges = {
        "third": {"search": {RATE: {"log_uniform": [0.1, 1.0]}}},
        "last": {"search": {RATE: {"uniform": [0.5, 2]}}},
    }
    assert searched(load(tmp_path, {"contestants": {**lists, **ranges}})) == {
        "training.batch_size": Choice((2, 3, 4)),
        SEED: Integer(0, 3),
        RATE: Uniform(0.1, 2),
    }
