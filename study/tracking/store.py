"""MLflow: one tracking server or database, as a `Store`, and what of a study is there.

This is the only module that imports mlflow, and it does so when a `Store` is made: the import takes a second.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from search_spaces.errors import reason
from search_spaces.load import load_recorded
from study.journal import locks
from study.journal.files import STUDY, UPLOADING
from study.tracking.addresses import STUDY_PAGE, artifact_location, check_uri, default_uri, ui_command, ui_process
from study.tracking.mirror import Figure, Place, Upload

__all__ = [
    "STUDY_PAGE", "Store", "TrackingError", "addresses", "check_uri", "default_uri", "only_uploader", "sync",
    "ui_command", "ui_process",
]  # fmt: skip

FIGURES_AT_ONCE, PARAMETERS_AT_ONCE = 1000, 100
"""What MLflow takes in one request."""

REQUESTS_AT_ONCE = 3
"""To a server, which has several workers, and reads one request while another one waits for its database."""

EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
NOTHING: Mapping[str, str] = {}
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    # A server that does not answer is asked again in the next round.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}


class TrackingError(RuntimeError):
    """MLflow did not take what the journal says; one line."""


def sync(directory: Path, tracking_uri: str) -> int:
    """Upload what MLflow lacks of a study; returns the number of events. Raises TrackingError."""
    check_uri(tracking_uri)
    try:
        with only_uploader(directory):
            upload = Upload(directory, load_recorded(directory / STUDY), Store(tracking_uri))
            events = upload.advance()
            upload.close()
            return events
    except Exception as error:
        raise TrackingError(f"MLflow at {tracking_uri} did not take {directory.name}: {reason(error)}") from error


def addresses(directory: Path, tracking_uri: str, *, server: str = "http://127.0.0.1:5000") -> dict[str, str]:
    """Title → address of the pages about a study, where `server` shows them; empty before anything was uploaded."""
    base = tracking_uri if tracking_uri.startswith("http") else server
    return {title: f"{base.rstrip('/')}/{link}" for title, link in Place.read(directory, tracking_uri).links.items()}


class Store:
    """One MLflow by its tracking URI: a server, or a database that is made if need be. Keeps MLflow's noise down."""

    def __init__(self, tracking_uri: str) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient, entities

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.tracking_uri = tracking_uri
        self.requests_at_once = REQUESTS_AT_ONCE if tracking_uri.startswith("http") else 1
        self.entities = entities
        self.client = MlflowClient(tracking_uri, registry_uri=tracking_uri)

    def experiment(self, name: str) -> str:
        """The experiment of this name, made if there is none."""
        if (found := self.client.get_experiment_by_name(name)) is not None:
            return found.experiment_id
        return self.client.create_experiment(name, artifact_location(self.tracking_uri, name), tags=EXPERIMENT_TAGS)

    def tag_experiment(self, experiment: str, name: str, text: str) -> None:
        """Set a tag of an experiment."""
        self.client.set_experiment_tag(experiment, name, text)

    def runs(self, experiment: str, condition: str) -> list[tuple[str, dict[str, str]]]:
        """Run and tags of all runs that are not deleted and meet a condition in MLflow's language."""
        found: list[tuple[str, dict[str, str]]] = []
        token: str | None = ""
        while token is not None:
            page = self.client.search_runs([experiment], condition, page_token=token or None)
            found += [(run.info.run_id, run.data.tags) for run in page]
            token = page.token or None
        return found

    def create(self, experiment: str, name: str, began: int, tags: Mapping[str, str]) -> str:
        """A new run, begun at `began` milliseconds since 1970."""
        return self.client.create_run(experiment, began, dict(tags), run_name=name).info.run_id

    def parameters(self, run: str) -> set[str]:
        """The names of a run's parameters."""
        return set(self.client.get_run(run).data.params)

    def log(self, run: str, *, tags: Mapping[str, str] = NOTHING, parameters: Mapping[str, str] = NOTHING) -> None:
        """Set tags, and parameters, which can never be changed."""
        if tags:
            self.client.log_batch(run, tags=[self.entities.RunTag(name, text) for name, text in tags.items()])
        for part in _parts([self.entities.Param(name, text) for name, text in parameters.items()], PARAMETERS_AT_ONCE):
            self.client.log_batch(run, params=part)

    def add(self, run: str, figures: Sequence[Figure]) -> None:
        """Add metrics; one that is there already with the same time and step stays one."""
        for part in _parts([self.entities.Metric(*figure) for figure in figures], FIGURES_AT_ONCE):
            self.client.log_batch(run, metrics=part)

    def file(self, run: str, path: Path) -> None:
        """Keep a file, or a folder under its name."""
        if path.is_dir():
            self.client.log_artifacts(run, str(path), path.name)
        else:
            self.client.log_artifact(run, str(path))

    def end(self, run: str, status: str, when: int | None = None) -> None:
        """Mark a run as FINISHED, FAILED or KILLED."""
        self.client.set_terminated(run, status, when)

    def resume(self, run: str) -> None:
        """Mark a run as running."""
        self.client.update_run(run, status="RUNNING")


def only_uploader(directory: Path) -> AbstractContextManager[None]:
    """While entered, no other process uploads the study. Raises BusyError if one does."""
    return locks.locked(directory / UPLOADING, busy="another process is uploading it; wait until that has ended")


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
