"""A trial as a Ray Tune actor. One step is one epoch; the last also measures the test split, projects, and is `done`.

What Tune hands over: `trial` (its id), `study` (the text of the study file) and `values` (dotted path → sampled value).
What a step reports: `epoch`, `metrics` of that epoch, in the last step `final`, what `Trial.finish` measured.

An error inside a trial is reported, not raised: `error` (one line) and `traceback`. The process serves the next trial,
and Tune's retries are left for lost processes and lost nodes.
"""

import time
import traceback
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from ray import tune
from ray.tune.result import DONE, SHOULD_CHECKPOINT

from search_spaces.load import StudyFileError, load_text, resolve
from search_spaces.schema import Study
from study.trial import Trial

CHECKPOINT_SECONDS = 60.0
"""A trial that trains for longer saves itself this often, so that a lost node costs little."""


class TrialActor(tune.Trainable):
    """Steps through one trial after another; a new one starts with a new config."""

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.request = new_config
        self.trial: Trial | None = None
        self.saved = time.monotonic()
        _forget_peak_memory()
        return True

    def step(self) -> dict[str, Any]:
        try:
            return self._advance()
        except torch.AcceleratorError:
            raise  # this process can no longer use its GPU; Tune starts the trial again in another one
        except Exception as error:
            return {DONE: True, "error": one_line(error), "traceback": traceback.format_exc()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        if self.trial is not None:
            self.trial.save(Path(checkpoint_dir))
        self.saved = time.monotonic()

    def load_checkpoint(self, checkpoint: Any) -> None:
        self.trial = self._build()
        self.trial.load(Path(checkpoint))

    def _build(self) -> Trial:
        study = _load(self.request["study"])
        return Trial(place(resolve(study, self.request["values"])))

    def _advance(self) -> dict[str, Any]:
        self.trial = trial = self.trial or self._build()
        epoch = trial.epoch + 1
        metrics = trial.step()
        result: dict[str, Any] = {"epoch": epoch, "metrics": metrics}
        if trial.done:
            result |= {"final": trial.finish(), DONE: True}
        elif time.monotonic() - self.saved > CHECKPOINT_SECONDS:
            result[SHOULD_CHECKPOINT] = True
        return result


_load = lru_cache(maxsize=1)(load_text)  # all trials of a process belong to one study


def place(study: Study) -> Study:
    """The study with `device: auto` decided by its resources: without a share of a GPU a trial stays on the CPU."""
    if study.training.device != "auto" or study.resources.gpu > 0:
        return study
    return replace(study, training=replace(study.training, device="cpu"))


def one_line(error: BaseException) -> str:
    """An error's type and the first line of its message; of our own messages about settings the message alone."""
    message = str(error).strip().partition("\n")[0]
    if isinstance(error, StudyFileError):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _forget_peak_memory() -> None:
    """The process is reused: the next trial's peak must not be the last one's."""
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):  # Linux only
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
