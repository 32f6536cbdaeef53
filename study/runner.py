"""A study, from its file to its last trial: Tune runs the trials, Optuna chooses them, the recorder writes them down.

Nothing of a study that exists is ever overwritten. The first Ctrl-C (or SIGTERM, or the time limit) ends a study in
order: running trials are marked stopped, the journal is closed; a second Ctrl-C ends it at once. Either way, or when
the driver was killed, `resume` goes on from the journal and the trials' own checkpoints. Of what Tune and Ray save
themselves nothing is read.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from rich.console import Console

from search_spaces.convert import grid
from search_spaces.load import StudyFileError, dump_yaml, load_recorded
from search_spaces.schema import Study
from study import cluster, locks, preflight, schedulers
from study.optuna_file import database
from study.progress import Progress
from study.published import Published
from study.recorder import TRACEBACK, TRIALS, Recorder
from study.records import Journal
from study.search import OptunaSearch
from study.stopping import Stopping
from study.trainable import TrialActor

LOST_PROCESSES = 3
"""How often a trial is started again whose process or node was lost. Errors of the trial itself are not tried again."""

SECONDS_ALONE = 30.0
"""The first trials have the machine to themselves for so long, or until one has ended an epoch; then MLflow is told."""

STUDY, OPTUNA, RAY = "study.yaml", "optuna.db", "ray"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class BusyError(ValueError):
    """A study that another process runs."""


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


@dataclass(frozen=True)
class Place:
    """Where a study's files are besides its directory: Ray's own in the folder `name` of `storage`, a folder or URI."""

    storage: str
    name: str

    @staticmethod
    def of(directory: Path, storage: str | None) -> "Place":
        """In the study's own directory, or in a shared `storage` under a name that is not used twice."""
        if storage is None:
            return Place(str(directory), RAY)
        if urlsplit(storage).password is not None:
            raise ValueError(
                "--storage holds a secret key, which would be kept in files and logs; leave it out and set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY on every node"
            )
        path = storage if "://" in storage else str(Path(storage).resolve())
        return Place(path, f"{directory.name}-{time.strftime('%Y%m%d-%H%M%S')}")

    @staticmethod
    def again(directory: Path, place: str) -> "Place":
        """What `str` said of it, even if the study's directory was moved since."""
        storage, _, name = place.rpartition("/")
        return Place.of(directory, None) if name == RAY else Place(storage, name)

    def __str__(self) -> str:
        return f"{self.storage}/{self.name}"

    @property
    def shared(self) -> bool:
        """Whether this is another folder than the study's own."""
        return self.name != RAY

    @property
    def trials(self) -> str:
        """Where trials leave their files."""
        return f"{self if self.shared else self.storage}/{TRIALS}"


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
    if (directory / STUDY).exists():
        raise FileExistsError(f"{directory}: a study of this name exists already; write another --name")
    directory.mkdir(parents=True, exist_ok=True)
    with _removed_if_empty(directory):
        place = Place.of(directory, storage)
        return _go_on(study, directory, place, address or "local", hours=hours, tracker=tracker, console=console)


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

    At the address where it ran, unless another is given. Trials that did not end go on from their checkpoints. Raises
    BusyError while another process runs it, ClusterError if it cannot run at `address`, StudyFileError without a study.
    """
    directory = directory.resolve()
    study = lengthened(directory, more)
    where = whereabouts(directory)
    place = Place.again(directory, where["storage"]) if "storage" in where else Place.of(directory, None)
    address = address or where.get("address") or "local"
    return _go_on(study, directory, place, address, hours=hours, tracker=tracker, console=console)


def lengthened(directory: Path, more: int) -> Study:
    """The study in `directory` with so many trials more. Raises StudyFileError without one, and where a grid ends."""
    study = load_recorded(directory / STUDY)
    if more and study.tune.sampler == "grid" and study.tune.trials + more > (points := len(grid(study))):
        raise StudyFileError(
            f"{directory.name}: {more} trials more are too many for its grid of {points} points, got "
            f"{min(points, study.tune.trials)} already; run a study with more values, and --warm-start it from this one"
        )
    return replace(study, tune=replace(study.tune, trials=study.tune.trials + more))


def whereabouts(directory: Path) -> Mapping[str, str]:
    """Where a study ran last: `storage`, `address`, `tracking_uri`; empty if it never began."""
    starts = [event for _, event in Journal(directory).events() if event["event"] == "study-start"]
    return {name: value for name, value in starts[-1].items() if isinstance(value, str)} if starts else {}


def _go_on(
    study: Study,
    directory: Path,
    place: Place,
    address: str,
    *,
    hours: float | None,
    tracker: Tracker | None,
    console: Console | None,
) -> Outcome:
    with cluster.connection(address, problem=study.problem.name), _alone(directory):
        uri = tracker.tracking_uri if tracker is not None else None
        ready = preflight.require(study, storage=place.storage, tracking_uri=uri, local=address == "local")
        records = Journal(directory).trials()
        search = OptunaSearch(study, database(directory / OPTUNA), records)
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
                if tracker is not None and (progress.standing.fraction or progress.elapsed() > SECONDS_ALONE):
                    tracker.start()

            recorder = Recorder(study, directory, progress, folder=place.trials, on_step=on_step)
            recorder.begin(storage=str(place), address=address, tracking_uri=uri)
            _write(directory / STUDY, dump_yaml(study))  # now there is a study, and all that a resume must know
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
    unsent = tracker.finish() if tracker is not None else None
    return Outcome(_without_result(recorder), unsent, stopping.by_user)


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


def _alone(directory: Path) -> AbstractContextManager[None]:
    """While entered, no other process runs the study; the lock goes with the process, however that ends."""
    return locks.alone(directory, BusyError(f"{directory}: another process runs this study; wait until it has ended"))


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


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


def _without_result(recorder: Recorder) -> str | None:
    if not recorder.all_failed:
        return None
    folder = recorder.directory / TRIALS
    return f"all {len(recorder.endings)} trials failed; {recorder.first_error} ({TRACEBACK} is in {folder}/)"
