import warnings
from collections.abc import Mapping
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
from study.journal.events import TrialStatus
from study.journal.record import UNKNOWN, TrialRecord
from study.search.optuna_file import database
from study.search.optuna_search import OptunaSearch
from study.search.samplers import SAMPLERS
from tests.study.small_study import LEARNING_RATE, small_study

METHOD, WEIGHT = "training.method.name", "training.method.weight"
ONE, MEASURED = {"validation/data_mse": "min"}, {"validation/data_mse": 0.5, "validation/constraint_mse": 0.1}


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


def end(
    search: OptunaSearch,
    trial: str = "0000",
    status: TrialStatus = TrialStatus.COMPLETED,
    metrics: Mapping[str, float] = MEASURED,
) -> None:
    """The journal has the end of a trial, with these metrics over those of `MEASURED`."""
    search.tell(TrialRecord(trial, {}, "soft", status, metrics={**MEASURED, **metrics}))


def test_trials_are_entered_by_their_numbers_of_five_digits_too() -> None:
    study = searched("random", trials=10_003)
    idents = ["9998", "9999", "10000", "10001"]
    values = {METHOD: "unconstrained", LEARNING_RATE: 1e-3, "network.widths": (8,), "training.batch_size": 5}
    rates = {ident: {LEARNING_RATE: 1e-3 + int(ident) * 1e-8} for ident in reversed(idents)}
    records = {ident: TrialRecord(ident, values | rate, "unconstrained") for ident, rate in rates.items()}
    search = OptunaSearch(study, InMemoryStorage(), records)
    begun: list[Any] = [search.suggest("") for _ in range(6)]
    assert [one["trial"] for one in begun] == [*idents, "0000", "0001"]


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
            metrics = {objective: 1.0 / (position + 1) for objective in search.study.objectives}
            end(search, f"{position:04d}", metrics=metrics)
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
    end(search)
    assert only_trial(search).state is TrialState.COMPLETE
    assert only_trial(search).values == [0.5, 0.1]


def test_figures_from_the_end_of_a_trial_can_be_objectives() -> None:
    search = searching(searched(objectives={"projected/validation/data_mse": "min"}))
    search.suggest("a")
    end(search, metrics={"projected/validation/data_mse": 0.01})
    assert only_trial(search).values == [0.01]


@pytest.mark.parametrize(("mode", "worst"), [("min", WORST), ("max", -WORST)])
@pytest.mark.parametrize(
    ("status", "error"), [(TrialStatus.DIVERGED, 0.5), (TrialStatus.COMPLETED, float("nan"))], ids=["diverged", "nan"]
)
def test_a_diverged_trial_is_told_the_worst_value(mode: Any, worst: float, status: TrialStatus, error: float) -> None:
    search = searching(searched(objectives={"validation/data_mse": mode}))
    search.suggest("a")
    end(search, status=status, metrics={"validation/data_mse": error})
    assert only_trial(search).state is TrialState.COMPLETE
    assert only_trial(search).values == [worst]


def test_a_failed_trial_is_told_as_failed() -> None:
    search = searching(searched())
    search.suggest("a")
    search.tell(TrialRecord("0000", {}, "soft", TrialStatus.FAILED, error="ValueError: no"))
    assert only_trial(search).state is TrialState.FAIL


def test_a_pruned_trial_is_told_as_pruned_with_its_values_so_far() -> None:
    search = searching(searched(objectives=ONE))
    search.suggest("a")
    history = [(epoch, 0.0, {"validation/data_mse": error}) for epoch, error in ((1, 0.9), (2, 0.7))]
    search.tell(TrialRecord("0000", {}, "soft", TrialStatus.PRUNED, history=history, metrics={**history[-1][2]}))
    assert only_trial(search).state is TrialState.PRUNED
    assert only_trial(search).intermediate_values == {1: 0.9, 2: 0.7}


def test_a_pruned_trial_of_several_objectives_keeps_its_last_figures() -> None:
    search = searching(searched())
    search.suggest("a")
    search.tell(TrialRecord("0000", {}, "soft", TrialStatus.PRUNED, metrics={"validation/data_mse": 0.7}))
    assert only_trial(search).state is TrialState.PRUNED
    assert only_trial(search).values is None
    assert only_trial(search).user_attrs["figures"] == {"validation/data_mse": 0.7, "validation/constraint_mse": WORST}


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


