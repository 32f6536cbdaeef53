import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState
from ray.tune.search import Searcher

from cnn_core.metrics import WORST
from cnn_core.networks import Dense
from search_spaces.schema import Choice, Integer, SearchedParameter, Study, Tune, Uniform
from study.search import SAMPLERS, OptunaSearch, database
from tests.study.small_study import LEARNING_RATE, small_study

METHOD, WEIGHT = "training.method.name", "training.method.weight"
ONE = {"validation/data_mse": "min"}
DONE = {
    "epoch": 3,
    "final/status": "completed",
    "metrics/validation/data_mse": 0.5,
    "metrics/validation/constraint_mse": 0.1,
}


def searched(sampler: str = "tpe", *, trials: int = 6, balance: str | None = None, **changes: Any) -> Study:
    search = {
        METHOD: SearchedParameter(Choice(("unconstrained", "soft"))),
        LEARNING_RATE: SearchedParameter(Uniform(1e-4, 1e-2, log=True)),
        "network.widths": SearchedParameter(Choice(((8,), (8, 8)))),
        "training.batch_size": SearchedParameter(Integer(5, 10)),
    }
    if sampler != "gp":
        search[WEIGHT] = SearchedParameter(Uniform(1e-2, 1e2, log=True), {METHOD: ("soft",)})
    tune = Tune(trials=trials, sampler=sampler, balance=balance, seed=3)  # type: ignore[arg-type]
    return replace(small_study(), search=search, tune=tune, **changes)


def searching(study: Study, storage: BaseStorage | None = None) -> OptunaSearch:
    return OptunaSearch(study, storage or InMemoryStorage())


def values_of(search: OptunaSearch, trial: str) -> dict[str, Any]:
    suggestion = search.suggest(trial)
    assert isinstance(suggestion, dict)
    return suggestion["values"]


def only_trial(search: OptunaSearch) -> optuna.trial.FrozenTrial:
    [trial] = search.searches[0].trials
    return trial


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "grid"])
def test_the_same_seed_asks_for_the_same_trials(sampler: str) -> None:
    def ask_and_tell() -> list[dict[str, Any]]:
        search = searching(searched(sampler))
        asked = []
        for position in range(6):
            asked.append(values_of(search, str(position)))
            figures = {f"metrics/{objective}": 1.0 / (position + 1) for objective in search.study.objectives}
            search.on_trial_complete(str(position), DONE | figures)
        return asked

    with warnings.catch_warnings(record=True) as caught:
        first, second = ask_and_tell(), ask_and_tell()
    assert first == second
    assert not caught
    assert len({values[LEARNING_RATE] for values in first}) == 6
    assert all(1e-4 <= values[LEARNING_RATE] <= 1e-2 for values in first)
    assert all((WEIGHT in values) == (values[METHOD] == "soft" and sampler != "gp") for values in first)


def test_trials_are_numbered_and_optuna_knows_their_ids() -> None:
    search = searching(searched())
    asked = [search.suggest(trial) for trial in ("a", "b")]
    assert [suggestion["trial"] for suggestion in asked if isinstance(suggestion, dict)] == ["0000", "0001"]
    assert [trial.user_attrs["trial"] for trial in search.searches[0].trials] == ["0000", "0001"]


def test_the_search_ends_after_its_trials() -> None:
    search = searching(searched(trials=1))
    assert search.suggest("a") != Searcher.FINISHED
    assert search.suggest("b") == Searcher.FINISHED


def test_a_completed_trial_is_told_its_objectives() -> None:
    search = searching(searched())
    search.suggest("a")
    search.on_trial_complete("a", DONE)
    assert only_trial(search).state is TrialState.COMPLETE
    assert only_trial(search).values == [0.5, 0.1]


def test_figures_from_the_end_of_a_trial_can_be_objectives() -> None:
    search = searching(searched(objectives={"projected/validation/data_mse": "min"}))
    search.suggest("a")
    search.on_trial_complete("a", DONE | {"final/projected/validation/data_mse": 0.01})
    assert only_trial(search).values == [0.01]


@pytest.mark.parametrize(("mode", "worst"), [("min", WORST), ("max", -WORST)])
@pytest.mark.parametrize("figures", [{"final/status": "diverged"}, {"metrics/validation/data_mse": float("nan")}])
def test_a_diverged_trial_is_told_the_worst_value(mode: Any, worst: float, figures: Any) -> None:
    search = searching(searched(objectives={"validation/data_mse": mode}))
    search.suggest("a")
    search.on_trial_complete("a", DONE | figures)
    assert only_trial(search).state is TrialState.COMPLETE
    assert only_trial(search).values == [worst]


