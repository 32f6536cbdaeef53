"""Which MLflow run is behind a trial, its page's address, and the run that has a comparison's page."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from study.tracking.bookmark import Bookmark
from study.tracking.compared import ComparedRuns

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")


def test_the_runs_of_trials_are_found(uploaded: Path, uploaded_to: str, by_name: dict[str, Run]) -> None:
    runs = ComparedRuns(uploaded_to, uploaded.parent)
    own = by_name["0001 soft"].info
    assert runs(uploaded.name, "0001") == own.run_id
    assert runs.address(own.run_id) == (
        f"http://127.0.0.1:5000/#/experiments/{own.experiment_id}/runs/{own.run_id}?workflowType=machine_learning"
    )
    assert runs(uploaded.name, "0099") is None and runs("elsewhere", "0001") is None
    assert runs.address("unknown") is None


def test_the_page_is_kept_in_one_run(uploaded: Path, uploaded_to: str, tmp_path: Path) -> None:
    (page := tmp_path / "report" / "comparison.html").parent.mkdir()
    page.write_text("<p>better</p>")
    runs = ComparedRuns(uploaded_to, uploaded.parent)
    for _ in range(2):
        runs.keep("mine", page, 1.0e9)
    client = MlflowClient(uploaded_to)
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "mine" and run.info.status == "FINISHED"
    assert [one.path for one in client.list_artifacts(run.info.run_id, "report")] == ["report/comparison.html"]


def test_an_mlflow_that_does_not_answer_lacks_the_page(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    (study := tmp_path / "runs" / "mine-1").mkdir(parents=True)
    Bookmark(offset=1, experiment="1", study_run="2").write(study, nobody)
    runs = ComparedRuns(nobody, study.parent)
    assert runs(study.name, "0000") is None
    lacking = str(runs.keep("mine", tmp_path / "report" / "comparison.html", 1.0e9))
    assert lacking.startswith(f"MLflow at {nobody} lacks the page of mine (")
    assert lacking.endswith("); upload it with: cnn-study report mine")
