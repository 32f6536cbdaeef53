"""What happens in a study → its journal, and from there to whoever must know: the search, what the user sees.

Tune calls it in the driver. Of the journal it writes all but the study's starts. How a trial ended is worked out once,
here, and is true once the journal has it: what Tune says first, a resume would not find again. A trial's files come
from where trials leave them, whichever node they were written on.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from search_spaces.contestants import CONTESTANT, plain_studies
from search_spaces.errors import one_line
from search_spaces.schema import Study
from study.driver.losses import Losses, last_failure, raised, words_about
from study.journal.events import Event, TrialStatus
from study.journal.files import TRIALS
from study.journal.journal import Journal
from study.journal.record import Metrics, TrialRecord, enter
from study.progress.live_view import Progress
from study.trial import trial_folder
from study.trial.files import TRACEBACK

WITHOUT_RESULT = (TrialStatus.FAILED, TrialStatus.LOST)

Listener = Callable[[TrialRecord], None]
"""Is told of every trial that ended for good, after the journal."""


class Recorder(Callback):
    """Writes down the trials of one study in `directory`; `records` is what its journal says of them, kept up to date.

    `folder` is where trials leave their files, `on_step` is called often.
    """

    def __init__(
        self,
        study: Study,
        directory: Path,
        records: dict[str, TrialRecord],
        progress: Progress,
        *,
        folder: str,
        on_end: Listener,
        on_step: Callable[[], None],
    ) -> None:
        self.study, self.directory, self.records, self.progress = study, directory, records, progress
        self.folder, self.on_end, self.on_step = folder, on_end, on_step
        self.plain = plain_studies(study)
        self.journal = Journal(directory)
        self.running: set[str] = set()
        self.losses = Losses()
        for record in records.values():
            _forget(record)
        progress.recall(records.values())

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        ident, values = trial.config["trial"], trial.config["values"]
        if ident in self.running:  # again, on another node
            return
        plain = self.plain[values.get(CONTESTANT)]
        tag = "training.method.name" if plain.trains else "projection.solver"
        method = values.get(CONTESTANT) or values.get(tag, plain.method)
        self._enter(self.journal.trial_start(ident, values=values, method=method))
        self.running.add(ident)
        self.progress.started(ident, method, epochs=values.get("training.epochs", plain.training.epochs))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        ident = trial.config["trial"]
        for note in result.get("notes", ()):
            self.progress.say(f"trial {ident}: {note}")
        if "metrics" not in result:
            return
        before = self.reached(ident)
        for epoch, metrics in enumerate(result.get("earlier", ()), start=1):
            self._epoch(ident, epoch, metrics)
        self._epoch(ident, result["epoch"], result["metrics"])
        if self.reached(ident) > before:
            self.losses.got_on(trial)
        self.progress.advanced(ident, result["epoch"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        result, ident = trial.last_result, trial.config["trial"]
        if "error" in result:
            error = result["error"]
            self._keep_traceback(ident, result["traceback"])
        else:
            (self.directory / TRIALS / ident / TRACEBACK).unlink(missing_ok=True)  # of an earlier end that was none
            error = "; ".join(filter(None, (result.get("reason"), self._fetch(ident)))) or None
        self._end(ident, ending(result), result.get("final", {}), error)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        ident, text = trial.config["trial"], words_about(trial)
        self._keep_traceback(ident, text)
        self.on_trial_start(iteration, trials, trial)  # unless it had started
        if error := raised(text):
            self._end(ident, TrialStatus.FAILED, {}, error)
            return
        times, why = self.losses.in_a_row(trial), self.losses.cause(last_failure(text))
        lost = f"its process was lost {times} times in a row {self._where(ident)}; the last time {why}"
        self._end(ident, TrialStatus.LOST, {}, lost)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        ident, text = trial.config["trial"], words_about(trial)
        error = raised(text)
        why = f"it raised {error}" if error else self.losses.cause(last_failure(text))
        self.progress.say(f"trial {ident} lost its process {self._where(ident)} ({why}); it is started again")

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self.progress.tick()
        self.on_step()

    def end(self, status: str) -> None:
        """The study ends, with one of MLflow's statuses; trials that still run are marked as stopped."""
        for ident in sorted(self.running):
            self._end(ident, TrialStatus.STOPPED, {}, None)
        self.journal.append("study-end", status=status)

    def failure(self) -> str | None:
        """Why the study has no result, if trials ended, and every one of them with an error."""
        ended = [record for record in self.records.values() if record.status is not TrialStatus.RUNNING]
        if not ended or any(record.status not in WITHOUT_RESULT for record in ended):
            return None
        first, folder = ended[0], self.directory / TRIALS
        lost = sum(record.status is TrialStatus.LOST for record in ended)
        failed = f"none of {len(ended)} trials has a result, {lost} {'is' if lost == 1 else 'are'} lost"
        if len(ended) == 1:
            failed = "the only trial is lost" if lost else "the only trial failed"
        elif not lost:
            failed = f"all {len(ended)} trials failed"
        return f"{failed}; trial {first.trial}: {first.error} ({TRACEBACK} is in {folder}/)"

    def reached(self, ident: str) -> int:
        """The last epoch that the journal has of a trial; 0 before the first."""
        return self.records[ident].epoch if ident in self.records else 0

    def _where(self, ident: str) -> str:
        epoch = self.reached(ident)
        return f"after epoch {epoch}" if epoch else "before the end of its first epoch"

    def _enter(self, event: Event) -> TrialRecord:
        """What the journal has of a trial from now on."""
        enter(event, self.records)
        return self.records[event["trial"]]

    def _epoch(self, ident: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write down an epoch, unless it was: a trial that goes on repeats those since its last checkpoint."""
        if epoch > self.reached(ident):
            self._enter(self.journal.epoch(ident, epoch, metrics))

    def _end(self, ident: str, status: TrialStatus, final: Metrics, error: str | None) -> None:
        metrics = {**final, **self.records[ident].last_epoch}
        record = self._enter(self.journal.trial_end(ident, status, metrics, error))
        self.running.remove(ident)
        if status.final:
            self.on_end(record)
            _forget(record)
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
        with suppress(OSError):  # no room; its last line is in the journal
            folder.mkdir(parents=True, exist_ok=True)
            (folder / TRACEBACK).write_text(text, encoding="utf-8")


def ending(result: Mapping[str, Any]) -> TrialStatus:
    """How a trial ended, from the last thing that it reported."""
    if "error" in result:
        return TrialStatus.FAILED
    if "final" in result:
        return TrialStatus(result["final"]["status"])
    return TrialStatus.PRUNED


def _forget(record: TrialRecord) -> None:
    """Of a trial that has ended for good, nobody here asks for its epochs any more."""
    if record.status.final:
        record.forget_epochs()
