"""Trials that ended, in an SQLite file, for Optuna's dashboard and other tools.

The search asks its own memory: asking this file would cost a tenth of a second a trial. It can be made anew from the
journal, but for what samplers write to their trials; that is all that a search takes over from it. What others queue in
it is not run.
"""

import math
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from search_spaces.errors import reason
from study.search.optuna_rows import add_trials

IDENT = "trial"
"""The attribute of a trial that holds its id."""

SECONDS_TO_WAIT = 1
"""How long another reader may lock the file; where Optuna itself reads it, five times over, within ten seconds."""

SECONDS_BETWEEN_TRIES = 300.0


def database(path: Path) -> BaseStorage:
    """Optuna's SQLite file, made if it is missing. Raises ValueError if this is something else."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=SECONDS_TO_WAIT, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = OFF")  # waiting for the disk is for the journal
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    try:
        with closing(connect()) as connection:
            connection.execute("PRAGMA schema_version")  # reads the file: is it one of SQLite's, and free?
        url = URL.create("sqlite", database=str(path)).render_as_string()  # Optuna reads braces in it, too
        # Without a pool no connection outlives its use: nobody has to close one at the study's end.
        return RDBStorage(url, engine_kwargs={"creator": connect, "poolclass": NullPool})
    except Exception as error:  # whatever a file that is not ours makes Optuna raise
        raise ValueError(_unusable(str(path), error)) from None


def _unusable(what: str, error: Exception) -> str:
    why = reason(error.__cause__ or error)
    return f"{what}: Optuna cannot use it ({why}); end what holds it, or move it away, and it is made anew"


class OptunaFile:
    """The trials of `search` that ended, as the study of the same name in `storage`."""

    def __init__(self, search: optuna.Study, storage: BaseStorage) -> None:
        name, directions = search.study_name, search.directions
        try:
            self.file = optuna.create_study(
                storage=storage, study_name=name, directions=directions, load_if_exists=True
            )
            ended = [trial for trial in self.file.get_trials(deepcopy=False) if trial.state.is_finished()]
        except Exception as error:
            raise ValueError(_unusable("Optuna's file", error)) from None
        self.kept = {str(trial.user_attrs.get(IDENT)): trial for trial in ended}
        self.storage = storage
        self.waiting: list[FrozenTrial] = []
        self._failed = -math.inf

    def keep(self, trial: FrozenTrial) -> None:
        """Write down a trial, and those that could not be written before."""
        self.note(trial)
        if time.monotonic() > self._failed + SECONDS_BETWEEN_TRIES:
            self.write()

    def note(self, trial: FrozenTrial) -> None:
        """Write down a trial with the next ones, unless it was."""
        if trial.user_attrs[IDENT] not in self.kept:
            self.waiting.append(trial)

    def write(self) -> None:
        """Write down the trials that wait for it."""
        if not self.waiting:
            return
        try:
            self._add(self.waiting)
        except StorageInternalError:  # locked, or no room: the study goes on
            self._failed = time.monotonic()
            return
        self.kept |= {trial.user_attrs[IDENT]: trial for trial in self.waiting}
        self.waiting = []

    def _add(self, trials: Sequence[FrozenTrial]) -> None:
        if isinstance(self.storage, RDBStorage):
            add_trials(self.storage, self.file._study_id, trials)
        else:
            self.file.add_trials(trials)