def ended(ident: str, status: TrialStatus = TrialStatus.COMPLETED, **changes: Any) -> TrialRecord:
    """What the journal says of a trial that ended after two epochs."""
    history = [(1, 0.0, {"validation/data_mse": 0.7}), (2, 0.0, {"validation/data_mse": 0.5})]
    return replace(TrialRecord(ident, {}, "soft", status, history=history, metrics=dict(MEASURED)), **changes)


def states(search: OptunaSearch) -> list[TrialState]:
    return [trial.state for trial in search.searches[0].trials]


def test_a_grid_goes_on_with_the_points_that_never_began() -> None:
    study = small_study(1e-2, 1e-3, 1e-4)
    again = OptunaSearch(study, InMemoryStorage(), {"0001": ended("0001", values={LEARNING_RATE: 1e-3})})
    assert again.left == 2
    assert [again.suggest(trial) for trial in ("a", "b")] == [
        {"trial": "0000", "values": {LEARNING_RATE: 1e-2}},
        {"trial": "0002", "values": {LEARNING_RATE: 1e-4}},
    ]
    assert again.suggest("c") == Searcher.FINISHED


def test_a_trial_whose_start_is_lost_is_not_tried_again_nor_told() -> None:
    lost = ended("0001", values={}, method=UNKNOWN)
    again = OptunaSearch(small_study(1e-2, 1e-3, 1e-4), InMemoryStorage(), {"0001": lost})
    assert again.left == 2
    assert [values_of(again, trial) for trial in ("a", "b")] == [{LEARNING_RATE: 1e-2}, {LEARNING_RATE: 1e-4}]
    assert states(again) == [TrialState.RUNNING] * 2


def test_a_search_goes_on_with_other_trials_than_before() -> None:
    study, storage, records = searched("random", trials=20), InMemoryStorage(), {}
    asked = []
    for position in range(3):
        values = values_of(OptunaSearch(study, storage, records), "any")
        records[f"{position:04d}"] = ended(f"{position:04d}", values=values)
        asked.append(values[LEARNING_RATE])
    assert len(set(asked)) == 3


def test_what_ran_goes_on_with_the_journals_values(tmp_path: Path) -> None:
    before = searching(searched(objectives=ONE), database(tmp_path / "optuna.db"))
    values = values_of(before, "a")
    running = ended("0000", TrialStatus.RUNNING, values=values, metrics={})
    after = OptunaSearch(searched(objectives=ONE), database(tmp_path / "optuna.db"), {"0000": running})
    assert after.suggest("b") == {"trial": "0000", "values": values}
    more = [(epoch, 0.0, {"validation/data_mse": error}) for epoch, error in ((3, 0.4), (4, 0.3))]
    after.tell(replace(running, status=TrialStatus.PRUNED, history=[*running.history, *more]))
    assert only_trial(after).intermediate_values == {1: 0.7, 2: 0.5, 3: 0.4, 4: 0.3}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (TrialStatus.COMPLETED, TrialState.COMPLETE),
        (TrialStatus.DIVERGED, TrialState.COMPLETE),
        (TrialStatus.PRUNED, TrialState.PRUNED),
        (TrialStatus.FAILED, TrialState.FAIL),
    ],
)
@pytest.mark.parametrize("kept", [True, False], ids=["kept in Optuna's file", "lost with Optuna's file"])
def test_what_ended_in_the_journal_is_told(kept: bool, status: TrialStatus, state: TrialState, tmp_path: Path) -> None:
    study, values = searched(objectives=ONE), values_of(searching(searched()), "a")
    records = {"0000": ended("0000", status, values=values)}
    if kept:
        OptunaSearch(study, database(tmp_path / "optuna.db"), records)
    after = OptunaSearch(study, database(tmp_path / "optuna.db"), records)
    trial = only_trial(after)
    assert trial.state is state
    assert trial.value == {"COMPLETE": 0.5, "PRUNED": 0.5, "FAIL": None}[state.name] or status is TrialStatus.DIVERGED
    assert trial.params.keys() == values.keys()
    assert after.left == 5
    [in_file] = optuna.load_study(study_name="small", storage=database(tmp_path / "optuna.db")).trials
    assert (in_file.state, in_file.values, in_file.params) == (trial.state, trial.values, trial.params)
    assert in_file.user_attrs["trial"] == "0000"


