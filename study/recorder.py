"""What happens in a study → its journal, the files of its trials, what the user sees. The only writer of the journal.

Tune calls it in the driver. A trial's files come through Ray's storage, whichever node they were written on.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from search_spaces.schema import Study
from study.progress import Progress
from study.provenance import provenance
from study.records import Journal, TrialStatus
from study.trainable import one_line

TRIALS = "trials"
TRACEBACK = "traceback.txt"


class Recorder(Callback):
    """Writes down the trials of one study in `directory`."""

    def __init__(self, study: Study, directory: Path, progress: Progress, *, on_step: Callable[[], None]) -> None:
        self.study, self.directory, self.progress, self.on_step = study, directory, progress, on_step
        self.journal = Journal(directory)
        self.running: dict[str, dict[str, float]] = {}
        self.endings: list[TrialStatus] = []
        self.first_error: str | None = None

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        ident, values = trial.config["trial"], trial.config["values"]
        if ident in self.running:  # again, on another node
            return
        method = values.get("training.method.name", self.study.training.method.name)
        self.running[ident] = {}
        self.journal.trial_start(ident, values=values, method=method)
        self.progress.started(ident, method, epochs=values.get("training.epochs", self.study.training.epochs))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        if "metrics" not in result:
            return
        ident = trial.config["trial"]
        self.running[ident] = result["metrics"]
        self.journal.epoch(ident, result["epoch"], result["metrics"])
        self.progress.advanced(ident, result["epoch"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        result, ident = trial.last_result, trial.config["trial"]
        if "error" in result:
            error = result["error"]
            self._keep_traceback(ident, result["traceback"])
        else:
            error = self._fetch(trial, self.directory / TRIALS / ident)
        self._end(ident, ending(result), result.get("final", {}), error)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        ident, error = trial.config["trial"], trial.get_pickled_error()
        self._keep_traceback(ident, str(trial.get_error()))
        times = trial.run_metadata.num_failures
        lost = f"its process was lost {times} times; does it have enough memory?"
        cause = getattr(error, "cause", None)  # of what the process itself raised
        self._end(ident, TrialStatus.FAILED, {}, one_line(cause) if cause else lost)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.progress.say(f"trial {trial.config['trial']} lost its process or its node; it is started again")

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self.progress.tick()
        self.on_step()

    def begin(self, *, storage: str) -> None:
        """The study begins; `storage` is where Ray keeps its files of it."""
        self.journal.append("study-start", study=self.study.study, provenance=provenance(), storage=storage)

    def end(self, status: str) -> None:
        """The study ends, with one of MLflow's statuses; trials that still run are marked as stopped."""
        for ident in list(self.running):
            self._end(ident, TrialStatus.STOPPED, {}, None)
        self.journal.append("study-end", status=status)

    @property
    def all_failed(self) -> bool:
        """Whether trials ended, and every one of them with an error."""
        return bool(self.endings) and all(status is TrialStatus.FAILED for status in self.endings)

    def _end(self, ident: str, status: TrialStatus, final: Mapping[str, float | str], error: str | None) -> None:
        metrics = self.running.pop(ident, {}) | dict(final)
        self.endings.append(status)
        if status is TrialStatus.FAILED and self.first_error is None:
            self.first_error = f"trial {ident}: {error}"
        self.journal.trial_end(ident, status, metrics, error)
        self.progress.ended(ident, status, metrics, error)

    def _fetch(self, trial: Trial, target: Path) -> str | None:
        """Bring what `Trial.save` wrote; says what is wrong if that fails, which does not make the trial a failure."""
        if trial.checkpoint is None:
            return None
        try:
            trial.checkpoint.to_directory(str(target))
        except OSError as error:
            return f"its files could not be fetched: {one_line(error)}"
        for path in target.glob(".*"):
            path.unlink()  # Tune's own
        return None

    def _keep_traceback(self, ident: str, text: str) -> None:
        folder = self.directory / TRIALS / ident
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TRACEBACK).write_text(text, encoding="utf-8")


def ending(result: Mapping[str, Any]) -> TrialStatus:
    """How a trial ended, from the last thing that it reported."""
    if "error" in result:
        return TrialStatus.FAILED
    if "final" in result:
        return TrialStatus(result["final"]["status"])
    return TrialStatus.PRUNED
