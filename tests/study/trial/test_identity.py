"""What a saved trial knows of its code, and what is said when that has changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.schema import ProblemChoice, Study
from study.trial import trial_folder
from study.trial.identity import CODE, code_changes, differences, differences_in_kind, settings_of
from study.trial.trial import Trial
from tests.study.own_code import BEFORE, own_study, write
from tests.study.small_study import small_study

CHANGED = "its own code has changed since this was saved; it goes on with the code of now"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.syspath_prepend(str(tmp_path))
    return own_study(tmp_path)


def test_the_code_is_part_of_a_trials_identity_where_it_is_the_users(study: Study, tmp_path: Path) -> None:
    before = settings_of(study)
    write(tmp_path, BEFORE + "# better\n")
    assert settings_of(study) != before
    assert CODE in json.loads(before) and CODE not in json.loads(settings_of(small_study()))
    assert differences(before, settings_of(study)) == []
    assert code_changes(before, settings_of(study)) == [CHANGED]


def test_what_was_saved_before_codes_were_known_is_accepted(study: Study) -> None:
    own = settings_of(study)
    before = json.dumps({name: value for name, value in json.loads(own).items() if name != CODE})
    assert differences(before, own) == code_changes(before, own) == []


@pytest.mark.parametrize(("problem", "normalised"), [("helmholtz", True), ("viscous-flow", False)])
def test_networks_saved_before_inputs_were_normalised_are_what_they_were(problem: str, normalised: bool) -> None:
    """On [−1, 1] it makes no difference; elsewhere a network that normalises is another one."""
    study = replace(small_study(), problem=ProblemChoice(problem))
    own = json.loads(settings_of(study))
    before = own | {"network": {key: own["network"][key] for key in ("name", "widths", "activation")}}
    for found in (differences, differences_in_kind):
        assert found(json.dumps(before), json.dumps(own)) == ([] if normalised else ["network"])
    own["network"]["normalise"] = normalised
    assert differences(json.dumps(before), json.dumps(own)) == []


def test_a_trial_that_goes_on_with_another_code_says_so(study: Study, tmp_path: Path) -> None:
    trial, folder = Trial(study), tmp_path / "trial"
    trial.step()
    trial_folder.save(trial, str(folder))
    assert trial_folder.begin(study, str(folder))[1] == Trial(study).load(folder) == []
    write(tmp_path, BEFORE + "# better\n")
    again, lines = trial_folder.begin(study, str(folder))
    assert (again.epoch, lines) == (1, [f"{folder}/checkpoint.pt: {CHANGED}"])
    assert Trial(study).load(folder) == [f"{folder}: {CHANGED}"]
