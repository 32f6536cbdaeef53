"""What is in an MLflow, as its own client tells it."""

from mlflow import MlflowClient
from mlflow.entities import Run

from study.tracking.store import Store


def client_of(tracking_uri: str) -> MlflowClient:
    return Store(tracking_uri).client


def search(tracking_uri: str, condition: str = "") -> list[Run]:
    """Runs of all experiments that meet a condition in MLflow's language."""
    client = client_of(tracking_uri)
    return list(client.search_runs([one.experiment_id for one in client.search_experiments()], condition))


def runs_by_name(tracking_uri: str) -> dict[str, Run]:
    """All runs by name; a name that occurs twice is a run uploaded twice."""
    found = search(tracking_uri)
    assert len({run.info.run_name for run in found}) == len(found)
    return {str(run.info.run_name): run for run in found}
