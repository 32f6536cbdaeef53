"""The folder of a study: its name, its lock, what a resume must know from the first moment on, where the rest lies."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.checks import LONGEST_NAME
from search_spaces.load import StudyFileError, dump_yaml
from search_spaces.schema import Study
from study.journal import locks
from study.journal.files import ARTIFACTS, CODE, JOURNAL, MLFLOW, OPTUNA, RAY, STUDY, TRIALS
from study.journal.journal import Journal, Reader
from study.journal.own_code import keep_code
from study.journal.provenance import provenance
from study.journal.secrets import require_no_secret

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

BEFORE_IT_BEGINS = (STUDY, f"{STUDY}.new", JOURNAL, OPTUNA, f"{OPTUNA}-journal", CODE)
"""What a study writes until its first trial starts; with `STUDY` there it can be resumed."""


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
        require_no_secret("--storage", storage)
        if "://" in storage and ("?" in storage or "#" in storage):
            raise ValueError(
                f"--storage is {storage}, whose options would not reach the folders in it; leave out what stands after "
                "the folder, and set AWS_REGION and AWS_ENDPOINT_URL on every node"
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


@dataclass(frozen=True)
class Whereabouts:
    """What a resume must know: the place of a study's files, the address of its Ray, the URI of its MLflow, and the
    folders in which the modules of its study file are looked for.
    """

    place: Place
    address: str = "local"
    tracking_uri: str | None = None
    modules: tuple[str, ...] = ()


def claim(runs: Path, name: str, *, exact: bool = True) -> Path:
    """Make the new folder `runs`/`name`, numbered (`name-2` …) if that exists and need not be `exact`.

    What a start left that was killed before its study began is no study: its folder is taken over. Raises
    FileExistsError or ValueError, one line, if that cannot be.
    """
    _check_name(name)
    provenance()  # git may take its time, and a claimed name without a study should not last
    candidates = [name] if exact else [name, *(f"{name}-{number}" for number in range(2, 1000))]
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for candidate in candidates:
            try:
                (runs / candidate).mkdir()
                return runs / candidate
            except FileExistsError:
                if _never_began(runs / candidate):
                    return runs / candidate
    except OSError as error:
        raise ValueError(f"{runs}: results cannot be written there ({error.strerror}); choose another folder") from None
    raise FileExistsError(f"{runs / name}: a study of this name exists already; write another --name")


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ValueError(f"--name is {name!r}; write letters, digits, '.', '_' and '-', e.g. my-study")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"--name has {len(name)} letters; write at most {LONGEST_NAME}")
    if name.startswith(MLFLOW) or name == ARTIFACTS:
        raise ValueError(f"--name is {name}, where MLflow's own files lie in runs/; write another name")


def _never_began(directory: Path) -> bool:
    """Whether a folder holds what a study writes before it begins, nothing else, and no process is at it.

    An empty one may have been claimed a moment ago.
    """
    names = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    return bool(names) and STUDY not in names and names <= set(BEFORE_IT_BEGINS) and locks.is_free(directory)


@contextmanager
def only_runner(directory: Path) -> Iterator[None]:
    """While entered, no other process runs the study; the lock goes with the process, however that ends.

    Raises BusyError if one does, StudyFileError without such a folder.
    """
    busy = f"{directory}: another process runs this study; wait until it has ended"
    with ExitStack() as lock:
        try:
            lock.enter_context(locks.locked_folder(directory, busy=busy))
        except (FileNotFoundError, NotADirectoryError):
            raise StudyFileError(f"{directory}: there is no such study") from None
        yield


def begin(directory: Path, study: Study, where: Whereabouts) -> None:
    """A study is asked for, or goes on: from now on a resume finds all that it must know."""
    new = directory / f"{STUDY}.new"
    new.write_text(dump_yaml(study), encoding="utf-8")
    told: dict[str, Any] = {"storage": str(where.place), "address": where.address, "tracking_uri": where.tracking_uri}
    told["modules"] = where.modules
    code = keep_code(directory, study)
    Journal(directory).append("study-start", study=study.study, provenance=provenance() | code, **told)
    new.replace(directory / STUDY)


def whereabouts(directory: Path) -> Whereabouts:
    """Where a study ran last; here and nowhere else if it never began."""
    last = Reader(Journal(directory), epochs=False).read().began or {}
    place = Place.again(directory, last["storage"]) if last.get("storage") else Place.of(directory, None)
    modules = tuple(last.get("modules", ()))
    return Whereabouts(place, last.get("address") or "local", last.get("tracking_uri"), modules)


@dataclass
class Asked:
    """A new study that may still be refused; once it is `kept`, its name stays taken whatever becomes of it."""

    kept: bool = False

    def keep(self) -> None:
        """The study starts."""
        self.kept = True


@contextmanager
def asked_for(directory: Path) -> Iterator[Asked]:
    """Around a new study that begins: if an error comes before it is kept, its name is free again."""
    own = [path for name in BEFORE_IT_BEGINS if not (path := directory / name).exists()]
    asked = Asked()
    try:
        yield asked
    except BaseException:
        if not asked.kept:
            for path in own:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        with suppress(OSError):  # it holds something
            directory.rmdir()
        raise
