"""What is said of a study that has ended: what is left of it, or that nothing is."""

from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.load import dump_yaml
from search_spaces.schema import Choice, SearchedParameter, Study, Uniform
from study.cli.conclusion import _what_is_left
from study.driver.runner import lengthened
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.progress.status import studies_table
from tests.study.competing import PLAIN, competing
from tests.study.progress.test_status import text_of
from tests.study.small_study import LEARNING_RATE, small_study


def planned(trials: int, *rates: float, sampler: str = "tpe") -> Study:
    study = small_study(*rates)
    return replace(study, tune=replace(study.tune, trials=trials, sampler=sampler))  # type: ignore[arg-type]


def ended(directory: Path, study: Study, *statuses: TrialStatus) -> Path:
    (directory / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
    for number, status in enumerate(statuses):
        Journal(directory).trial_start(f"{number:04d}", values={LEARNING_RATE: number}, method="unconstrained")
        Journal(directory).trial_end(f"{number:04d}", status, {})
    return directory


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_a_search_that_is_used_up_has_nothing_left(sampler: str, tmp_path: Path) -> None:
    used_up = ended(tmp_path, planned(20, 0.1, 0.2, sampler=sampler), TrialStatus.COMPLETED, TrialStatus.PRUNED)
    assert _what_is_left(used_up) == "left     nothing new to try: all 2 settings were trained"
    assert "2/2" in text_of(studies_table([used_up]))


def test_one_setting_is_used_up_by_one_trial(tmp_path: Path) -> None:
    used_up = ended(tmp_path, planned(2, 0.1), TrialStatus.COMPLETED)
    assert _what_is_left(used_up) == "left     nothing new to try: the only setting was trained"


def test_what_was_stopped_is_left(tmp_path: Path) -> None:
    stopped = ended(tmp_path, planned(20, 0.1, 0.2), TrialStatus.COMPLETED, TrialStatus.STOPPED)
    assert _what_is_left(stopped).startswith("left     1 trial; go on with: ")


def test_all_trials_that_were_asked_for_leave_nothing_to_say(tmp_path: Path) -> None:
    endless = replace(planned(2), search={LEARNING_RATE: SearchedParameter(Uniform(0.1, 0.2))})
    assert _what_is_left(ended(tmp_path, endless, *[TrialStatus.COMPLETED] * 2)) == ""


def test_a_study_without_search_is_one_trial(tmp_path: Path) -> None:
    assert _what_is_left(ended(tmp_path, planned(32), TrialStatus.COMPLETED)) == ""


def test_a_balanced_value_that_is_used_up_is_said_and_the_others_can_go_on(tmp_path: Path) -> None:
    study = small_study()
    search = {
        "training.method.name": SearchedParameter(Choice(("unconstrained", "soft"))),
        "training.method.weight": SearchedParameter(Uniform(0.1, 1.0), {"training.method.name": ("soft",)}),
    }
    study = replace(study, search=search, tune=replace(planned(6).tune, balance="training.method.name"))
    ended(tmp_path, study, *[TrialStatus.COMPLETED] * 4)
    assert _what_is_left(tmp_path) == (
        "left     nothing: only 4 of 6 trials differ; some of the balanced values are used up"
    )
    assert lengthened(tmp_path, 2).tune.trials == 8


def contestants_ended(directory: Path, study: Study, seconds: float) -> Path:
    (directory / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
    for number, name in enumerate(("heavy", "plain", "heavy", "plain")):
        Journal(directory).trial_start(f"{number:04d}", values={"contestant": name}, method=name)
        Journal(directory).trial_end(f"{number:04d}", TrialStatus.COMPLETED, {"time/cpu_s": seconds})
    return directory


def test_who_has_used_its_seconds_is_said(tmp_path: Path) -> None:
    directory = contestants_ended(tmp_path, competing(trials=30, tune={"seconds": 4.0}), 2.0)
    used = "left     nothing: heavy used its 4 s after 2 trials; plain used its 4 s after 2 trials"
    assert _what_is_left(directory) == used


def test_what_may_be_left_of_contestants_is_said(tmp_path: Path) -> None:
    directory = contestants_ended(tmp_path, competing(trials=30, tune={"seconds": 5.0}), 2.0)
    assert _what_is_left(directory).startswith("left     at most 26 trials; go on with: ")


def test_a_contestant_that_is_used_up_is_said(tmp_path: Path) -> None:
    alone = competing(trials=30, search={}, contestants={"heavy": PLAIN, "plain": PLAIN})
    assert _what_is_left(contestants_ended(tmp_path, alone, 1.0)) == (
        "left     nothing: only 4 of 30 trials differ; some contestants are used up"
    )
