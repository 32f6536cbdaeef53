"""A study, from its file to its last trial: Tune runs the trials, Optuna chooses them, the recorder writes them down.

Nothing of a study that exists is ever overwritten. The first Ctrl-C (or SIGTERM, or the time limit) ends a study in
order: running trials are marked stopped, the journal is closed; a second Ctrl-C ends it at once.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler
from rich.console import Console

from search_spaces.load import dump_yaml
from search_spaces.schema import Study
from study import cluster, preflight
from study.progress import Progress
from study.published import Published
from study.recorder import TRACEBACK, TRIALS, Recorder
from study.search import OptunaSearch, database
from study.stopping import Stopping
from study.trainable import TrialActor

LOST_PROCESSES = 3
"""How often a trial is started again whose process or node was lost. Errors of the trial itself are not tried again."""

NO_LIMIT = 10**9
EPOCH = "training_iteration"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Tracker(Protocol):
    """Whoever follows the journal while the study runs."""

    tracking_uri: str

    def start(self) -> None: ...
    def finish(self) -> str | None: ...
    def backlog(self) -> int: ...


@dataclass(frozen=True)
class Outcome:
    """How a study ended: `error` if without result, `unsent` if tracking lacks something, `stopped` if by the user."""

    error: str | None = None
    unsent: str | None = None
    stopped: bool = False


@dataclass(frozen=True)
class Place:
    """Where Ray keeps its own files of a study: the folder `name` in `storage`, a folder or URI."""

    storage: str
    name: str

    @staticmethod
    def of(directory: Path, storage: str | None) -> "Place":
        """In the study's own directory, or in a shared `storage` under a name that is not used twice."""
        if storage is None:
            return Place(str(directory), "ray")
        path = storage if "://" in storage else str(Path(storage).resolve())
        return Place(path, f"{directory.name}-{time.strftime('%Y%m%d-%H%M%S')}")


def claim_directory(runs: Path, name: str, *, exact: bool = True) -> Path:
    """Make the new folder `runs`/`name`, numbered (`name-2` …) if that exists and need not be `exact`.

    Raises FileExistsError or ValueError, one line, if that cannot be.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"--name is {name!r}; write letters, digits, '.', '_' and '-', e.g. my-study")
    candidates = [name] if exact else [name, *(f"{name}-{number}" for number in range(2, 1000))]
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for candidate in candidates:
            try:
                (runs / candidate).mkdir()
                return runs / candidate
            except FileExistsError:
                continue
    except OSError as error:
        raise ValueError(f"{runs}: results cannot be written there ({error.strerror}); choose another folder") from None
    raise FileExistsError(f"{runs / name}: a study of this name exists already; write another --name")


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
    limits the time. Raises ClusterError if the study cannot run at `address`; its name is then free again.
    """
    directory = directory.resolve()
    if (directory / "study.yaml").exists():
        raise FileExistsError(f"{directory}: a study of this name exists already; write another --name")
    directory.mkdir(parents=True, exist_ok=True)
    place = Place.of(directory, storage)
    with _removed_if_empty(directory), cluster.connection(address or "local", problem=study.problem.name):
        uri = tracker.tracking_uri if tracker is not None else None
        local = address in (None, "local")
        ready = preflight.require(study, storage=place.storage, tracking_uri=uri, local=local)
        (directory / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
        search = OptunaSearch(study, database(directory / "optuna.db"))
        slots = _concurrent(study, ready.slots)
        backlog = tracker.backlog if tracker is not None else lambda: 0
        shown = Progress(
            directory.name,
            study.objectives,
            trials=search.trials,
            slots=min(slots, ready.slots),
            hours=hours,
            backlog=backlog,
            console=console,
        )
        with (
            shown as progress,
            Stopping(hours, say=progress.say) as stopping,
            nullcontext() if storage is None else Published(directory, f"{place.storage}/{place.name}"),
        ):
            for warning in ready.warnings:
                progress.say(warning)
            recorder = Recorder(study, directory, progress, on_step=stopping.check)
            recorder.begin(storage=f"{place.storage}/{place.name}")
            if tracker is not None:
                tracker.start()
            try:
                _run_trials(study, search, recorder, slots, place)
            except BaseException:
                recorder.end("KILLED" if stopping.by_user else "FAILED")
                raise
            recorder.end("KILLED" if stopping.by_user else "FAILED" if recorder.all_failed else "FINISHED")
    unsent = tracker.finish() if tracker is not None else None
    return Outcome(_without_result(recorder), unsent, stopping.by_user)


def _run_trials(study: Study, search: OptunaSearch, recorder: Recorder, concurrent: int, place: Place) -> None:
    # Not the Tuner: it pickles callbacks and search, and runs them on the head node when the driver is a Ray client.
    tune.run(
        TrialActor,
        config={"study": dump_yaml(study)},
        resources_per_trial={"cpu": study.resources.cpu, "gpu": study.resources.gpu},
        num_samples=search.trials,
        search_alg=search,
        scheduler=_scheduler(study),
        max_concurrent_trials=concurrent,
        reuse_actors=True,
        max_failures=LOST_PROCESSES,
        raise_on_failed_trial=False,
        checkpoint_config=tune.CheckpointConfig(num_to_keep=1, checkpoint_at_end=True),
        callbacks=[recorder],
        trial_name_creator=_trial_id,
        trial_dirname_creator=_trial_id,
        verbose=0,
        _remote=False,
        storage_path=place.storage,
        name=place.name,
    )


@contextmanager
def _removed_if_empty(directory: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):  # it holds something
            directory.rmdir()
        raise


def _trial_id(trial: Trial) -> str:
    return trial.config["trial"]


def _concurrent(study: Study, slots: int) -> int:
    """How many trials run at once."""
    return slots if study.tune.max_concurrent == "auto" else study.tune.max_concurrent


def _scheduler(study: Study) -> TrialScheduler:
    scheduler = study.tune.scheduler
    metric, mode, grace = f"metrics/{scheduler.metric}", scheduler.mode, scheduler.grace
    match scheduler.name:
        case "asha":
            factor = scheduler.reduction_factor
            return ASHAScheduler(EPOCH, metric, mode, max_t=NO_LIMIT, grace_period=grace, reduction_factor=factor)
        case "median":
            return MedianStoppingRule(EPOCH, metric, mode, grace_period=grace)
        case _:
            return FIFOScheduler()


def _without_result(recorder: Recorder) -> str | None:
    if not recorder.all_failed:
        return None
    folder = recorder.directory / TRIALS
    return f"all {len(recorder.endings)} trials failed; {recorder.first_error} ({TRACEBACK} is in {folder}/)"
