"""What was written down once is still so: figures of trials and of a study, and the files of a study of before."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from search_spaces.load import dump, load_recorded, load_study, resolve
from study.driver.runner import resume
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.trial.trial import Trial
from tests.recorded import studies, trials


@pytest.fixture(scope="module")
def exact() -> bool:
    """Whether this machine rounds like the one that wrote the records."""
    torch.set_num_threads(1)
    return trials.arithmetic() == trials.read()["arithmetic"]


def same(figures: Mapping[str, Any], recorded: Mapping[str, Any], *, exact: bool) -> bool:
    """The same texts and numbers, the latter to the last bit if `exact`; figures of names that came later are new."""
    if not recorded.keys() <= figures.keys():
        return False
    figures = {name: figures[name] for name in recorded}
    if exact:
        return dict(figures) == dict(recorded)
    return all(
        value == recorded[name]
        if isinstance(value, str)
        else value == pytest.approx(recorded[name], rel=trials.ELSEWHERE, abs=1e-12)
        for name, value in figures.items()
    )


@pytest.mark.parametrize("trial", trials.TRIALS)
def test_a_trial_gives_the_figures_that_were_written_down(trial: str, exact: bool) -> None:
    assert same(trials.figures_of(trial), trials.read()["figures"][trial], exact=exact)


@pytest.mark.ray
@pytest.mark.slow
def test_a_study_gives_the_trials_that_were_written_down(tmp_path: Path, exact: bool) -> None:
    found, recorded = studies.run_it(tmp_path / "recorded"), studies.read()["trials"]
    assert found.keys() == recorded.keys()
    for ident, trial in found.items() if exact else []:  # a rounding error may prune another trial
        assert trial == recorded[ident], ident


def test_the_settings_of_a_study_of_before_are_read() -> None:
    before, now = load_recorded(studies.STOPPED / "study.yaml"), load_study(studies.FILE)
    assert dump(before) == dump(now)


def test_a_checkpoint_of_before_is_read(exact: bool) -> None:
    values = Journal(studies.STOPPED).trials()["0001"].values
    trial = Trial(resolve(load_study(studies.FILE), values))
    trial.load(studies.STOPPED / "trials" / "0001")
    assert trial.done
    metrics = trial.history[-1] | trial.finish()
    recorded = studies.read()["trials"]["0001"]["metrics"]
    assert same(trials.without_costs(metrics), recorded, exact=exact)


@pytest.mark.ray
def test_a_study_of_before_goes_on_where_it_was_stopped(tmp_path: Path, exact: bool) -> None:
    directory = Path(shutil.copytree(studies.STOPPED, tmp_path / "recorded"))
    journal = Journal(directory)
    before, recorded = journal.trials(), studies.read()["trials"]
    assert before["0006"].status is TrialStatus.STOPPED
    resume(directory)
    after = journal.trials()
    assert len(after) == len(recorded) and all(record.status.final for record in after.values())
    for ident in before:
        trial = studies.trials_in(directory)[ident]
        assert trial["values"] == recorded[ident]["values"]
        assert same(trial["metrics"], recorded[ident]["metrics"], exact=exact), ident
    assert [when for _, when, _ in after["0006"].history[:3]] == [when for _, when, _ in before["0006"].history]
