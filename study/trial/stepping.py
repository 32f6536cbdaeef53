"""A trial that is asked for, and told, step by step. One step is one epoch; the last also measures the test split,
projects, and is `done`.

A request holds `trial` (its id), `study` (the text of the study file), `values` (dotted path → sampled value),
`folder`, where trials leave their files, and `modules`, the folders with the user's own. A trial goes on from what it
finds in its folder. What a step reports: `epoch`, `metrics` of that epoch, in the last step `final`, what
`Trial.finish` measured, and the `reason` of a divergence; that epoch has its costs then, with those of the projection.
The first step also reports the epochs before it, `earlier`: some may not have arrived. `notes` are lines for the user.

An error inside a trial is reported, not raised: `error` (one line) and `traceback`. The process serves the next trial,
and retries are left for lost processes and lost nodes.
"""

import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from cnn_core.problems import Problem
from search_spaces import modules
from search_spaces.errors import USERS_ERRORS, one_line
from search_spaces.load import build_problem, load_text, resolve
from search_spaces.schema import ProblemChoice
from study.trial import trainings, trial_folder
from study.trial.machine import with_device
from study.trial.trial import Trial

DONE = "done"
"""Tune's own word, too."""

RAY_ENDS_IT = "ray_terminate_msg"
"""What a SystemExit has by which Ray ends a process; the user's own code may raise others."""

Result = dict[str, Any]


def _take_epoch(trial: Trial) -> None:
    trial.step()


@dataclass
class SteppedTrial:
    """One trial, by its request.

    `epoch` takes it an epoch on and measures it. `working` is entered while it computes anything else, `build` makes
    its problem: trials that share a process may share these.
    """

    request: Mapping[str, Any]
    epoch: Callable[[Trial], None] = _take_epoch
    working: Callable[[], AbstractContextManager[Any]] = nullcontext
    build: Callable[[ProblemChoice], Problem] = build_problem

    def __post_init__(self) -> None:
        self.trial: Trial | None = None
        self.saved = time.monotonic()
        self.repeats = False

    def step(self) -> Result:
        """The next epoch. Raises what ends the process: a GPU that it can no longer use, or Ray's order."""
        try:
            return self._advance()
        except torch.AcceleratorError:
            raise  # Tune starts the trial again in another process
        except USERS_ERRORS as error:
            if hasattr(error, RAY_ENDS_IT):
                raise
            self.trial = None
            return {DONE: True, "error": one_line(error), "traceback": traceback.format_exc()}

    def close(self) -> None:
        """Nobody asks for more: a trial that was stopped before its end is saved, and may go on later."""
        if self.trial is not None and not self.trial.done:
            self._save(self.trial)
        self.trial = None

    def _advance(self) -> Result:
        result: Result = {"notes": []}
        begins = self.trial is None
        if self.trial is None:
            with self.working():
                self.trial, result["notes"] = self._begin()
        trial = self.trial
        if not trial.done:
            self.epoch(trial)
        if begins:
            result["earlier"] = trial.history[:-1]
        with self.working():
            final = trial.finish() if trial.done else {}
        result["epoch"] = len(trial.history)
        result["metrics"] = {name: final.get(name, value) for name, value in trial.history[-1].items()}
        if trial.done:
            result |= {"final": final, "reason": trial.reason, DONE: True}
        if trial.done or time.monotonic() - self.saved > trial.study.tune.checkpoint_seconds:
            result["notes"] += self._save(trial)
        return result

    def _begin(self) -> tuple[Trial, list[str]]:
        """The trial, new or as far as it came before; what was wrong with its checkpoints."""
        modules.look_in(*self.request.get("modules", ()), seen=True)
        whole, values = _load(self.request["study"]), self.request["values"]
        study = with_device(resolve(whole, values))
        self.repeats = trainings.may_repeat(whole, values)
        trial, notes = trial_folder.begin(study, self._folder, self.build(study.problem))
        if self.repeats and not trial.history:
            trial = trainings.take_over(trial, self.request["folder"])
        return trial, notes

    def _save(self, trial: Trial) -> list[str]:
        """What was wrong, if it could not be saved: the trial goes on, and may be saved later."""
        self.saved = time.monotonic()
        try:
            trial_folder.save(trial, self._folder)
            if self.repeats and trial.done:
                trainings.offer(trial, self.request["folder"], self.request["trial"])
        except OSError as error:
            return [f"{self._folder}: it could not be saved ({one_line(error)})"]
        return []

    @property
    def _folder(self) -> str:
        return f"{self.request['folder']}/{self.request['trial']}"


_load = lru_cache(maxsize=1)(load_text)  # all trials of a process belong to one study
