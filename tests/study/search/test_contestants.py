"""Contestants are searched apart, share the trials and have seconds of their own; the journal is gone on from."""

from dataclasses import replace
from typing import Any

import pytest
from optuna.storages import InMemoryStorage

from cnn_core.solvers import LeastSquaresSolver
from search_spaces.contestants import CONTESTANT, of_contestant
from search_spaces.errors import StudyFileError
from search_spaces.schema import Choice, SearchedParameter, Study
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.search.optuna_search import OptunaSearch
from tests.study.competing import RATES, SOFT, WEIGHT, competing, record
from tests.study.small_study import LEARNING_RATE

Records = dict[str, TrialRecord]


def searching(study: Study, records: Records | None = None) -> OptunaSearch:
    return OptunaSearch(study, InMemoryStorage(), {} if records is None else records)


def asked(search: OptunaSearch, records: Records, *, seconds: float = 1.0, most: int = 100) -> list[dict[str, Any]]:
    """All that a search asks for, each trial ended before the next is asked for."""
    values: list[dict[str, Any]] = []
    while len(values) < most and isinstance(found := search.suggest("any"), dict):
        values.append(found["values"])
        data = 1.0 / (1 + len(records))
        records[found["trial"]] = record(found["trial"], found["values"], data=data, seconds=seconds)
        search.tell(records[found["trial"]])
    return values


def test_they_are_asked_in_turn_for_what_each_searches() -> None:
    values = asked(searching(competing()), {})
    assert [one[CONTESTANT] for one in values] == ["heavy", "plain"] * 3
    assert all(set(one) == {CONTESTANT, LEARNING_RATE, WEIGHT} for one in values[::2])
    assert all(set(one) == {CONTESTANT, LEARNING_RATE} for one in values[1::2])


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_each_is_searched_as_its_plain_study_would_be(sampler: str) -> None:
    """Of the same seed, whatever the others do: the first, with the study's own seed, shows it."""
    study = competing(trials=24, tune={"sampler": sampler})
    alone = [*asked(searching(of_contestant(study, "heavy")), {})]
    among = [one for one in asked(searching(study), {}) if one[CONTESTANT] == "heavy"]
    # the figures that are told differ, so that only what is drawn at random is compared
    assert [{CONTESTANT: "heavy"} | one for one in alone[:4]] == among[:4]
    assert len(alone) == len(among) == 12


def test_one_that_trains_nothing_is_told_what_its_projections_are_worth() -> None:
    made = competing(trials=2, projection=LeastSquaresSolver())
    solving = replace(made.contestants["plain"], set={**made.contestants["plain"].set, "training.epochs": 0})
    search = searching(replace(made, contestants={**made.contestants, "plain": solving}))
    told = {"validation/data_mse": 0.5, "projected/validation/data_mse": 0.25}
    for number in range(2):
        found = search.suggest("any")
        assert isinstance(found, dict)
        one = record(found["trial"], found["values"], data=0.5, seconds=1.0)
        search.tell(replace(one, metrics={**one.metrics, **told}))
        assert [trial.values[0] for trial in search.searches[number].trials] == [(0.5, 0.25)[number]]


def test_a_search_goes_on_from_its_journal() -> None:
    study, records = competing(trials=10, tune={"sampler": "tpe"}), {}
    whole = asked(searching(study), {})
    begun = asked(searching(study), records, most=5)
    assert begun + asked(searching(study, records), records) == whole


def test_a_trial_that_did_not_end_comes_first_with_its_values() -> None:
    records: Records = {}
    asked(searching(competing()), records, most=2)
    records["0001"] = replace(records["0001"], status=TrialStatus.STOPPED)
    search = searching(competing(), records)
    assert search.suggest("any") == {"trial": "0001", "values": records["0001"].values}
    assert (search.trials, search.left) == (6, 4)