@pytest.mark.parametrize("ending", [{"error": True}, {"result": {"error": "ValueError: no"}}, {"result": None}])
def test_a_failed_trial_is_told_as_failed(ending: Any) -> None:
    search = searching(searched())
    search.suggest("a")
    search.on_trial_complete("a", **ending)
    search.on_trial_complete("a", **ending)  # Tune may say so twice
    assert only_trial(search).state is TrialState.FAIL


def test_a_pruned_trial_is_told_as_pruned_with_its_last_value() -> None:
    search = searching(searched(objectives=ONE))
    search.suggest("a")
    search.on_trial_complete("a", {"epoch": 2, "metrics/validation/data_mse": 0.7})
    assert only_trial(search).state is TrialState.PRUNED
    assert only_trial(search).intermediate_values == {2: 0.7}


def test_a_pruned_trial_of_several_objectives_has_no_values() -> None:
    search = searching(searched())
    search.suggest("a")
    search.on_trial_complete("a", {"epoch": 2, "metrics/validation/data_mse": 0.7})
    assert only_trial(search).state is TrialState.PRUNED
    assert only_trial(search).values is None


def test_balanced_values_share_the_trials_equally_and_learn_apart() -> None:
    search = searching(searched(trials=7, balance=METHOD))
    asked = [values_of(search, str(position))[METHOD] for position in range(7)]
    assert asked == ["unconstrained", "soft"] * 3 + ["unconstrained"]
    assert [{trial.params[METHOD] for trial in each.trials} for each in search.searches] == [
        {"unconstrained"},
        {"soft"},
    ]


def test_lists_can_be_balanced() -> None:
    search = searching(searched(trials=4, balance="network.widths"))
    asked = [values_of(search, str(position))["network.widths"] for position in range(4)]
    assert asked == [(8,), (8, 8)] * 2


def test_a_grid_tries_every_point_once() -> None:
    study = small_study(1e-2, 1e-3, 1e-4)
    study = replace(study, search={**study.search, "network.widths": SearchedParameter(Choice(((4,), (8,))))})
    study = replace(study, tune=replace(study.tune, trials=100))
    search = searching(study)
    assert search.trials == 6
    asked = [values_of(search, str(position)) for position in range(6)]
    assert {(values[LEARNING_RATE], values["network.widths"]) for values in asked} == {
        (rate, widths) for rate in (1e-2, 1e-3, 1e-4) for widths in ((4,), (8,))
    }
    assert search.suggest("more") == Searcher.FINISHED


def test_a_queued_point_is_not_queued_again_after_a_crash() -> None:
    study, storage = small_study(1e-2, 1e-3, 1e-4), InMemoryStorage()
    crashed = searching(study, storage)
    assert values_of(crashed, "a") == {LEARNING_RATE: 1e-2}
    crashed.searches[0].enqueue_trial({LEARNING_RATE: 1e-3})  # and no more: the driver died
    again = searching(study, storage)
    assert [values_of(again, trial)[LEARNING_RATE] for trial in ("b", "c")] == [1e-3, 1e-4]


def test_a_search_goes_on_with_other_trials_than_before() -> None:
    study, storage = searched("random", trials=20), InMemoryStorage()
    asked = [values_of(searching(study, storage), trial)[LEARNING_RATE] for trial in ("a", "b", "c")]
    assert len(set(asked)) == 3


def test_a_restored_search_takes_up_what_ran_and_fails_what_was_forgotten(tmp_path: Path) -> None:
    study, state = searched(), tmp_path / "state.json"
    before = searching(study, database(tmp_path / "optuna.db"))
    before.suggest("known")
    before.save(str(state))
    before.suggest("forgotten")
    after = searching(study, database(tmp_path / "optuna.db"))
    after.restore(str(state))
    after.on_trial_complete("known", DONE)
    assert [trial.state for trial in after.searches[0].trials] == [TrialState.COMPLETE, TrialState.FAIL]


def test_the_saved_state_is_plain_text(tmp_path: Path) -> None:
    search = searching(searched())
    search.suggest("a")
    search.save(str(tmp_path / "state"))
    assert json.loads((tmp_path / "state").read_text()) == {"a": "0000"}


def test_a_study_without_search_runs_its_trials() -> None:
    study = replace(small_study(), network=Dense(widths=(4,)), tune=Tune(trials=2, sampler="tpe"))
    search = searching(study)
    assert [values_of(search, trial) for trial in ("a", "b")] == [{}, {}]
