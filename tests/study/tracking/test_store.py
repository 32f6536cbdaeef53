"""What a person would look for in MLflow after a study."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from study.journal.journal import Journal
from study.tracking.store import Store
from study.tracking.uploader import sync
from tests.study import tracked_study
from tests.study.tracked_study import EPOCHS
from tests.study.tracking.mlflow_runs import client_of, search

NAME = "first"
EXPERIMENT = "1"  # the first one that is made

# MLflow uses what its own dependencies are about to give up.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")


@pytest.fixture(scope="module")
def client(uploaded_to: str) -> MlflowClient:
    return client_of(uploaded_to)


def test_a_study_is_a_parent_run_and_its_trials_are_its_children(by_name: dict[str, Run]) -> None:
    parents = {name: run.data.tags.get("mlflow.parentRunId") for name, run in by_name.items()}
    trials = ("0001 soft", "0002 batch", "0003 soft", "0004 unconstrained", "0005 batch", "0006 unconstrained")
    assert parents == {NAME: None} | dict.fromkeys(trials, by_name[NAME].info.run_id)


@pytest.mark.parametrize(
    ("name", "run_status", "status"),
    [
        (NAME, "FINISHED", "finished"),
        ("0001 soft", "FINISHED", "completed"),
        ("0003 soft", "FINISHED", "pruned"),
        ("0004 unconstrained", "FINISHED", "diverged"),
        ("0005 batch", "FAILED", "failed"),
        ("0006 unconstrained", "KILLED", "stopped"),
    ],
)
def test_statuses(by_name: dict[str, Run], name: str, run_status: str, status: str | None) -> None:
    assert (by_name[name].info.status, by_name[name].data.tags.get("status")) == (run_status, status)


def test_a_failed_trial_says_why(by_name: dict[str, Run]) -> None:
    assert by_name["0005 batch"].data.tags["error"] == "RuntimeError: out of memory"


def test_trials_are_found_by_method_and_error(uploaded_to: str) -> None:
    found = search(uploaded_to, "tags.method = 'soft' and metrics.`validation/data_mse` < 0.1")
    assert [run.info.run_name for run in found] == ["0001 soft"]


def test_tags(by_name: dict[str, Run]) -> None:
    tags = by_name["0001 soft"].data.tags
    assert (tags["method"], tags["problem"], tags["projection"]) == ("soft", "helmholtz", "adam")
    assert (tags["study"], tags["trial"], tags["seed"]) == (NAME, "0001", "0")
    assert tags["projection/status"] == "tolerance not met"
    assert tags["mlflow.source.git.commit"] == "0123abc-dirty"
    assert tracked_study.PROVENANCE.items() <= tags.items()


def test_parameters_are_flat_and_readable(by_name: dict[str, Run]) -> None:
    parameters = by_name["0001 soft"].data.params
    assert parameters["training.method.weight"] == "0.5"
    assert parameters["training.optimizer.learning_rate"] == "0.001"
    assert parameters["network.widths"] == "30, 20"
    assert not {path for path in parameters if path.startswith(("search", "tune", "objectives"))}
    assert by_name[NAME].data.params["tune.sampler"] == "tpe"


def test_histories_are_complete_without_duplicates(
    client: MlflowClient, by_name: dict[str, Run], uploaded: Path
) -> None:
    run, record = by_name["0001 soft"], Journal(uploaded).trials()["0001"]
    history = client.get_metric_history(run.info.run_id, "validation/data_mse")
    expected = [(epoch, round(1000 * when), metrics["validation/data_mse"]) for epoch, when, metrics in record.history]
    assert sorted((point.step, point.timestamp, point.value) for point in history) == expected
    assert len(expected) == EPOCHS
    (test,) = client.get_metric_history(run.info.run_id, "test/data_mse")
    assert (test.step, test.value) == (EPOCHS, 0.1)


def test_times_are_those_of_the_journal(by_name: dict[str, Run], uploaded: Path) -> None:
    run, record = by_name["0001 soft"], Journal(uploaded).trials()["0001"]
    assert record.ended is not None
    assert (run.info.start_time, run.info.end_time) == (round(1000 * record.started), round(1000 * record.ended))


def test_the_study_has_metrics_of_its_own(client: MlflowClient, by_name: dict[str, Run]) -> None:
    run = by_name[NAME]
    best = client.get_metric_history(run.info.run_id, "best/validation/constraint_mse")
    assert [(point.step, point.value) for point in best] == [(1, 0.02), *((step, 0.001) for step in range(2, 7))]
    assert run.data.metrics["trials/completed"] == 2
    assert run.data.metrics["trials/failed"] == run.data.metrics["trials/stopped"] == 1
    assert run.data.metrics["pareto/size"] == 2


def test_files_can_be_downloaded(client: MlflowClient, by_name: dict[str, Run], tmp_path: Path) -> None:
    run = by_name["0001 soft"].info.run_id
    names = {item.path for item in client.list_artifacts(run)}
    assert names == {"trial.yaml", "percentiles.csv", "predictions.npz", "prediction.png", "convergence.png"}
    plot = Path(client.download_artifacts(run, "prediction.png", str(tmp_path)))
    assert plot.read_bytes().startswith(b"\x89PNG")
    study = Path(client.download_artifacts(by_name[NAME].info.run_id, "study.yaml", str(tmp_path)))
    assert study.read_text(encoding="utf-8").startswith("study: waves")


def test_files_lie_beside_the_database(uploaded: Path) -> None:
    assert list((uploaded.parent / "mlartifacts" / "waves").glob("*/artifacts/study.yaml"))


def test_the_description_shows_the_best_and_where_to_look(by_name: dict[str, Run]) -> None:
    text = by_name[NAME].data.tags["mlflow.note.content"]
    assert "| 0001 | soft | 0.05 |" in text
    assert "[charts of all methods](#/experiments/1/runs?viewStateShareKey=first-comparison" in text


def test_another_study_of_the_same_file_is_another_parent_in_the_same_experiment(
    uploaded: Path, tmp_path: Path
) -> None:
    uri = f"sqlite:///{shutil.copy(uploaded.parent / 'mlflow.db', tmp_path)}"
    tracked_study.fill(tmp_path / "second")
    sync(tmp_path / "second", uri)
    found = search(uri, "tags.study = 'second'")
    assert len(found) == 7
    assert {run.info.experiment_id for run in found} == {EXPERIMENT}
    assert len({run.data.tags.get("mlflow.parentRunId") for run in found}) == 2


def test_runs_are_found_by_a_tag(uploaded_to: str, by_name: dict[str, Run]) -> None:
    found = Store(uploaded_to).find_runs(EXPERIMENT, tag="method", text="soft")
    assert found == {by_name[name].info.run_id: by_name[name].data.tags for name in ("0001 soft", "0003 soft")}
    assert Store(uploaded_to).find_runs(EXPERIMENT, tag="method", text="none of them") == {}


def test_runs_that_have_not_ended_are_found(uri: str) -> None:
    store = Store(uri)
    experiment = store.experiment("waves")
    ended, begun = (store.create(experiment, name, 0, {}) for name in ("ended", "begun"))
    store.end(ended, "FINISHED")
    assert store.running(experiment) == {begun}
