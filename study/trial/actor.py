"""A trial as a Ray Tune actor. One step is one epoch; the last also measures the test split, projects, and is `done`.

What Tune hands over: `trial` (its id), `study` (the text of the study file), `values` (dotted path → sampled value),
`folder`, where trials leave their files, and `modules`, the folders with the user's own. A trial goes on from what it
finds in its folder; Tune's own checkpoints are not used. What a step reports: `epoch`, `metrics` of that epoch, in the
last step `final`, what `Trial.finish` measured, and the `reason` of a divergence. The first step also reports the
epochs that the trial had done before, `earlier`: some may not have arrived. `notes` are lines for the user.

An error inside a trial is reported, not raised: `error` (one line) and `traceback`. The process serves the next trial,
and Tune's retries are left for lost processes and lost nodes.
"""

import time
import traceback
from functools import lru_cache
from typing import Any

import torch
from ray import tune
from ray.tune.result import DONE

from search_spaces import modules
from search_spaces.errors import USERS_ERRORS, one_line
from search_spaces.load import load_text, resolve
from study.trial import trial_folder
from study.trial.machine import forget_peak_memory, with_device
from study.trial.trial import Trial

RAY_ENDS_IT = "ray_terminate_msg"
"""What a SystemExit has by which Ray ends a process; the user's own code may raise others."""


class TrialActor(tune.Trainable):
    """Steps through one trial after another; a new one starts with a new config."""

    trial: Trial | None = None

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self.request = new_config
        self.saved = time.monotonic()
        forget_peak_memory()
        return True

    def step(self) -> dict[str, Any]:
        try:
            return self._advance()
        except torch.AcceleratorError:
            raise  # this process can no longer use its GPU; Tune starts the trial again in another one
        except USERS_ERRORS as error:
            if hasattr(error, RAY_ENDS_IT):
                raise
            self.trial = None
            return {DONE: True, "error": one_line(error), "traceback": traceback.format_exc()}

    def cleanup(self) -> None:
        """Called when a trial was stopped before its end, too: it is saved, and may go on later."""
        if self.trial is not None and not self.trial.done:
            self._save(self.trial)
        self.trial = None

    def _advance(self) -> dict[str, Any]:
        result: dict[str, Any] = {"notes": []}
        if self.trial is None:
            self.trial, result["notes"] = self._begin()
            result["earlier"] = [*self.trial.history]
        trial = self.trial
        if not trial.done:
            trial.step()
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
        study = _load(self.request["study"])
        return trial_folder.begin(with_device(resolve(study, self.request["values"])), self._folder)

    def _save(self, trial: Trial) -> list[str]:
        """What was wrong, if it could not be saved: the trial goes on, and may be saved later."""
        self.saved = time.monotonic()
        try:
            trial_folder.save(trial, self._folder)
        except OSError as error:
            return [f"{self._folder}: it could not be saved ({one_line(error)})"]
        return []

    @property
    def _folder(self) -> str:
        return f"{self.request['folder']}/{self.request['trial']}"


_load = lru_cache(maxsize=1)(load_text)  # all trials of a process belong to one study
