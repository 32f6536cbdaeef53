"""Loading, changing and writing whole study files."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.methods import Batch, Reduction, Soft
from cnn_core.reductions import Huber
from cnn_core.schedules import Geometric
from search_spaces.load import (
    StudyFileError,
    dump,
    dump_yaml,
    load_study,
    load_text,
    load_trial,
    resolve,
    shipped_spaces,
)
from search_spaces.schema import Integer
from tests.search_spaces.files import error_of, load, write


def test_a_shipped_name_and_its_path_give_the_same_study() -> None:
    assert load_study("helmholtz-quick") == load_study(shipped_spaces()["helmholtz-quick"])


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("helmholtz-quik", "helmholtz-quik: this study file does not exist; write helmholtz-quick, or a file's path"),
        ("folder/workboook-a.yaml", "folder/workboook-a.yaml: this study file does not exist; write workbook-a"),
        ("zzz", "zzz: this study file does not exist; write one of: beam, burgers-solve, burgers"),
        (".", ".: this study file is a folder; write"),
    ],
)
def test_a_file_that_is_not_there(space: str, message: str) -> None:
    with pytest.raises(StudyFileError) as caught:
        load_study(space)
    assert str(caught.value).startswith(message)


def test_a_dumped_study_is_complete_and_loads_equal(tmp_path: Path) -> None:
    study = load(
        tmp_path, {"search:training.method.weight": {"log_uniform": [1e-5, 1.0]}, "training.method.weight": 1e-20}
    )
    text = dump_yaml(study)
    assert load_text(text) == study
    assert load_study(_written(tmp_path, text)) == study
    assert yaml.safe_load(text) == dump(study)
    assert dump(study)["training"]["batch_size"] == 1000


def test_a_text_error_names_its_source() -> None:
    with pytest.raises(StudyFileError, match=r"^trial 0003: study is missing; write a text$"):
        load_text("{}", source="trial 0003")


QUICK = load_study("helmholtz-quick")

numbers = st.floats(1e-30, 1e30)


@given(
    weight=numbers, rates=st.tuples(numbers, numbers), widths=st.lists(st.integers(1, 10**6), min_size=1, max_size=4)
)
def test_every_number_survives_the_file(weight: float, rates: tuple[float, float], widths: list[int]) -> None:
    low, high = rates
    study = resolve(
        QUICK,
        {
            "training.method.weight": weight,
            "training.optimizer.learning_rate": {"name": "geometric", "start": low, "end": high, "epochs": 3.0},
            "network.widths": widths,
        },
    )
    assert study.training.optimizer.learning_rate == Geometric(low, high, 3.0)
    assert load_text(dump_yaml(study)) == study


SETTINGS: dict[str, Any] = {
    "training.method.name": "reduction",
    "training.method.reduction.name": "huber",
    "training.method.reduction.delta": 2.0,
    "training.method.gain.name": "linear",
    "training.method.gain.start": 0.0,
    "training.method.gain.end": 1.0,
    "training.method.gain.epochs": 3.0,
    "training.optimizer.name": "sgd",
    "training.optimizer.momentum": 0.5,
    "projection.solver": "adam",
    "projection.points": 7,
    "projection.error.name": "huber",
    "projection.error.delta": 1.0,
    "network.widths": [3, 3],
    "training.epochs": 2,
}


@given(st.permutations(list(SETTINGS)))
def test_the_order_of_settings_does_not_matter(order: list[str]) -> None:
    expected = resolve(QUICK, SETTINGS)
    assert resolve(QUICK, {path: SETTINGS[path] for path in order}) == expected
    assert expected.training.method.reduction == Huber(2.0)
    assert expected.projection is not None
    assert expected.projection.points == 7


def test_resolving_leaves_the_study_as_it_was() -> None:
    study = load_study("helmholtz-quick")
    before = copy.deepcopy(study)
    trial = resolve(study, {"training.method.name": "batch", "training.method.gain": 2.0})
    assert study == before
    assert trial.training.method == Batch(gain=2.0)
    assert trial.search == {} and trial.tune.balance is None
    assert load_text(dump_yaml(trial)) == trial


def test_a_resolved_value_is_checked() -> None:
    with pytest.raises(
        StudyFileError, match=r"^helmholtz-quick: training\.epochs is the text 'many'; write a whole number$"
    ):
        resolve(load_study("helmholtz-quick"), {"training.epochs": "many"})


def test_a_setting_given_is_no_longer_searched() -> None:
    study = load_study("helmholtz-quick", {"training.method.name": "soft", "training.optimizer.learning_rate": 0.01})
    assert list(study.search) == ["training.method.weight"]
    assert study.tune.balance is None
    assert study.training.method == Soft()


def test_a_block_removed_is_no_longer_searched() -> None:
    for overrides in ({"projection": None}, {"projection.solver": None}):
        with pytest.raises(StudyFileError, match=r"objectives\.projected/validation/data_mse is not measured"):
            load_study("helmholtz-projection", overrides)
        study = load_study("helmholtz-projection", {**overrides, "objectives": {"validation/data_mse": "min"}})
        assert list(study.search) == ["training.method.weight"]


def test_the_search_itself_may_be_set(tmp_path: Path) -> None:
    search = {"search:training.epochs": {"int": [1, 3]}, "search:training.seed": {"choice": [0, 1]}}
    study = load(tmp_path, search, {"search.training.epochs": {"int": [2, 5]}, "search.training.seed": None})
    assert list(study.search) == ["training.epochs"]
    assert study.search["training.epochs"].distribution == Integer(2, 5)
    assert load(tmp_path, search, {"search": {}}).search == {}


def test_without_training_the_usual_objectives_are_those_of_projected_networks() -> None:
    study = load_study(
        "helmholtz-2d-solve", {"objectives": {"validation/data_mse": "min", "validation/constraint_mse": "min"}}
    )
    assert list(study.objectives) == ["projected/validation/data_mse", "projected/validation/constraint_mse"]


def test_objectives_may_be_set(tmp_path: Path) -> None:
    assert load(tmp_path, {}, {"objectives.train/data_mse": "min"}).objectives.keys() >= {"train/data_mse"}
    assert list(load(tmp_path, {}, {"objectives.validation/data_mse": None}).objectives) == [
        "validation/constraint_mse"
    ]


def test_settings_of_one_trial_need_not_suit_the_search() -> None:
    overrides = {"projection": None, "training.method.name": "unconstrained", "training.epochs": 1}
    study = load_trial("helmholtz-projection", overrides)
    assert study.projection is None and study.training.epochs == 1 and study.search == {}
    with pytest.raises(
        StudyFileError, match=r"^viscous-flow\.yaml with the settings given: tune\.scheduler\.grace is 10"
    ):
        load_study("viscous-flow", {"training.epochs": 1})
    assert load_trial("viscous-flow", {"training.epochs": 1}).training.epochs == 1


def test_a_trial_in_which_nothing_happens_is_refused() -> None:
    with pytest.raises(StudyFileError, match=r"training\.epochs is 0 and projection is null, so that"):
        load_trial("helmholtz-projection", {"training.epochs": 0, "projection": None})


def test_the_data_of_one_trial_is_checked() -> None:
    with pytest.raises(
        StudyFileError, match=r"^helmholtz-quick\.yaml with the settings given: data\.test: the wave .* training wave"
    ):
        load_trial(
            "helmholtz-quick", {"data.test.amplitude": [0.5], "data.test.frequency": [0.5], "data.test.phase": [0.3]}
        )


def test_errors_of_settings_say_so(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=r"^quick\.yaml with the settings given: training\.epochs is -1; write"):
        load_study(write(tmp_path), {"training.epochs": -1})
    assert error_of(tmp_path, {}, {"training.method.name": "batsh"}).startswith(
        "training.method.name is the text 'batsh'; write batch"
    )


def test_a_method_of_another_name_starts_afresh(tmp_path: Path) -> None:
    changes = {"training.method.weight": 3.0}
    assert load(tmp_path, changes, {"training.method.name": "reduction"}).training.method == Reduction()
    assert load(tmp_path, changes, {"training.method.name": "soft"}).training.method == Soft(weight=3.0)


def _written(folder: Path, text: str) -> Path:
    path = folder / "written.yaml"
    path.write_text(text, encoding="utf-8")
    return path
