"""CPU seconds of training and of projection: told apart, counted on by a trial that is resumed."""

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cnn_core.solvers import AdamProjection
from study.trial import trial_folder
from study.trial.seconds import BOTH, PROJECTION, TRAINING, Seconds, most
from study.trial.trial import Trial
from tests.study.small_study import small_study

PROJECTING: Any = AdamProjection(max_steps=3, points=10, every=1)


def test_waiting_costs_seconds_by_the_clock_only() -> None:
    seconds = Seconds()
    with seconds.counting():
        time.sleep(0.05)
    assert seconds.clock >= 0.05 > seconds.cpu >= 0


def test_training_and_projection_are_told_apart_in_every_epoch_and_at_the_end() -> None:
    trial = Trial(small_study(projection=PROJECTING))
    figures: list[Any] = [trial.step() for _ in range(3)]
    figures.append(trial.finish())
    for earlier, later in pairwise(figures):
        assert all(0 < earlier[name] <= later[name] for name in (TRAINING, BOTH))
    assert figures[-1][TRAINING] == figures[-2][TRAINING]  # nothing is trained at the end
    assert figures[-1][PROJECTION] > figures[-2][PROJECTION] > 0
    assert all(one[BOTH] == pytest.approx(one[TRAINING] + one[PROJECTION]) for one in figures)


def test_a_trial_without_projection_has_no_seconds_of_one() -> None:
    trial = Trial(small_study())
    figures = trial.step()
    assert PROJECTION not in figures and figures[BOTH] == figures[TRAINING]


def test_a_trial_that_goes_on_counts_on(tmp_path: Path) -> None:
    study = small_study(projection=PROJECTING)
    trial = Trial(study)
    before: Any = trial.step()
    trial_folder.save(trial, str(tmp_path))
    again, complaints = trial_folder.begin(study, str(tmp_path))
    assert (complaints, again.seconds.cpu, again.projection_seconds.cpu) == ([], before[TRAINING], before[PROJECTION])
    after: Any = again.step()
    assert after[TRAINING] > before[TRAINING] and after[PROJECTION] > before[PROJECTION]


def test_checkpoints_of_before_count_on_from_the_clock() -> None:
    trial = Trial(small_study(projection=PROJECTING))
    trial.step()
    state = trial._state()
    state["history"] = [{name: value for name, value in one.items() if "cpu" not in name} for one in state["history"]]
    again = Trial(small_study(projection=PROJECTING))
    again.restore(state)
    assert again.seconds.cpu == again.seconds.clock == trial.seconds.clock
    assert again.projection_seconds.cpu == again.projection_seconds.clock == trial.projection_seconds.clock


def test_what_only_grows_is_what_it_came_to() -> None:
    assert most([{"a": 1.0}, {"a": 3.0}, {"b": 5.0}], "a") == 3.0
    assert most([{"b": 5.0}], "a", 2.0) == 2.0
