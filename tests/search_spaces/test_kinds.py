"""A trial of every method or contestant."""

from search_spaces.kinds import trials_of
from search_spaces.load import load_study


def test_of_one_method_alone() -> None:
    assert list(trials_of(load_study("poisson", {"training.method.name": "soft"}))) == ["soft"]


def test_of_methods_that_are_searched() -> None:
    trials = trials_of(load_study("helmholtz-quick"))
    assert {name: trial.training.method.name for name, trial in trials.items()} == {name: name for name in trials}
    assert {"soft", "batch"} <= set(trials)
