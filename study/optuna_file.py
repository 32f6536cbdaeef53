"""Trials that ended, in an SQLite file, for Optuna's dashboard and other tools.

The search asks its own memory: asking this file would cost a tenth of a second a trial. It can be made anew from the
journal, but for what samplers write to their trials; that is all that a search takes over from it.
"""

import sqlite3
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy.exc import DatabaseError

IDENT = "trial"
"""The attribute of a trial that holds its id."""

SECONDS_TO_WAIT = 1
"""How long another reader may lock the file, five times over: so often does Optuna try."""


def database(path: Path) -> BaseStorage:
    """Optuna's SQLite file, made if it is missing. Raises ValueError if this is something else."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=SECONDS_TO_WAIT, check_same_thread=False)
        connection.execute("PRAGMA synchronous = OFF")  # waiting for the disk is for the journal
        return connection

    try:
        return RDBStorage(f"sqlite:///{path}", engine_kwargs={"creator": connect})
    except (DatabaseError, sqlite3.DatabaseError, StorageInternalError) as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        raise ValueError(f"{path}: Optuna cannot use it ({reason}); move it away, and it is made anew") from None


class OptunaFile:
    """The trials of `search` that ended, as the study of the same name in `storage`."""

    def __init__(self, search: optuna.Study, storage: BaseStorage) -> None:
        self.search = search
        name, directions = search.study_name, search.directions
        self.file = optuna.create_study(storage=storage, study_name=name, directions=directions, load_if_exists=True)
        ended = (trial for trial in self.file.get_trials(deepcopy=False) if trial.state.is_finished())
        self.kept = {str(trial.user_attrs.get(IDENT)): trial for trial in ended}
        self.waiting: list[FrozenTrial] = []

    def keep(self, trial: FrozenTrial | None = None) -> None:
        """Write down a trial, and those that could not be written before."""
        if trial is not None and trial.user_attrs[IDENT] not in self.kept:
            self.waiting.append(trial)
        while self.waiting:
            try:
                self.file.add_trial(self.waiting[0])
            except StorageInternalError:  # locked, or no room: the study goes on
                return
            first = self.waiting.pop(0)
            self.kept[first.user_attrs[IDENT]] = first