def test_what_optuna_was_told_before_the_journal_is_kept_once(tmp_path: Path) -> None:
    """As versions before this one did it."""
    before = searching(searched(), database(tmp_path / "optuna.db"))
    values = values_of(before, "a")
    end(before)  # and then the driver was killed
    running = ended("0000", TrialStatus.RUNNING, values=values, metrics={})
    after = OptunaSearch(searched(), database(tmp_path / "optuna.db"), {"0000": running})
    assert after.suggest("b") == {"trial": "0000", "values": values}
    end(after)
    assert states(after) == [TrialState.COMPLETE]
    assert len(after.files[0].file.trials) == 1


def test_generations_go_on_where_they_were(tmp_path: Path) -> None:
    study, storage = searched("nsga2"), database(tmp_path / "optuna.db")
    before = searching(study, storage)
    values = values_of(before, "a")
    end(before)
    after = OptunaSearch(study, storage, {"0000": ended("0000", values=values)})
    assert only_trial(after).system_attrs == only_trial(before).system_attrs
    assert any("generation" in name for name in only_trial(after).system_attrs)


def test_a_longer_study_asks_for_more() -> None:
    storage = InMemoryStorage()
    values = values_of(searching(searched(trials=1), storage), "a")
    records = {"0000": ended("0000", values=values)}
    assert OptunaSearch(searched(trials=1), storage, records).left == 0
    longer = OptunaSearch(searched(trials=3), storage, records)
    assert longer.left == 2
    assert isinstance(longer.suggest("b"), dict)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "grid"])
def test_trials_asked_for_at_once_differ(sampler: str) -> None:
    search = searching(searched(sampler, trials=20, objectives=ONE))
    for position in range(6):
        search.suggest(str(position))
        end(search, f"{position:04d}", metrics={"validation/data_mse": 1.0 / (position + 1)})
    asked = [str(values_of(search, f"parallel {position}")) for position in range(4)]
    assert len(set(asked)) == 4


def test_points_to_try_first_come_first_and_the_sampler_completes_them() -> None:
    first = ({LEARNING_RATE: 2e-3, METHOD: "soft", WEIGHT: 3.0, "network.widths": (8, 8)}, {LEARNING_RATE: 4e-3})
    search = searching(with_first(searched(), *first))
    asked = [values_of(search, str(position)) for position in range(3)]
    assert asked[0].items() >= first[0].items()
    assert asked[1][LEARNING_RATE] == 4e-3
    assert asked[2][LEARNING_RATE] not in (2e-3, 4e-3)


def test_points_to_try_first_are_tried_in_their_methods_turn() -> None:
    first = ({METHOD: "soft", WEIGHT: 3.0}, {METHOD: "soft", WEIGHT: 4.0})
    search = searching(with_first(searched(balance=METHOD), *first))
    asked = [values_of(search, str(position)) for position in range(6)]
    assert [values[METHOD] for values in asked] == ["unconstrained", "soft"] * 3
    assert [values[WEIGHT] for values in asked[1::2]][:2] == [3.0, 4.0]


def with_first(study: Study, *points: dict[str, Any]) -> Study:
    return replace(study, tune=replace(study.tune, first=points))


@pytest.mark.parametrize("error", [0.05, 0.2])
def test_optuna_knows_which_trials_are_feasible(error: float) -> None:
    search = searching(searched(bounds={"validation/constraint_mse": 0.1}))
    search.suggest("a")
    end(search, metrics={"validation/constraint_mse": error})
    assert only_trial(search).constraints == {"validation/constraint_mse": pytest.approx(error - 0.1)}
    assert len(search.searches[0].best_trials) == (error <= 0.1)


def test_a_diverged_trial_is_not_feasible() -> None:
    search = searching(searched(bounds={"validation/constraint_mse": 0.1}))
    search.suggest("a")
    end(search, status=TrialStatus.DIVERGED)
    assert only_trial(search).constraints == {"validation/constraint_mse": pytest.approx(WORST)}


def test_a_study_without_search_is_one_trial() -> None:
    search = searching(replace(small_study(), network=Dense(widths=(4,)), tune=Tune(trials=32, sampler="tpe")))
    assert (search.trials, search.left) == (1, 1)
    assert values_of(search, "a") == {}
    assert search.suggest("b") == Searcher.FINISHED
