"""A study, from its file to its last trial: Tune runs the trials, Optuna chooses them, the recorder writes them down.

Nothing of a study that exists is ever overwritten. The first Ctrl-C (or SIGTERM, or the time limit) ends a study in
order: running trials are marked stopped, the journal is closed; a second Ctrl-C ends it at once. Either way, or when
the driver was killed, `resume` goes on from the journal and the trials' own checkpoints. Of what Tune and Ray save
themselves nothing is read.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from rich.console import Console

from search_spaces import modules
from search_spaces.contestants import CONTESTANT, Asked
from search_spaces.counts import some
from search_spaces.load import StudyFileError, dump_yaml, load_recorded
from search_spaces.schema import Study
from search_spaces.sources import own_names
from search_spaces.space import parts, planned
from study.cluster import cluster, preflight
from study.cluster.preflight import Preflight
from study.driver import packs
from study.driver.losses import IN_A_ROW
from study.driver.packs import Packing
from study.driver.recorder import Recorder
from study.driver.stopping import Stopping
from study.journal.files import OPTUNA, STUDY, going_on
from study.journal.journal import Journal, Reader
from study.journal.own_code import code_changes
from study.journal.record import TrialRecord
from study.journal.shared_copy import SharedCopy
from study.journal.study_folder import Place, Whereabouts, asked_for, begin, only_runner, whereabouts
from study.pack.member import PackMember
from study.progress.live_view import Progress
from study.search import schedulers
from study.search.optuna_file import database
from study.search.optuna_search import OptunaSearch
from study.trial.actor import TrialActor

SECONDS_BEFORE_TRACKING = 30.0
"""The first trials have the machine to themselves for so long, or until one has ended an epoch; then MLflow is told."""


class Tracker(Protocol):
    """Whoever follows the journal while the study runs, and takes it to what the journal knows as `portable_uri`."""

    @property
    def portable_uri(self) -> str: ...
    def start(self) -> None: ...
    def wake(self) -> None: ...
    def finish(self) -> str | None: ...
    def backlog(self) -> int: ...


@dataclass(frozen=True)
class Outcome:
    """How a study ended: `error` if without result, `unsent` if tracking lacks something, `stopped` if by the user."""

    error: str | None = None
    unsent: str | None = None
    stopped: bool = False


def run(
    study: Study,
    *,
    directory: Path,
    address: str | None = None,
    storage: str | None = None,
    hours: float | None = None,
    tracker: Tracker | None = None,
    console: Console | None = None,
) -> Outcome:
    """Run all trials of `study` and leave what came of them in `directory`, which must not hold a study yet.

    Ray keeps its own files in `storage` (a folder or a URI that every node reaches; default: `directory`). `hours`
    limits the time. Raises FileExistsError if there is a study, BusyError while another process makes one, ClusterError
    if this one cannot run at `address`; its name is then free again.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    with only_runner(directory):
        if (directory / STUDY).exists():
            raise FileExistsError(f"{directory}: a study of this name exists already; write another --name")
        with asked_for(directory) as name:
            where = Whereabouts(Place.of(directory, storage), address or "local", _uri(tracker), tuple(modules.folders))
            begin(directory, study, where)
            new = StudyRun(study, directory, where, on_start=name.keep, hours=hours, tracker=tracker, console=console)
            outcome = new.to_the_end()
        return _uploaded(outcome, tracker)


def resume(
    directory: Path,
    *,
    more: int = 0,
    address: str | None = None,
    hours: float | None = None,
    tracker: Tracker | None = None,
    console: Console | None = None,
) -> Outcome:
    """Go on with the study in `directory`, wherever it ended or was killed, and run `more` trials than it had.

    At the address where it ran, unless another is given. Trials that did not end go on from their checkpoints. `more`
    and `address` are kept once all is ready there. Raises BusyError while another process runs the study, ClusterError
    if it cannot run at `address`, StudyFileError without a study.
    """
    directory = directory.resolve()
    with only_runner(directory):
        study, before = lengthened(directory, more), whereabouts(directory)
        modules.look_in(*before.modules, Path.cwd())
        where = replace(before, address=address or before.address, tracking_uri=_uri(tracker))
        begins = partial(begin, directory, study, where)
        again = StudyRun(study, directory, where, on_start=begins, hours=hours, tracker=tracker, console=console)
        return _uploaded(again.to_the_end(), tracker)


def lengthened(directory: Path, more: int) -> Study:
    """The study in `directory` with so many trials more. Raises StudyFileError without one, and without so many."""
    study = load_recorded(directory / STUDY)
    longer = replace(study, tune=replace(study.tune, trials=study.tune.trials + more))
    settings, before = planned(longer), planned(study)
    # Of several searches one may have no more settings, and the others go on.
    if more and settings < longer.tune.trials and (len(parts(study)) == 1 or settings == before):
        raise StudyFileError(
            f"{directory.name}: {some(more, 'trial')} more would be too many for a search that has "
            f"{some(settings, 'setting')}, with {before} planned already; run a study with more values, and "
            "--warm-start it from this one"
        )
    return longer