def test_trials_of_somebody_else_cannot_go_on() -> None:
    records: Records = {}
    asked(searching(competing()), records, most=2)
    turned = competing(contestants={name: competing().contestants[name] for name in ("plain", "heavy")})
    with pytest.raises(StudyFileError, match="trial 0000 cannot go on: its contestant is the text 'heavy'"):
        searching(turned, records)
    with pytest.raises(StudyFileError, match="trial 0000 cannot go on: its contestant is the text 'heavy'"):
        searching(competing(contestants={}, search={LEARNING_RATE: RATES, WEIGHT: SOFT.search[WEIGHT]}), records)


def test_points_to_try_first_are_their_own() -> None:
    first = ({CONTESTANT: "plain", LEARNING_RATE: 0.002}, {CONTESTANT: "heavy", WEIGHT: 3.0})
    values = asked(searching(competing(tune={"first": first})), {}, most=2)
    assert values[0][WEIGHT] == 3.0 and values[1] == first[0]


def test_on_a_grid_each_walks_its_own() -> None:
    rates = SearchedParameter(Choice((0.001, 0.002)))
    weights = {WEIGHT: SearchedParameter(Choice((1.0, 2.0)))}
    contestants = competing().contestants
    study = competing(
        trials=20, tune={"sampler": "grid"}, search={LEARNING_RATE: rates},
        contestants={**contestants, "heavy": replace(contestants["heavy"], search=weights)},
    )  # fmt: skip
    values = asked(searching(study), records := {})
    assert len(values) == 6 and len({tuple(one.items()) for one in values}) == 6
    unknown = replace(records["0002"], values={}, method="unknown")  # which was heavy's second point
    again = searching(study, {"0002": unknown})
    rest = asked(again, {})
    assert records["0002"].values not in rest and len(rest) == 5


def test_who_has_used_its_seconds_is_asked_no_more() -> None:
    study, records = competing(trials=20, tune={"seconds": 3.0}), {}
    search = searching(study, records)
    seconds = {"heavy": 2.0, "plain": 1.0}
    names = []
    while isinstance(found := search.suggest("any"), dict):
        names.append(name := found["values"][CONTESTANT])
        records[found["trial"]] = record(found["trial"], found["values"], seconds=seconds[name])
        search.tell(records[found["trial"]])
    assert names == ["heavy", "plain", "heavy", "plain", "plain"]
    assert search.budget.told() == ["heavy used its 3 s after 2 trials", "plain used its 3 s after 3 trials"]
    assert (searching(study, records).left, searching(study, records).trials) == (0, 5)


def test_what_runs_counts_before_another_begins() -> None:
    study, records = competing(trials=20, tune={"seconds": 3.0, "max_concurrent": "auto"}), {}
    search = searching(study, records)
    for _ in range(2):
        found: Any = search.suggest("any")
        running = record(found["trial"], found["values"], status=TrialStatus.RUNNING)
        records[found["trial"]] = replace(running, metrics={}, history=[(1, 0.0, {"time/cpu_s": 4.0})])
    assert search.suggest("any") == "FINISHED"


def test_a_stopped_study_knows_what_was_used() -> None:
    study, records = competing(trials=20, tune={"seconds": 3.0}), {}
    asked(searching(study, records), records, seconds=2.0, most=3)
    again = asked(searching(study, records), records, seconds=2.0)
    assert [one[CONTESTANT] for one in again] == ["plain"]


def test_balanced_values_and_a_search_alone_have_seconds_too() -> None:
    alone = competing(trials=20, contestants={}, tune={"seconds": 3.0})
    search = searching(alone, records := {})
    assert len(asked(search, records)) == 3
    assert search.budget.told() == ["the search used its 3 s after 3 trials"]
    method = {"training.method.name": SearchedParameter(Choice(("soft", "unconstrained")))}
    balanced = replace(alone, search={**alone.search, **method})
    balanced = replace(balanced, tune=replace(alone.tune, balance="training.method.name"))
    assert len(asked(searching(balanced, records := {}), records)) == 6
