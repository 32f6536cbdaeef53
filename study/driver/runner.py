"""A study, from its file to its last trial: Tune runs the trials, Optuna chooses them, the recorder writes them down.

Nothing of a study that exists is ever overwritten. The first Ctrl-C (or SIGTERM, or the time limit) ends a study in
order: running trials are marked stopped, the journal is closed; a second Ctrl-C ends it at once. Either way, or when
the driver was killed, `resume` goes on from the journal and the trials' own checkpoints. Of what Tune and Ray save
themselves nothing is read.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from optuna.storages import BaseStorage
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from rich.console import Console

from search_spaces.convert import grid
from search_spaces.load import StudyFileError, dump_yaml, load_recorded
from search_spaces.schema import Study
from study.cluster import cluster, preflight
from study.driver.recorder import Recorder
from study.driver.stopping import Stopping
from study.journal.files import OPTUNA, STUDY, TRIALS
from study.journal.journal import Journal
from study.journal.shared_copy import Published
from study.journal.study_folder import (
    Place,
    Whereabouts,
    begin,
    free_again_if_refused,
    only_runner,
    whereabouts,
)
from study.progress.live_view import Progress
from study.search import schedulers
from study.search.optuna_file import database
from study.search.optuna_search import OptunaSearch
from study.trial.actor import TrialActor
from study.trial.files import TRACEBACK

LOST_PROCESSES = 3
"""How often a trial is started again whose process or node was lost. Errors of the trial itself are not tried again."""

SECONDS_BEFORE_TRACKING = 30.0
"""The first trials have the machine to themselves for so long, or until one has ended an epoch; then MLflow is told."""


class Tracker(Protocol):
    """Whoever follows the journal while the study runs, and takes it to `tracking_uri`."""

    @property
    def tracking_uri(self) -> str: ...
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
        with free_again_if_refused(directory):
            where = Whereabouts(Place.of(directory, storage), address or "local", _uri(tracker))
            begin(directory, study, where)  # now it is asked for; once all is ready, it starts
            outcome = _go_on(study, directory, where, hours, tracker, console)
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
        where = replace(before, address=address or before.address, tracking_uri=_uri(tracker))
        return _uploaded(_go_on(study, directory, where, hours, tracker, console), tracker)


def lengthened(directory: Path, more: int) -> Study:
    """The study in `directory` with so many trials more. Raises StudyFileError without one, and where a grid ends."""
    study = load_recorded(directory / STUDY)
    if more and study.tune.sampler == "grid" and study.tune.trials + more > (points := len(grid(study))):
        raise StudyFileError(
            f"{directory.name}: {more} trials more are too many for its grid of {points} points, got "
            f"{min(points, study.tune.trials)} already; run a study with more values, and --warm-start it from this one"
        )
    return replace(study, tune=replace(study.tune, trials=study.tune.trials + more))


def _go_on(
    study: Study,
    directory: Path,
    where: Whereabouts,
    hours: float | None,
    tracker: Tracker | None,
    console: Console | None,
) -> Outcome:
    with ThreadPoolExecutor(1) as aside:
        optuna_file = aside.submit(database, directory / OPTUNA)  # a second's work; meanwhile Ray starts
        with cluster.connection(where.address, problem=study.problem.name):
            return _to_the_end(study, directory, where, optuna_file.result(), hours, tracker, console)


def _to_the_end(
    study: Study,
    directory: Path,
    where: Whereabouts,
    optuna_file: BaseStorage,
    hours: float | None,
    tracker: Tracker | None,
    console: Console | None,
) -> Outcome:
    place, local = where.place, where.address == "local"
    ready = preflight.require(study, storage=place.storage, tracking_uri=where.tracking_uri, local=local)
    records = Journal(directory).trials()
    search = OptunaSearch(study, optuna_file, records)
    scheduler = schedulers.build(study.tune.scheduler, records.values())
    slots = _concurrent(study, ready.slots)
    shown = Progress(
        directory.name,
        study.objectives,
        trials=search.trials,
        feasible=study.feasible,
        slots=min(slots, ready.slots),
        hours=hours,
        backlog=tracker.backlog if tracker is not None else lambda: 0,
        console=console,
    )
    with (
        shown as progress,
        Stopping(hours, say=progress.say) as stopping,
        Published(directory, str(place)) if place.shared else nullcontext(),
    ):
        for warning in ready.warnings:
            progress.say(warning)

        def on_step() -> None:
            stopping.check()
            if tracker is not None and (progress.standing.fraction or progress.elapsed() > SECONDS_BEFORE_TRACKING):
                tracker.start()

        begin(directory, study, where)
        recorder = Recorder(study, directory, progress, folder=place.trials, on_step=on_step)
        try:
            _run_trials(study, search, recorder, scheduler, slots, place)
        except BaseException:
            recorder.end("KILLED" if stopping.by_user else "FAILED")
            raise
        finally:
            if lacking := search.close():
                progress.say(f"{OPTUNA} could not be written and lacks {lacking} trials; a resume adds them")
        recorder.end("KILLED" if stopping.by_user else "FAILED" if recorder.all_failed else "FINISHED")
        if tracker is not None:
            tracker.wake()
    return Outcome(_without_result(recorder), stopped=stopping.by_user)


def _run_trials(
    study: Study,
    search: OptunaSearch,
    recorder: Recorder,
    scheduler: TrialScheduler,
    concurrent: int,
    place: Place,
) -> None:
    if not search.left:
        return
    # Not the Tuner: it pickles callbacks and search, and runs them on the head node when the driver is a Ray client.
    tune.run(
        TrialActor,
        config={"study": dump_yaml(study), "folder": place.trials},
        resources_per_trial={"cpu": study.resources.cpu, "gpu": study.resources.gpu},
        num_samples=search.left,
        search_alg=search,
        scheduler=scheduler,
        max_concurrent_trials=concurrent,
        reuse_actors=True,
        max_failures=LOST_PROCESSES,
        raise_on_failed_trial=False,
        callbacks=[recorder],
        trial_name_creator=_trial_id,
        trial_dirname_creator=_trial_id,
        verbose=0,
        _remote=False,
        storage_path=place.storage,
        name=place.name,
    )


def _uploaded(outcome: Outcome, tracker: Tracker | None) -> Outcome:
    return outcome if tracker is None else replace(outcome, unsent=tracker.finish())


def _uri(tracker: Tracker | None) -> str | None:
    return tracker.tracking_uri if tracker is not None else None


def _trial_id(trial: Trial) -> str:
    return trial.config["trial"]


def _concurrent(study: Study, slots: int) -> int:
    """How many trials run at once."""
    return slots if study.tune.max_concurrent == "auto" else study.tune.max_concurrent


def _without_result(recorder: Recorder) -> str | None:
    if not recorder.all_failed:
        return None
    folder = recorder.directory / TRIALS
    return f"all {len(recorder.endings)} trials failed; {recorder.first_error} ({TRACEBACK} is in {folder}/)"