@dataclass(frozen=True)
class StudyRun:
    """A study on its way to its last trial, in `directory` and at the places of `where`.

    `on_start` is called once all is ready for the first trial, before it starts.
    """

    study: Study
    directory: Path
    where: Whereabouts
    on_start: Callable[[], None]
    hours: float | None = None
    tracker: Tracker | None = None
    console: Console | None = None

    def to_the_end(self) -> Outcome:
        """Connect to Ray, look whether the study can run there, and run what the journal does not have yet."""
        with ThreadPoolExecutor(1) as aside:
            optuna_file = aside.submit(database, self.directory / OPTUNA)  # a second's work; meanwhile Ray starts
            resume = f"cnn-study {going_on(self.directory)}"
            with cluster.connection(self.where.address, own=own_names(self.study), data=self.study.data, resume=resume):
                ready = self._preflight()
                judged = self.study.tune.scheduler.name != "none"  # whose scheduler, and search, learns from epochs
                journal = Reader(Journal(self.directory), epochs=judged).read()
                # One that did not end, and whose start is lost, is asked for anew.
                usable = (record for record in journal.records.values() if record.known or record.status.final)
                records = {record.trial: record for record in usable}
                ready = replace(ready, warnings=[*ready.warnings, *journal.complaints])
                search = OptunaSearch(self.study, optuna_file.result(), records)
                apart = CONTESTANT if self.study.contestants else self.study.tune.balance
                scheduler = schedulers.build(self.study.tune.scheduler, records.values(), balance=apart)
                return self._run(search, scheduler, records, ready)

    def _preflight(self) -> Preflight:
        storage, local = self.where.place.storage, self.where.address == "local"
        return preflight.require(self.study, storage=storage, tracking_uri=self.where.tracking_uri, local=local)

    def _run(
        self, search: OptunaSearch, scheduler: TrialScheduler, records: dict[str, TrialRecord], ready: Preflight
    ) -> Outcome:
        packing = packs.decided(self.study, slots=ready.slots, trials=search.left, folders=self._modules())
        places = ready.slots * packing.size
        slots = _concurrent(self.study, places)
        with (
            self._shown(search.trials, min(slots, places)) as progress,
            Stopping(self.hours, say=progress.say) as stopping,
            SharedCopy(self.directory, str(self.where.place)) if self.where.place.shared else nullcontext(),
        ):
            for warning in [*ready.warnings, *code_changes(self.directory, self.study)]:
                progress.say(warning)
            self.on_start()
            recorder = Recorder(
                self.study, self.directory, records, progress,
                folder=self.where.place.trials, on_end=search.tell, on_step=partial(self._on_step, stopping, progress),
            )  # fmt: skip
            if packing.reason is not None:
                progress.say(packing.reason)
                recorder.journal.append("packs", size=packing.size, reason=packing.reason)
            try:
                self._tune(search, scheduler, recorder, slots, packing)
            except BaseException:
                recorder.end("KILLED" if stopping.by_user else "FAILED")
                raise
            finally:
                for line in search.budget.told():
                    progress.say(line)
                if lacking := search.close():
                    few = some(lacking, "trial")
                    progress.say(f"{OPTUNA} could not be written and lacks {few}; a resume adds what is lacking")
            error = recorder.failure()
            recorder.end("KILLED" if stopping.by_user else "FAILED" if error else "FINISHED")
            if self.tracker is not None:
                self.tracker.wake()
        return Outcome(error, stopped=stopping.by_user)

    def _modules(self) -> list[str]:
        """Where trials look for the user's modules; the nodes of a cluster have got copies."""
        return modules.folders if self.where.address == "local" else []

    def _shown(self, trials: int, slots: int) -> Progress:
        return Progress(
            self.directory.name,
            Asked(self.study),
            trials=trials,
            slots=slots,
            hours=self.hours,
            backlog=self.tracker.backlog if self.tracker is not None else lambda: 0,
            console=self.console,
        )

    def _on_step(self, stopping: Stopping, progress: Progress) -> None:
        """Called often while trials run."""
        stopping.check()
        if self.tracker is not None and (progress.standing.fraction or progress.elapsed() > SECONDS_BEFORE_TRACKING):
            self.tracker.start()

    def _tune(
        self, search: OptunaSearch, scheduler: TrialScheduler, recorder: Recorder, slots: int, packing: Packing
    ) -> None:
        if not search.left:
            return
        place, resources = self.where.place, self.study.resources
        with packs.office(resources, packing) if packing.packs else nullcontext({}) as office:
            # Not the Tuner: it pickles callbacks and search, and runs them on the head if the driver is a Ray client.
            tune.run(
                PackMember if packing.packs else TrialActor,
                config={"study": dump_yaml(self.study), "folder": place.trials, "modules": self._modules(), **office},
                resources_per_trial=packs.share(resources, packing),
                num_samples=search.left,
                search_alg=search,
                scheduler=scheduler,
                max_concurrent_trials=slots,
                reuse_actors=True,
                max_failures=IN_A_ROW,
                raise_on_failed_trial=False,
                callbacks=[recorder],
                trial_name_creator=_trial_id,
                trial_dirname_creator=_trial_id,
                verbose=0,
                _remote=False,
                storage_path=place.storage,
                name=place.name,
            )


def _concurrent(study: Study, slots: int) -> int:
    """How many trials run at once."""
    return slots if study.tune.max_concurrent == "auto" else study.tune.max_concurrent


def _uploaded(outcome: Outcome, tracker: Tracker | None) -> Outcome:
    return outcome if tracker is None else replace(outcome, unsent=tracker.finish())


def _uri(tracker: Tracker | None) -> str | None:
    return tracker.portable_uri if tracker is not None else None


def _trial_id(trial: Trial) -> str:
    return trial.config["trial"]
