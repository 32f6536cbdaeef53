"""No setting is tried twice with one seed, whatever the sampler proposes, and a resumed search draws as if it had not
been stopped.
"""

from dataclasses import replace
from typing import Any

import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search_spaces.schema import Choice, Integer, SearchedParameter, Study, Tune, Uniform
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.search.optuna_search import OptunaSearch
from study.search.samplers import SAMPLERS
from tests.study.small_study import LEARNING_RATE, small_study

METHOD, WEIGHT, ACTIVATION = "training.method.name", "training.method.weight", "network.activation"
BATCH_SIZE, SEED = "training.batch_size", "training.seed"

FOUR = {
    ACTIVATION: SearchedParameter(Choice(("tanh", "swish"))),
    BATCH_SIZE: SearchedParameter(Choice((10, 20))),
}
DRAWN = {
    METHOD: SearchedParameter(Choice(("unconstrained", "soft"))),
    LEARNING_RATE: SearchedParameter(Uniform(1e-4, 1e-2, log=True)),
    WEIGHT: SearchedParameter(Uniform(1e-2, 1e2, log=True), {METHOD: ("soft",)}),
    ACTIVATION: SearchedParameter(Choice(("tanh", "swish"))),
}


def searched(search: dict[str, SearchedParameter], *, trials: int = 20, **tune: Any) -> Study:
    return replace(small_study(), search=search, tune=Tune(trials=trials, **tune))


def ended(ident: str, values: dict[str, Any], status: TrialStatus = TrialStatus.COMPLETED) -> TrialRecord:
    """A trial as the journal has it; its errors are a function of its values."""
    error = (sum(map(ord, str(sorted(values.items())))) % 101) / 100
    metrics = {"validation/data_mse": error, "validation/constraint_mse": 1 - error}
    listed = {path: list(value) if isinstance(value, tuple) else value for path, value in values.items()}
    return TrialRecord(ident, listed, "soft", status, history=[(1, 0.0, metrics)], metrics={**metrics})


def ask(search: OptunaSearch) -> tuple[str, dict[str, Any]] | None:
    suggestion = search.suggest("any")
    return (suggestion["trial"], suggestion["values"]) if isinstance(suggestion, dict) else None


def run(search: OptunaSearch, records: dict[str, TrialRecord], most: int = 1000) -> None:
    """Try one trial after another, at most so many."""
    for _ in range(most):
        if (asked := ask(search)) is None:
            return
        records[asked[0]] = ended(*asked)
        search.tell(records[asked[0]])


def settings(records: dict[str, TrialRecord]) -> list[str]:
    return [str(sorted(record.values.items())) for record in records.values()]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("stopped_after", [0, 1, 3, 4])
def test_every_setting_is_tried_once_and_then_the_search_ends(sampler: str, stopped_after: int) -> None:
    study, records = searched(FOUR, sampler=sampler), {}
    run(OptunaSearch(study, InMemoryStorage()), records, most=stopped_after)
    search = OptunaSearch(study, InMemoryStorage(), records)
    assert (search.trials, search.left) == (4, 4 - stopped_after)
    run(search, records)
    assert len(records) == len(set(settings(records))) == 4
    assert search.left == 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trials_asked_for_at_once_are_not_the_same(sampler: str) -> None:
    search = OptunaSearch(searched(FOUR, sampler=sampler), InMemoryStorage())
    asked = [ask(search) for _ in range(6)]
    assert len({str(values) for values in asked[:4]}) == 4
    assert asked[4:] == [None, None]


@pytest.mark.parametrize("status", [TrialStatus.FAILED, TrialStatus.PRUNED, TrialStatus.DIVERGED])
def test_what_failed_or_was_cut_short_is_not_tried_again(status: TrialStatus) -> None:
    study = searched(FOUR)
    records = {"0000": ended("0000", {ACTIVATION: "tanh", BATCH_SIZE: 10}, status)}
    run(OptunaSearch(study, InMemoryStorage(), records), records)
    assert len(set(settings(records))) == len(records) == 4


