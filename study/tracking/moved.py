"""A database that was moved or copied together with its files: MLflow kept their absolute paths, and gets the new ones.

MLflow has no command for it; the two columns are those of its own schema (`experiments.artifact_location`,
`runs.artifact_uri`). Only experiments are touched whose files lie as ours do, in a folder beside the database.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from study.journal.files import ARTIFACTS
from study.tracking.databases import artifact_location, sqlite_file

SECONDS_TO_WAIT = 30.0
"""How long somebody else may write to the database."""


def repoint(tracking_uri: str) -> None:
    """Where an SQLite database and its files lie elsewhere than when they were made, MLflow looks for them there.

    Raises ValueError if the file is no database, or cannot be written.
    """
    database = sqlite_file(tracking_uri)
    if database is None or not database.is_file():
        return
    try:
        with closing(sqlite3.connect(database, timeout=SECONDS_TO_WAIT)) as connection, connection:
            _repoint_all(connection, str(artifact_location(tracking_uri)))
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{database}: MLflow cannot use it ({error}); end what holds it, or move it away") from None


def _repoint_all(connection: sqlite3.Connection, root: str) -> None:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone():
        return  # nothing in it yet
    for experiment, old in _experiments(connection):
        new = f"{root}/{old.rpartition('/')[2]}"
        if old != new and _moved(old, new):
            _repoint(connection, experiment, old, new)


def _experiments(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    like = f"file://%/{ARTIFACTS}/%"
    found = connection.execute(
        "SELECT experiment_id, artifact_location FROM experiments WHERE artifact_location LIKE ?", [like]
    )
    return [(experiment, location) for experiment, location in found if location.split("/")[-2] == ARTIFACTS]


def _moved(old: str, new: str) -> bool:
    """Whether the files are where the database is; only the database may have been moved."""
    return _folder(new).exists() or not _folder(old).exists()


def _folder(location: str) -> Path:
    return Path(url2pathname(urlsplit(location).path))


def _repoint(connection: sqlite3.Connection, experiment: int, old: str, new: str) -> None:
    connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", [new, experiment])
    its_runs = "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE experiment_id = ?"
    connection.execute(
        f"{its_runs} AND substr(artifact_uri, 1, ?) = ?",
        [new, len(old) + 1, experiment, len(old) + 1, f"{old}/"],
    )
