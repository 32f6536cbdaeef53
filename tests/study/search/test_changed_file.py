"""A study whose file was changed by hand since its trials began: a resume says which trial no longer fits, and how."""

from dataclasses import replace

import pytest
from optuna.storages import InMemoryStorage

from search_spaces.errors import StudyFileError
from search_spaces.schema import Choice, SearchedParameter, Tune, Uniform
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.search.optuna_search import OptunaSearch
from tests.study.small_study import LEARNING_RATE, small_study

METHOD, WEIGHT = "training.method.name", "training.method.weight"

RECORDS = {"0002": TrialRecord("0002", {METHOD: "soft", WEIGHT: 3.0}, "soft", TrialStatus.STOPPED)}

ASKED = {METHOD: SearchedParameter(Choice(("soft",))), WEIGHT: SearchedParameter(Uniform(1.0, 9.0))}

CHANGED = {
    "a method that is gone": (
        {METHOD: SearchedParameter(Choice(("batch",)))},
        "training.method.name is the text 'soft'",
    ),
    "a narrower range": ({WEIGHT: SearchedParameter(Uniform(1.0, 2.0))}, "training.method.weight is 3.0"),
    "a new parameter": ({LEARNING_RATE: SearchedParameter(Uniform(0.1, 0.2))}, f"{LEARNING_RATE} is not given"),
}


def searching(changes: dict[str, SearchedParameter]) -> OptunaSearch:
    return OptunaSearch(replace(small_study(), search=ASKED | changes, tune=Tune(trials=5)), InMemoryStorage(), RECORDS)


@pytest.mark.parametrize("name", CHANGED)
def test_what_no_longer_fits_is_told_in_a_sentence(name: str) -> None:
    changes, words = CHANGED[name]
    with pytest.raises(StudyFileError) as caught:
        searching(changes)
    assert str(caught.value) == (
        f"small: trial 0002 cannot go on: its {words}, which the search in this study's study.yaml does not take; "
        "undo what was changed there, or run the changed one as a study of its own"
    )


def test_what_still_fits_goes_on() -> None:
    search = searching({WEIGHT: SearchedParameter(Uniform(3.0, 20.0))})
    assert search.suggest("any") == {"trial": "0002", "values": {METHOD: "soft", WEIGHT: 3.0}}
