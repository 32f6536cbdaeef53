"""What happens in a study → its journal, the files of its trials, what the user sees.

Tune calls it in the driver. Of the journal it writes all but the study's starts. A trial's files come from where trials
leave them, whichever node they were written on.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from search_spaces.errors import one_line
from search_spaces.schema import Study
from study.journal.files import TRIALS
from study.journal.journal import Journal, TrialRecord, TrialStatus
from study.progress.live_view import Progress
from study.trial import trial_folder
from study.trial.files import TRACEBACK


class Recorder(Callback):
    """Writes down the trials of one study in `directory`."""

    def __init__(
        self, study: Study, directory: Path, progress: Progress, *, folder: str, on_step: Callable[[], None]
    ) -> None:
        self.study, self.directory, self.progress, self.on_step = study, directory, progress, on_step
        self.folder = folder
        self.journal = Journal(directory)
        self.records = self.journal.trials()
        self.running: dict[str, TrialRecord] = {}
        self.endings = [record.status for record in self.records.values() if record.status.final]
        self.first_error = next((record.error for record in self.records.values() if record.error), None)
        progress.recall(self.records.values())

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        ident, values = trial.config["trial"], trial.config["values"]
        if ident in self.running:  # again, on another node
            return
        method = values.get("training.method.name", self.study.training.method.name)
        self.running[ident] = self.records.pop(ident, None) or TrialRecord(ident, values, method)
        self.journal.trial_start(ident, values=values, method=method)
        self.progress.started(ident, method, epochs=values.get("training.epochs", self.study.training.epochs))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        ident = trial.config["trial"]
        for note in result.get("notes", ()):
            self.progress.say(f"trial {ident}: {note}")
        if "metrics" not in result:
            return
        for epoch, metrics in enumerate(result.get("earlier", ()), start=1):
            self._epoch(ident, epoch, metrics)
        self._epoch(ident, result["epoch"], result["metrics"])
        self.progress.advanced(ident, result["epoch"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        result, ident = trial.last_result, trial.config["trial"]
        if "error" in result:
            error = result["error"]
            self._keep_traceback(ident, result["traceback"])
        else:
            error = self._fetch(ident)
        self._end(ident, ending(result), result.get("final", {}), error)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        ident, text = trial.config["trial"], str(trial.get_error())
        self._keep_traceback(ident, text)
        self.on_trial_start(iteration, trials, trial)  # unless it had started
        times = trial.run_metadata.num_failures
        lost = f"its process was lost {times} times; does it have enough memory?"
        self._end(ident, TrialStatus.FAILED, {}, raised(text) or lost)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.progress.say(f"trial {trial.config['trial']} lost its process or its node; it is started again")

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self.progress.tick()
        self.on_step()

    def end(self, status: str) -> None:
        """The study ends, with one of MLflow's statuses; trials that still run are marked as stopped."""
        for ident in list(self.running):
            self._end(ident, TrialStatus.STOPPED, {}, None)
        self.journal.append("study-end", status=status)

    @property
    def all_failed(self) -> bool:
        """Whether trials ended, and every one of them with an error."""
        return bool(self.endings) and all(status is TrialStatus.FAILED for status in self.endings)

    def _epoch(self, ident: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write down an epoch, unless it was: a trial that goes on repeats those since its last checkpoint."""
        history = self.running[ident].history
        if epoch > (history[-1][0] if history else 0):
            history[:] = [(epoch, 0.0, dict(metrics))]
            self.journal.epoch(ident, epoch, metrics)

    def _end(self, ident: str, status: TrialStatus, final: Mapping[str, float | str], error: str | None) -> None:
        history = self.running.pop(ident).history
        metrics = dict(final) | (history[-1][2] if history else {})
        self.endings.append(status)
        if status is TrialStatus.FAILED and self.first_error is None:
            self.first_error = f"trial {ident}: {error}"
        self.journal.trial_end(ident, status, metrics, error)
        self.progress.ended(ident, status, metrics, error)

    def _fetch(self, ident: str) -> str | None:
        """Bring the trial's files here; says what is wrong if that fails, which does not make the trial a failure."""
        target = self.directory / TRIALS / ident
        if self.folder == str(target.parent):
            return None
        try:
            trial_folder.fetch(f"{self.folder}/{ident}", target)
        except OSError as error:
            return f"its files could not be fetched: {one_line(error)}"
        return None

    def _keep_traceback(self, ident: str, text: str) -> None:
        folder = self.directory / TRIALS / ident
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TRACEBACK).write_text(text, encoding="utf-8")


def raised(text: str) -> str | None:
    """The error that a trial's process raised last, from Tune's words about it; None if the process was lost."""
    last = text.rpartition("Failure # ")[2]
    return last.strip().rpartition("\n")[2] if "Traceback (most recent call last)" in last else None


def ending(result: Mapping[str, Any]) -> TrialStatus:
    """How a trial ended, from the last thing that it reported."""
    if "error" in result:
        return TrialStatus.FAILED
    if "final" in result:
        return TrialStatus(result["final"]["status"])
    return TrialStatus.PRUNED
