"""A Ray of this program's own, on this machine: its start, its token, and its servers' end."""

import logging
import os
import secrets
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import ray
from ray._common.utils import get_default_system_temp_dir
from ray._private import ray_constants
from ray._private import worker as ray_worker
from ray.job_config import JobConfig

from search_spaces.errors import one_line

OBJECT_STORE_BYTES = 128 * 2**20

LONGEST_FOLDER = 107 - len("/session_2026-01-02_03-04-05_678901_1234567/sockets/plasma_store")
"""Letters of the folder that Ray's sockets may be below: Linux allows 107 for the whole."""

OTHERS = 0o077
"""The rights of everybody but the owner, in a file's mode."""

SILENT = {"logging_level": logging.CRITICAL, "log_to_driver": False}

SECONDS_BETWEEN_LOOKS = 1.0
FAILED = 1
SHOW_CURSOR = "\x1b[?25h"


class ClusterError(ValueError):
    """A study that cannot run there; one line."""


def start() -> None:
    """A Ray of this process's own. Raises ClusterError if it cannot start here."""
    _make_token()
    place = _temporary_folder()
    try:
        with _on_this_machine_only():
            ray.init(
                "local",
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=place,
                job_config=JobConfig(_py_driver_sys_path=cast(Any, _OursFirst())),
                **SILENT,
            )
    except Exception as error:  # of many kinds: no room, no memory, no right to write
        raise ClusterError(
            f"Ray cannot start on this machine ({one_line(error)}); make room in {place}, or set RAY_TMPDIR to another "
            "folder with a short name"
        ) from None


class _OursFirst:
    """Where workers look for modules before all else, the last place first: Ray adds the current folder.

    Behind it come our own packages, so that a `study.py` in that folder is none of them.
    """

    def __init__(self) -> None:
        self.places: list[str] = []

    def extend(self, places: Iterable[str]) -> None:
        self.places += places

    def __iter__(self) -> Iterator[str]:
        return iter([*self.places, str(Path(__file__).resolve().parents[2])])


def _temporary_folder() -> str:
    """Where Ray's own files go: where the environment says, unless its sockets would get too long a name there."""
    asked = os.path.join(get_default_system_temp_dir(), "ray")
    return asked if len(os.fsencode(asked)) <= LONGEST_FOLDER else "/tmp/ray"


@contextmanager
def _on_this_machine_only() -> Iterator[None]:
    """While entered, all servers of a Ray that starts listen on 127.0.0.1 only."""
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def tighten_token() -> None:
    """The token by which Ray knows its friends is for its owner's eyes only; Ray would make one that all can read."""
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or _token())
    with suppress(OSError):  # none yet; or somebody else's, who looks after it
        if path.stat().st_mode & OTHERS:
            path.chmod(0o600)


def _token() -> Path:
    return Path(os.path.expanduser("~")) / ".ray" / "auth_token"


def _make_token() -> None:
    """A token, which processes of this program inherit where there is no home to keep it in."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH") or os.access(_token(), os.R_OK):
        return
    try:
        _write_token(_token())
    except OSError:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _write_token(path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:  # mode 0600, and whole once it has its name
        draft.write(secrets.token_hex(32))
        draft.flush()
        with suppress(FileExistsError):
            os.link(draft.name, path)


@contextmanager
def watched(resume: str) -> Iterator[None]:
    """While entered, a server that dies ends the program, which says that it goes on with `resume`.

    Ray itself would end it a minute later, without a word.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(ended, resume), name="Ray's servers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(ended: threading.Event, resume: str) -> None:
    while not ended.wait(SECONDS_BETWEEN_LOOKS):
        if dead := _dead():
            _end(f"error: Ray's {dead[0]} has died; all that trials reported is kept. Go on with: {resume}")


def _dead() -> list[str]:
    """The kinds of the servers that were started here and run no more."""
    node = ray_worker._global_node
    dead: list[tuple[str, object]] = [] if node is None else node.dead_processes()
    return [kind for kind, _ in dead]


def _end(words: str) -> None:
    ending = f"\n{SHOW_CURSOR}{words}\n" if sys.stderr.isatty() else f"{words}\n"
    os.write(2, ending.encode())
    os._exit(FAILED)
