"""What MLflow refuses once it refuses always: nothing else waits for it, and it is told."""

from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from study.journal.journal import Journal
from study.tracking import content
from study.tracking.bookmark import Bookmark
from study.tracking.store import MetricPoint, Store
from study.tracking.tracker import Tracker
from study.tracking.uploader import sync
from tests.study.tracking.mlflow_runs import runs_by_name

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")


def test_an_experiment_that_was_deleted_is_there_again(journal: Journal, uri: str) -> None:
    sync(journal.path.parent, uri)
    store = Store(uri)
    experiment = store.experiment("waves")
    store.client.delete_experiment(experiment)
    sync(journal.path.parent, uri)
    assert store.client.get_experiment(experiment).lifecycle_stage == "active"
    assert sorted(runs_by_name(uri)) == ["0001 soft", "study"]


def test_the_rest_of_a_request_is_taken(uri: str) -> None:
    store = Store(uri)
    run = store.create(store.experiment("waves"), "mine", 0, {})
    store.log(run, tags={"good": "1", "b[a]d": "2"}, parameters={"good": "1", "b[a]d": "2"})
    store.add(run, [MetricPoint("good", 1.0, 0, 1), MetricPoint("b[a]d", 1.0, 0, 1), MetricPoint("fine", 2.0, 0, 1)])
    data = store.client.get_run(run).data
    assert (data.tags["good"], data.params, data.metrics) == ("1", {"good": "1"}, {"good": 1.0, "fine": 2.0})
    assert [line.partition(" of run ")[0] for line in store.refused] == ["b[a]d"] * 3
    assert all("Invalid value" in line for line in store.refused)


def test_a_run_that_was_deleted_meanwhile_is_an_error(uri: str) -> None:
    store = Store(uri)
    run = store.create(store.experiment("waves"), "mine", 0, {})
    store.client.delete_run(run)
    with pytest.raises(MlflowException):
        store.log(run, parameters={"good": "1"})
    assert store.refused == []


def test_the_user_is_told(journal: Journal, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "fit", lambda name: f"[{name}]" if name == "network.name" else name)
    directory: Path = journal.path.parent
    sync(directory, uri)
    told = Bookmark.read(directory, uri).refusal
    assert told is not None
    assert told.startswith("MLflow refused 2 things, and has all else; the first: [network.name] of run ")
    assert "training.method.name" in runs_by_name(uri)["0001 soft"].data.params
    tracker = Tracker(directory, uri)
    assert tracker.finish() == told
    assert tracker.add_report() is None
