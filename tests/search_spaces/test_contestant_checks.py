"""What is refused of contestants, and what --set does to them."""

from pathlib import Path
from typing import Any

import pytest

from search_spaces.contestants import CONTESTANT, of_contestant
from tests.search_spaces.competing import CONTESTANTS, GAIN, METHOD, RATE, SEED, WEIGHT
from tests.search_spaces.files import error_of, load

SOFT = "contestants:soft"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contestants:1st": {}}, "contestants has the name '1st'; begin with a letter, and write letters, digits,"),
        ({"contestants:a b": {}}, "contestants has the name 'a b'; begin with a letter"),
        ({"contestants:a.set.b": {}}, "contestants has the name 'a.set.b'; set between dots means something else here"),
        ({f"contestants:{'a' * 61}": {}}, "contestants has a name of 61 letters; write at most 60"),
        ({f"contestants:c{index}": {} for index in range(101)}, "there are 104 contestants; write at most 100"),
        ({f"{SOFT}:sett": {}}, "contestants.soft.sett is not known; write set"),
        (
            {f"{SOFT}:set:tune.trials": 3},
            "contestants.soft.set.tune.trials is no setting of a trial; write a path in one",
        ),
        ({f"{SOFT}:set:training.epohcs": 3}, "contestants.soft.set.training.epohcs is not known; write epochs"),
        ({f"{SOFT}:set:training.epochs": "3"}, "contestants.soft.set.training.epochs is the text '3'"),
        (
            {f"{SOFT}:set:training.epochs.x": 3},
            "contestants.soft.set.training.epochs.x cannot be set: training.epochs is",
        ),
        ({f"{SOFT}:set:training.method": {"name": "batch"}}, "contestants.soft.set.training.method.name is set to"),
        ({f"{SOFT}:set:{WEIGHT}": -1.0}, "contestants.soft.set.training.method: "),
        (
            {f"{SOFT}:set:data.test.points": 9},
            "contestants.soft.set changes data.test, which contestants have in common; leave it as it is",
        ),
        (
            {f"{SOFT}:set:problem.name": "truth"},
            "contestants.soft.set changes problem, which contestants have in common; leave it as it is",
        ),
        (
            {f"{SOFT}:search:{GAIN}": {"uniform": [0, 1]}},
            "contestants.soft.search.training.method.gain is not known for",
        ),
        (
            {f"{SOFT}:search:{RATE}": {"uniform": [1, 0]}},
            "contestants.soft.search.training.optimizer.learning_rate: the",
        ),
        ({f"{SOFT}:search:tune.seed": {"int": [0, 1]}}, "contestants.soft.search.tune.seed is no setting of a trial"),
        (
            {f"{SOFT}:search:training.batch_size": {"int": [1, 2], "when": {METHOD: "batch"}}},
            "contestants.soft.search.training.batch_size.when.training.method.name never holds: ",
        ),
        (
            {f"search:{GAIN}": {"uniform": [0, 1]}},
            "contestants.soft: search.training.method.gain is not known for soft",
        ),
        (
            {f"search:{GAIN}": {"uniform": [0, 1], "when": {METHOD: "reduction"}}},
            "search.training.method.gain is searched by no contestant: each of them sets it or searches it its own",
        ),
        (
            {"tune.balance": RATE},
            "tune.balance has no effect beside contestants, who share the trials equally already;",
        ),
        (
            {"tune.sampler": "grid"},
            "contestants.soft: search.training.optimizer.learning_rate: a grid needs every value",
        ),
        (
            {"tune.first": [{RATE: 1.0e-3}]},
            "tune.first[0].contestant is missing; write whose point it is, one of: soft,",
        ),
        ({"tune.first": [{CONTESTANT: "sofd"}]}, "tune.first[0].contestant is the text 'sofd'; write soft"),
        (
            {"tune.first": [{CONTESTANT: "soft", GAIN: 0.5}]},
            "contestants.soft: tune.first[0].training.method.gain is not searched",
        ),
        (
            {"tune.first": [{CONTESTANT: "scratch", SEED: seed} for seed in (0, 1, 2)]},
            "contestants.scratch: tune.first has 3 points, too many for 2 such trials",
        ),
        (
            {"objectives": {"projected/validation/data_mse": "min"}},
            "contestants.soft: objectives.projected/validation/data_mse is not measured in a trial without projection",
        ),
        ({"tune.seconds": 0}, "tune.seconds is 0; write"),
        (
            {"objectives": {"test/data_mse": "min"}},
            "objectives.test/data_mse is a test metric, and hyperparameters are",
        ),
        (
            {"bounds": {"test/data_mse": 1.0}},
            "bounds.test/data_mse is a test metric, and hyperparameters are selected on",
        ),
        (
            {"tune.scheduler": {"name": "asha", "metric": "test/data_mse"}},
            "tune.scheduler.metric is 'test/data_mse', which is a test metric, and hyperparameters are selected on",
        ),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    together = {**CONTESTANTS, "contestants": {**CONTESTANTS["contestants"]}, **changes}
    assert error_of(tmp_path, together).startswith(message)


