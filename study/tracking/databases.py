"""The tracking URIs that MLflow takes, the SQLite database beside the studies, and where its files go."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from study.journal.files import ARTIFACTS, MLFLOW
from study.journal.secrets import require_no_secret

BESIDE = "sqlite:///../"
"""How the URI of a database in runs/ begins, said from a study's folder there."""

SECONDS_TO_WAIT = 20.0
"""How long another program may lock a database; MLflow waits as long."""

SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")


def default_uri(runs: Path) -> str:
    """The SQLite database beside the studies."""
    from sqlalchemy.engine import URL, make_url

    database = str(runs.resolve() / MLFLOW)
    plain = f"sqlite:///{database}"
    if make_url(plain).database == database:
        return plain
    # MLflow makes the folder of a database, and reads it where the driver is not named as if nothing were quoted.
    return URL.create("sqlite+pysqlite", database=database).render_as_string()


def check_uri(tracking_uri: str) -> str:
    """The tracking URI itself. Raises ValueError if it is none that MLflow takes, or if it holds a password."""
    require_no_secret("--tracking-uri", tracking_uri)
    if _scheme(tracking_uri) in SCHEMES and _names_a_place(tracking_uri):
        return tracking_uri
    raise ValueError(
        f"--tracking-uri: {tracking_uri!r} is neither a server nor a database; write http://HOST:5000 or "
        "sqlite:///PATH.db, in MLFLOW_TRACKING_URI, too"
    )


def _scheme(tracking_uri: str) -> str:
    """What MLflow chooses by; empty where nothing can be made of the URI."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(tracking_uri).drivername.partition("+")[0]
    except (ArgumentError, ValueError):  # a port that is none, for instance
        return ""


def _names_a_place(tracking_uri: str) -> bool:
    """Not in memory, where nobody finds it, and not a server without a host."""
    from sqlalchemy.engine import make_url

    if tracking_uri.startswith("sqlite"):
        return sqlite_file(tracking_uri) is not None
    return not tracking_uri.startswith("http") or re.fullmatch(r"\S+", make_url(tracking_uri).host or "") is not None


def sqlite_file(tracking_uri: str) -> Path | None:
    """The file of an SQLite database; None for all others."""
    from sqlalchemy.engine import make_url

    if not tracking_uri.startswith("sqlite"):
        return None
    database = make_url(tracking_uri).database
    return Path(database).resolve() if database and database != ":memory:" else None


def require_usable(tracking_uri: str) -> None:
    """Raises OSError or sqlite3.Error where SQLite cannot open a database: MLflow would try for minutes."""
    database = sqlite_file(tracking_uri)
    if database is None or "?" in tracking_uri:
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(database, timeout=SECONDS_TO_WAIT)) as connection:
        connection.execute("PRAGMA schema_version")


def artifact_location(tracking_uri: str, experiment: str = "") -> str | None:
    """Where an experiment's files go: beside a SQLite file; None where the server decides."""
    database = sqlite_file(tracking_uri)
    return None if database is None else (database.parent / ARTIFACTS / experiment).as_uri()


def portable(tracking_uri: str, directory: Path) -> str:
    """The same, said from a study's folder where a database lies beside it: so it stays true when both are moved."""
    database = sqlite_file(tracking_uri)
    if database is None or "?" in tracking_uri or database.parent != directory.resolve().parent:
        return tracking_uri
    return f"{BESIDE}{tracking_uri.rpartition('/')[2]}"


def whole(portable_uri: str, directory: Path) -> str:
    """The inverse of `portable`, where the study's folder is now."""
    if not portable_uri.startswith(BESIDE):
        return portable_uri
    return f"{default_uri(directory.resolve().parent).rpartition('/')[0]}/{portable_uri.removeprefix(BESIDE)}"
