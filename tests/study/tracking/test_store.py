"""What a person would look for in MLflow after a study; and that MLflow can never hurt a study."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from study.journal.journal import Journal
from study.tracking.store import Store, TrackingError, addresses, only_uploader, sync
from study.tracking.tracker import Tracker
from tests.study import tracked_study
from tests.study.tracked_study import EPOCHS

NAME = "first"
EXPERIMENT = "1"  # the first one that is made

# MLflow uses what its own dependencies are about to give up.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")


def upload(directory: Path, tracking_uri: str) -> str | None:
    tracker = Tracker(directory, tracking_uri)
    tracker.start()
    return tracker.finish(timeout=120) or tracker.add_report()


def client_of(tracking_uri: str) -> MlflowClient:
    return Store(tracking_uri).client


def all_runs(tracking_uri: str, condition: str = "") -> list[Run]:
    return list(client_of(tracking_uri).search_runs([EXPERIMENT], condition))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished study, uploaded twice and with its place forgotten in between."""
    folder = tmp_path_factory.mktemp("runs")
    tracked_study.fill(folder / NAME)
    uri = f"sqlite:///{folder}/mlflow.db"
    assert upload(folder / NAME, uri) is None
    assert sync(folder / NAME, uri) == 0
    (folder / NAME / "tracking.json").unlink()
    assert sync(folder / NAME, uri) > 0
    return folder


@pytest.fixture(scope="module")
def uri(runs: Path) -> str:
    return f"sqlite:///{runs}/mlflow.db"


@pytest.fixture(scope="module")
def client(uri: str) -> MlflowClient:
    return client_of(uri)


@pytest.fixture(scope="module")
def by_name(uri: str) -> dict[str, Run]:
    """All runs by name; a name that occurs twice is a run uploaded twice."""
    found = all_runs(uri)
    assert len({run.info.run_name for run in found}) == len(found)
    return {str(run.info.run_name): run for run in found}


def test_a_study_is_a_parent_run_and_its_trials_are_its_children(by_name: dict[str, Run]) -> None:
    parent = by_name.pop(NAME)
    assert set(by_name) == {
        "0001 soft", "0002 batch", "0003 soft", "0004 unconstrained", "0005 batch", "0006 unconstrained"
    }  # fmt: skip
    assert {run.data.tags["mlflow.parentRunId"] for run in by_name.values()} == {parent.info.run_id}
    by_name[NAME] = parent


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


def test_trials_are_found_by_method_and_error(uri: str) -> None:
    found = all_runs(uri, "tags.method = 'soft' and metrics.`validation/data_mse` < 0.1")
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


def test_histories_are_complete_without_duplicates(client: MlflowClient, by_name: dict[str, Run], runs: Path) -> None:
    run, record = by_name["0001 soft"], Journal(runs / NAME).trials()["0001"]
    history = client.get_metric_history(run.info.run_id, "validation/data_mse")
    expected = [(epoch, round(1000 * when), metrics["validation/data_mse"]) for epoch, when, metrics in record.history]
    assert sorted((point.step, point.timestamp, point.value) for point in history) == expected
    assert len(expected) == EPOCHS
    (test,) = client.get_metric_history(run.info.run_id, "test/data_mse")
    assert (test.step, test.value) == (EPOCHS, 0.1)


def test_times_are_those_of_the_journal(by_name: dict[str, Run], runs: Path) -> None:
    run, record = by_name["0001 soft"], Journal(runs / NAME).trials()["0001"]
    assert record.ended is not None
    assert (run.info.start_time, run.info.end_time) == (round(1000 * record.started), round(1000 * record.ended))


def test_the_study_has_figures_of_its_own(client: MlflowClient, by_name: dict[str, Run]) -> None:
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
    picture = Path(client.download_artifacts(run, "prediction.png", str(tmp_path)))
    assert picture.read_bytes().startswith(b"\x89PNG")
    study = Path(client.download_artifacts(by_name[NAME].info.run_id, "study.yaml", str(tmp_path)))
    assert study.read_text(encoding="utf-8").startswith("study: waves")


def test_two_uploads_of_one_study_do_not_meet(runs: Path, uri: str) -> None:
    with only_uploader(runs / NAME), pytest.raises(TrackingError, match="another process is uploading it; wait until"):
        sync(runs / NAME, uri)


def test_mlflow_is_silent_and_imported_late(runs: Path, uri: str) -> None:
    code = (
        "import sys; from pathlib import Path; from study.tracking.store import sync\n"
        "assert 'mlflow' not in sys.modules, 'imported before it is needed'\n"
        f"sys.exit(sync(Path({str(runs / NAME)!r}), {uri!r}))"
    )
    hidden = ("MLFLOW_", "GIT_PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False, env=environment
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_files_lie_beside_the_database(runs: Path) -> None:
    assert list((runs / "mlartifacts" / "waves").glob("*/artifacts/study.yaml"))


def test_the_description_shows_the_best_and_where_to_look(by_name: dict[str, Run]) -> None:
    text = by_name[NAME].data.tags["mlflow.note.content"]
    assert "| 0001 | soft | 0.05 |" in text
    assert "[charts of all methods](#/experiments/1/runs?viewStateShareKey=first-comparison" in text


def test_addresses_lead_to_the_pages_of_the_study(runs: Path, uri: str, by_name: dict[str, Run]) -> None:
    found = addresses(runs / NAME, uri, server="http://127.0.0.1:7777")
    assert all(address.startswith("http://127.0.0.1:7777/#/") for address in found.values())
    best = found["best trial of every method"]
    assert all(by_name[name].info.run_id in best for name in ("0001 soft", "0002 batch"))
    assert addresses(runs / NAME, "http://elsewhere:5000") == {}


def test_another_study_of_the_same_file_is_another_parent_in_the_same_experiment(runs: Path, uri: str) -> None:
    directory = runs / "second"
    tracked_study.fill(directory)
    sync(directory, uri)
    found = all_runs(uri, "tags.study = 'second'")
    assert len(found) == 7
    assert len({run.data.tags.get("mlflow.parentRunId") for run in found}) == 2
