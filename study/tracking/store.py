"""MLflow: one tracking server or database, as a `Store`.

This is the only module that imports mlflow, and it does so when a `Store` is made: the import takes a second.
"""

import getpass
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from search_spaces.errors import reason
from study.tracking import moved
from study.tracking.databases import artifact_location, require_usable

METRICS_AT_ONCE, PARAMETERS_AT_ONCE = 1000, 100
"""What MLflow takes in one request."""

REQUESTS_AT_ONCE = 3
"""To a server, which has several workers, and reads one request while another one waits for its database."""

REFUSED, DELETED = "INVALID_PARAMETER_VALUE", "deleted"
"""MLflow's words: for what it will never take, and of an experiment or a run."""

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


class MetricPoint(NamedTuple):
    """A value of a run's metric; `timestamp` in milliseconds since 1970."""

    name: str
    value: float
    timestamp: int
    step: int


class Store:
    """One MLflow by its tracking URI: a server, or a database that is made if need be. Keeps MLflow's noise down."""

    def __init__(self, tracking_uri: str) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient, MlflowException, entities

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.tracking_uri = tracking_uri
        self.requests_at_once = REQUESTS_AT_ONCE if tracking_uri.startswith("http") else 1
        self.entities, self.exception = entities, MlflowException
        self.refused: list[str] = []
        require_usable(tracking_uri)
        moved.repoint(tracking_uri)
        self.client = MlflowClient(tracking_uri, registry_uri=tracking_uri)

    def experiment(self, name: str) -> str:
        """The experiment of this name, made if there is none, and brought back if it was deleted."""
        if (found := self.client.get_experiment_by_name(name)) is not None:
            if found.lifecycle_stage == DELETED:  # its name stays taken
                self.client.restore_experiment(found.experiment_id)
            return found.experiment_id
        return self.client.create_experiment(name, artifact_location(self.tracking_uri, name), tags=EXPERIMENT_TAGS)

    def tag_experiment(self, experiment: str, name: str, text: str) -> None:
        """Set a tag of an experiment."""
        with self._refusing(f"tag {name} of the experiment"):
            self.client.set_experiment_tag(experiment, name, text)

    def find_runs(self, experiment: str, *, tag: str, text: str) -> dict[str, dict[str, str]]:
        """Run → its tags, of the runs that have this tag and are not deleted."""
        return {run.info.run_id: run.data.tags for run in self._search(experiment, f"tags.{tag} = '{text}'")}

    def studies(self, experiment: str, name: str) -> dict[str, str]:
        """Run → its tag `study_key`, of the runs of studies whose folder had this name."""
        found = self._search(experiment, f"tags.study_key LIKE '{name} %'")
        return {run.info.run_id: run.data.tags["study_key"] for run in found if run.data.tags["study"] == name}

    def running(self, experiment: str) -> set[str]:
        """The runs that have not ended."""
        return {run.info.run_id for run in self._search(experiment, "attributes.status = 'RUNNING'")}

    def _search(self, experiment: str, condition: str) -> Iterator[Any]:
        token: str | None = ""
        while token is not None:
            page = self.client.search_runs([experiment], condition, page_token=token or None)
            yield from page
            token = page.token or None

    def create(self, experiment: str, name: str, began: int, tags: Mapping[str, str]) -> str:
        """A new run, begun at `began` milliseconds since 1970."""
        return self.client.create_run(experiment, began, dict(tags), run_name=name).info.run_id

    def parameters(self, run: str) -> set[str]:
        """The names of a run's parameters."""
        return set(self.client.get_run(run).data.params)

    def log(self, run: str, *, tags: Mapping[str, str] = NOTHING, parameters: Mapping[str, str] = NOTHING) -> None:
        """Set tags, and parameters, which can never be changed."""
        marks = [self.entities.RunTag(*tag) for tag in tags.items()]
        settings = [self.entities.Param(*parameter) for parameter in parameters.items()]
        self._send(run, marks, PARAMETERS_AT_ONCE, lambda part: self.client.log_batch(run, tags=part))
        self._send(run, settings, PARAMETERS_AT_ONCE, lambda part: self.client.log_batch(run, params=part))

    def untag(self, run: str, tag: str) -> None:
        """Take a tag away, if it is there."""
        if tag in self.client.get_run(run).data.tags:
            self.client.delete_tag(run, tag)

    def add(self, run: str, points: Sequence[MetricPoint]) -> None:
        """Add metrics; one that is there already with the same time and step stays one."""
        metrics = [self.entities.Metric(*point) for point in points]
        self._send(run, metrics, METRICS_AT_ONCE, lambda part: self.client.log_batch(run, metrics=part))

    def _send(self, run: str, items: Sequence[Any], at_once: int, send: Callable[[Sequence[Any]], Any]) -> None:
        """Send what a run is to have; where MLflow refuses some of it, all the rest."""
        for part in _parts(items, at_once):
            try:
                send(part)
            except self.exception as error:
                if error.error_code != REFUSED or self.client.get_run(run).info.lifecycle_stage == DELETED:
                    raise
                for item in part:
                    with self._refusing(f"{item.key} of run {run}"):
                        send([item])

    @contextmanager
    def _refusing(self, what: str) -> Iterator[None]:
        """What MLflow refuses once it refuses always: that is noted in `refused`, and nothing waits behind it."""
        try:
            yield
        except self.exception as error:
            if error.error_code != REFUSED:
                raise
            self.refused.append(f"{what}: {reason(error)}")

    def file(self, run: str, path: Path) -> None:
        """Keep a file, or a folder under its name."""
        with self._refusing(f"{path.name} of run {run}"):
            if path.is_dir():
                self.client.log_artifacts(run, str(path), path.name)
            else:
                self.client.log_artifact(run, str(path))

    def save_model(
        self, path: Path, module: Any, examples: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """Write a torch module into a new folder as a model of MLflow's, for any number of rows of these inputs.

        Returns it as it is loaded again, from arrays to an array. Raises whatever torch raises.
        """
        import torch
        from mlflow import pytorch
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        inputs: list[Any] = [TensorSpec(array.dtype, (-1, *array.shape[1:]), name) for name, array in examples.items()]
        pytorch.save_model(
            module,
            str(path),
            serialization_format="pt2",
            signature=ModelSignature(Schema(inputs)),
            input_example=tuple(examples.values()),
            pip_requirements=[f"torch=={torch.__version__.partition('+')[0]}"],
            metadata=dict(metadata),
        )
        loaded = pytorch.load_model(str(path))
        return lambda **arrays: loaded(*map(torch.from_numpy, arrays.values())).detach().numpy()

    def end(self, run: str, status: str, when: int | None = None) -> None:
        """Mark a run as FINISHED, FAILED or KILLED."""
        self.client.set_terminated(run, status, when)

    def resume(self, run: str) -> None:
        """Mark a run as running."""
        self.client.update_run(run, status="RUNNING")


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def user() -> str:
    """Who runs this; in a container a number, where no name belongs to it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
