"""Which settings mattered, in made-up studies where it is known."""

import random
from dataclasses import replace
from typing import Any, Literal

import pytest

from search_spaces.schema import Choice, SearchedParameter, Study, Uniform
from study.analysis import importance
from study.analysis.importance import FEWEST_TRIALS, importances
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from tests.study.competing import PLAIN, competing
from tests.study.small_study import small_study

OBJECTIVE = "validation/data_mse"


def study(mode: Literal["min", "max"] = "min") -> Study:
    search = {
        "training.method.name": SearchedParameter(Choice(("soft", "batch"))),
        "training.method.weight": SearchedParameter(
            Uniform(1e-3, 10.0, log=True), when={"training.method.name": ("soft",)}
        ),
        "training.optimizer.learning_rate": SearchedParameter(Uniform(1e-4, 1e-1, log=True)),
    }
    return small_study(search=search, objectives={OBJECTIVE: mode})


def records(count: int, *, status: TrialStatus = TrialStatus.COMPLETED) -> list[TrialRecord]:
    """Trials whose error depends on the learning rate alone."""
    generator = random.Random(0)
    made = []
    for index in range(count):
        rate, method = 10 ** generator.uniform(-4, -1), generator.choice(["soft", "batch"])
        values = {"training.method.name": method, "training.optimizer.learning_rate": rate}
        if method == "soft":
            values["training.method.weight"] = 10 ** generator.uniform(-3, 1)
        metrics: dict[str, float | str] = {OBJECTIVE: rate} if status is TrialStatus.COMPLETED else {}
        made.append(TrialRecord(str(index), values, method, status, metrics=metrics))
    return made


def test_the_setting_that_the_error_depends_on_comes_out() -> None:
    shares = importances(study(), records(100))[OBJECTIVE]
    assert set(shares) == {"training.method.name", "training.method.weight", "training.optimizer.learning_rate"}
    assert shares["training.optimizer.learning_rate"] > 0.8
    assert abs(sum(shares.values()) - 1) < 1e-12


def test_settings_that_few_trials_had_are_left_out() -> None:
    assert "training.method.weight" not in importances(study(), records(FEWEST_TRIALS + 5))[OBJECTIVE]
    assert importances(study(), records(FEWEST_TRIALS - 1)) == {}
    assert importances(study(), records(100, status=TrialStatus.PRUNED)) == {}


def test_what_is_maximised_counts_from_the_other_end() -> None:
    largest = study("max")
    trials = records(100)
    assert importances(largest, trials)[OBJECTIVE] != importances(study(), trials)[OBJECTIVE]
    assert importances(largest, trials)[OBJECTIVE]["training.optimizer.learning_rate"] > 0.8


def test_of_very_many_trials_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = records(400)
    whole = importances(study(), trials)[OBJECTIVE]
    monkeypatch.setattr(importance, "MOST_TRIALS", 100)
    some = importances(study(), trials)[OBJECTIVE]
    assert some.keys() == whole.keys() and some != whole
    assert some["training.optimizer.learning_rate"] > 0.8


def test_where_nearly_all_diverged_nothing_is_said() -> None:
    trials = records(80, status=TrialStatus.DIVERGED) + records(10)
    for index, record in enumerate(trials):
        record.trial = str(index)
    assert importances(study(), trials) == {}


def test_trials_of_another_search_space_are_left_out() -> None:
    trials = records(100)
    trials[0].values["training.optimizer.learning_rate"] = 7.0
    trials[1].values["training.method.name"] = "sample"
    assert importances(study(), trials) == importances(study(), trials[2:])


def test_of_contestants_it_counts_who_competes_and_what_each_searches() -> None:
    """One searches the rate in a range of its own; the error depends on the contestant alone."""
    generator, made = random.Random(0), []
    own = {"training.optimizer.learning_rate": SearchedParameter(Uniform(1e-2, 1.0, log=True))}
    contestants = {**competing().contestants, "plain": replace(PLAIN, search=own)}
    for index in range(120):
        name = ("heavy", "plain")[index % 2]
        values: dict[str, Any] = {"contestant": name}
        values["training.optimizer.learning_rate"] = 10 ** generator.uniform(
            *((-3, -2) if name == "heavy" else (-2, 0))
        )
        if name == "heavy":
            values["training.method.weight"] = 10 ** generator.uniform(-1, 1)
        error = {"heavy": 1.0, "plain": 2.0}[name] + generator.uniform(0, 0.5)
        made.append(TrialRecord(str(index), values, name, TrialStatus.COMPLETED, metrics={OBJECTIVE: error}))
    shares = importances(competing(contestants=contestants, objectives={OBJECTIVE: "min"}), made)[OBJECTIVE]
    assert set(shares) == {"contestant", "training.optimizer.learning_rate", "training.method.weight"}
    assert shares["contestant"] > shares["training.method.weight"]