@pytest.mark.parametrize("metric", ["projected/test/data_mse", "test/constraint_mse"])
def test_projected_test_metrics_are_refused_too(metric: str, tmp_path: Path) -> None:
    assert "is a test metric" in error_of(tmp_path, {"objectives": {metric: "min"}, "projection": {"solver": "adam"}})
    assert "is a test metric" in error_of(tmp_path, {"bounds": {metric: 1.0}, "projection": {"solver": "adam"}})


def test_a_grid_of_contestants_is_tried(tmp_path: Path) -> None:
    one = {"search": {SEED: {"int": [0, 3]}}}
    assert load(tmp_path, {"contestants": {"one": one}, "tune.sampler": "grid"}).tune.sampler == "grid"


def test_settings_of_contestants_are_set_and_removed(tmp_path: Path) -> None:
    study = load(
        tmp_path,
        CONTESTANTS,
        {
            "contestants.batch.sgd.set.training.method.name": "reduction",
            "contestants.batch.sgd.set.training.optimizer.name": None,
            f"contestants.soft.search.{WEIGHT}": None,
            "contestants.scratch": None,
            "contestants.new.1": {"set": {METHOD: "sample"}},
            "contestants.new.2.set": {METHOD: "unconstrained"},
        },
    )
    assert [*study.contestants] == ["soft", "batch.sgd", "new.1", "new.2"]
    assert study.contestants["batch.sgd"].set == {METHOD: "reduction"}
    assert [*study.contestants["soft"].search] == []
    assert [of_contestant(study, f"new.{number}").method for number in (1, 2)] == ["sample", "unconstrained"]


def test_what_is_set_for_all_is_searched_by_none(tmp_path: Path) -> None:
    first = [{CONTESTANT: "soft", WEIGHT: 2.0, RATE: 1.0e-3}, {CONTESTANT: "soft", WEIGHT: 3.0, RATE: 2.0e-3}]
    changes = {**CONTESTANTS, "tune.first": first, "contestants": {**CONTESTANTS["contestants"], "scratch": {}}}
    study = load(tmp_path, changes, {RATE: 1.0e-3, SEED: 5})
    assert all(RATE not in of_contestant(study, name).search for name in study.contestants)
    assert of_contestant(study, "batch.sgd").training.seed == 5
    assert study.tune.first == ({CONTESTANT: "soft", WEIGHT: 2.0},)


def test_what_a_contestant_sets_itself_is_not_set_for_all_in_silence(tmp_path: Path) -> None:
    message = (
        "the contestant scratch sets training.epochs itself; write --set contestants.scratch.set.training.epochs=…"
    )
    assert error_of(tmp_path, CONTESTANTS, {"training.epochs": 7}).startswith(message)
    too = {"training.epochs": 7, "contestants.scratch.set.training.epochs": 3}
    study = load(tmp_path, CONTESTANTS, too)
    assert [of_contestant(study, name).training.epochs for name in study.contestants] == [7, 7, 3]