def test_what_was_lost_comes_again_under_its_number_alone() -> None:
    study, lost = searched(FOUR), ended("0000", {ACTIVATION: "tanh", BATCH_SIZE: 10}, TrialStatus.LOST)
    search = OptunaSearch(study, InMemoryStorage(), {"0000": lost})
    asked = [ask(search) for _ in range(5)]
    assert asked[0] == ("0000", lost.values)
    assert lost.values not in [values for found in asked[1:4] if found for _, values in [found]]
    assert asked[4] is None


def test_a_study_of_before_that_repeated_itself_ends() -> None:
    study = searched(FOUR)
    records = {f"{number:04d}": ended(f"{number:04d}", {ACTIVATION: "tanh", BATCH_SIZE: 10}) for number in range(10)}
    search = OptunaSearch(study, InMemoryStorage(), records)
    assert (search.trials, search.left) == (13, 3)
    run(search, records)
    assert len(set(settings(records))) == 4


def test_the_same_setting_with_another_seed_is_tried() -> None:
    study, records = searched(FOUR | {SEED: SearchedParameter(Integer(0, 2))}), {}
    run(OptunaSearch(study, InMemoryStorage()), records)
    assert len(set(settings(records))) == len(records) == 12


def test_a_method_without_more_settings_leaves_its_turns_to_nobody() -> None:
    study, records = searched({path: DRAWN[path] for path in (METHOD, WEIGHT, ACTIVATION)}, balance=METHOD), {}
    search = OptunaSearch(study, InMemoryStorage())
    assert search.trials == 2 + 10
    run(search, records)
    methods = [record.values[METHOD] for record in records.values()]
    assert (methods.count("unconstrained"), methods.count("soft")) == (2, 10)
    assert len(set(settings(records))) == 12


def test_a_conditional_parameter_makes_another_setting_only_where_it_is_active() -> None:
    study, records = searched({METHOD: DRAWN[METHOD], WEIGHT: DRAWN[WEIGHT]}, trials=12), {}
    run(OptunaSearch(study, InMemoryStorage()), records)
    methods = [record.values[METHOD] for record in records.values()]
    assert (methods.count("unconstrained"), methods.count("soft")) == (1, 11)


def test_a_point_to_try_first_that_was_tried_gives_its_turn_to_the_sampler() -> None:
    point = {ACTIVATION: "tanh", BATCH_SIZE: 10}
    study, records = searched(FOUR, first=(point, dict(point), {ACTIVATION: "tanh"}, {ACTIVATION: "tanh"})), {}
    run(OptunaSearch(study, InMemoryStorage()), records)
    assert records["0000"].values == point
    assert len(set(settings(records))) == len(records) == 4


def test_a_sampler_learns_nothing_of_what_it_proposed_twice() -> None:
    records: dict[str, TrialRecord] = {}
    search = OptunaSearch(searched(FOUR), InMemoryStorage())
    run(search, records)
    counted = [trial for trial in search.searches[0].trials if trial.state is not TrialState.FAIL]
    assert len(counted) == 4
    assert len(search.files[0].file.trials) == 4


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
@pytest.mark.parametrize("balance", [None, METHOD])
@pytest.mark.parametrize("stopped_in", [1, 6, 11])
def test_a_resumed_search_draws_what_one_without_a_break_draws(
    sampler: str, balance: str | None, stopped_in: int
) -> None:
    study = searched(DRAWN, trials=16, sampler=sampler, balance=balance, max_concurrent=1, seed=3)
    whole: dict[str, TrialRecord] = {}
    run(OptunaSearch(study, InMemoryStorage()), whole)
    records = {ident: record for ident, record in whole.items() if int(ident) <= stopped_in}
    last = f"{stopped_in:04d}"
    records[last] = replace(records[last], status=TrialStatus.STOPPED)
    run(OptunaSearch(study, InMemoryStorage(), records), records)
    assert {ident: record.values for ident, record in records.items()} == {
        ident: record.values for ident, record in whole.items()
    }


def test_a_study_of_before_whose_values_are_others_goes_on_with_other_trials() -> None:
    study = searched(DRAWN, trials=8, max_concurrent=1)
    records = {f"{number:04d}": ended(f"{number:04d}", {METHOD: "unconstrained", LEARNING_RATE: 1e-3 / (1 + number),
        ACTIVATION: "tanh"}) for number in range(3)}  # fmt: skip
    run(OptunaSearch(study, InMemoryStorage(), records), records)
    assert len(set(settings(records))) == len(records) == 8
