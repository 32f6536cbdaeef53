"""Which settings mattered to contestants, over several searches in which it is known."""

import random
from collections.abc import Sequence

from search_spaces.schema import Study
from study.analysis.findings import Analysis, analyse
from study.analysis.importance import FEWEST_TRIALS
from study.comparing.mattered import mattered
from study.journal.record import TrialRecord
from tests.study.competing import LEARNING_RATE, WEIGHT, competing, record

EACH = FEWEST_TRIALS - 5
"""Trials of a search: too few of one search alone."""


def search(study: Study, seed: int) -> Analysis:
    """The errors of `heavy` depend on its weight alone; `plain` searches one setting."""
    generator, made = random.Random(seed), list[TrialRecord]()
    for index in range(EACH):
        rate, weight = 10 ** generator.uniform(-3, -2), 10 ** generator.uniform(-1, 1)
        made.append(record(f"{index}h", {"contestant": "heavy", LEARNING_RATE: rate, WEIGHT: weight}, data=weight))
        made.append(record(f"{index}p", {"contestant": "plain", LEARNING_RATE: rate}, data=rate))
    return analyse(study, {one.trial: one for one in made})


def searches(study: Study, count: int) -> Sequence[Analysis]:
    return [search(study, seed) for seed in range(count)]


def test_the_setting_that_a_contestant_depends_on_comes_out() -> None:
    study = competing()
    found = mattered(study, searches(study, 4))
    assert set(found["heavy"]) == {LEARNING_RATE, WEIGHT}
    assert found["heavy"][WEIGHT] > 0.7
    assert abs(sum(found["heavy"].values()) - 1) < 1e-12


def test_one_setting_has_none_to_compare_with() -> None:
    study = competing()
    assert "plain" not in mattered(study, searches(study, 4))


def test_nothing_is_said_of_few_trials() -> None:
    study = competing()
    assert mattered(study, searches(study, 1)) == {}
    assert "heavy" in mattered(study, searches(study, 2))
    assert mattered(study, []) == {}
