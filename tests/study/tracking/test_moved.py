"""A folder of studies that was moved or copied: its files are those beside the database; nothing is made elsewhere."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from study.journal.journal import Journal
from study.tracking.bookmark import Bookmark
from study.tracking.databases import default_uri
from study.tracking.moved import repoint
from study.tracking.uploader import sync
from tests.study import tracked_study
from tests.study.awkward import AWKWARD
from tests.study.tracking.mlflow_runs import client_of, runs_by_name
from tests.test_architecture import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")

FILES = {"convergence.png", "prediction.png", "trial.yaml"}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with an uploaded study and its MLflow."""
    runs = tmp_path / "before" / "runs"
    tracked_study.fill(runs / "first")
    sync(runs / "first", default_uri(runs))
    return runs


def files_of(runs: Path, trial: str) -> set[str]:
    uri = default_uri(runs)
    run = runs_by_name(uri)[trial]
    assert str(run.info.artifact_uri).startswith(runs.as_uri())
    return {Path(file.path).name for file in client_of(uri).list_artifacts(run.info.run_id)}


def go_on(runs: Path) -> None:
    """One trial more, uploaded by a process of its own: MLflow remembers where a run's files were."""
    journal = Journal(runs / "first")
    journal.append("study-start", study="waves")
    tracked_study.complete(journal, "0007", tracked_study.SOFT, data=0.1, constraint=0.1)
    code = f"from study.tracking.uploader import sync; from pathlib import Path; sync(Path({str(runs / 'first')!r}), "
    subprocess.run([sys.executable, "-c", f"{code}{default_uri(runs)!r})"], cwd=ROOT, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", [AWKWARD[0], AWKWARD[2]])
def test_files_belong_to_the_folder_wherever_it_is(runs: Path, name: str) -> None:
    there = runs.parents[1] / name / "runs"
    shutil.copytree(runs, there)
    shutil.rmtree(runs.parent)
    assert Bookmark.read(there / "first", default_uri(there)).study_run  # nothing is uploaded again
    go_on(there)
    assert files_of(there, "0001 soft") >= FILES
    assert files_of(there, "0007 soft") >= FILES
    assert not runs.parent.exists()
    assert sorted(path.name for path in there.parents[1].iterdir()) == [name]


@pytest.mark.slow
def test_a_copy_leaves_the_original_alone(runs: Path) -> None:
    there = runs.parents[1] / "copy" / "runs"
    shutil.copytree(runs, there)
    before = sorted(runs.rglob("*"))
    go_on(there)
    assert files_of(there, "0007 soft") >= FILES
    assert sorted(runs.rglob("*")) == before
    assert files_of(runs, "0001 soft") >= FILES


def test_a_database_that_was_moved_alone_finds_its_files(runs: Path) -> None:
    there = runs.parents[1] / "there"
    there.mkdir()
    shutil.move(runs / "mlflow.db", there)
    repoint(default_uri(there))
    (run,) = [run for name, run in runs_by_name(default_uri(there)).items() if name == "0001 soft"]
    assert str(run.info.artifact_uri).startswith(runs.as_uri())


def test_what_is_no_database_of_mlflow_is_left_alone(tmp_path: Path) -> None:
    repoint("http://127.0.0.1:5000")
    repoint(f"sqlite:///{tmp_path}/none.db")
    (tmp_path / "empty.db").touch()
    repoint(f"sqlite:///{tmp_path}/empty.db")
    assert [path.name for path in tmp_path.iterdir()] == ["empty.db"]


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database, but as long as the header of one would be, and longer than that")
    with pytest.raises(ValueError, match=r"mlflow\.db: MLflow cannot use it \(file is not a database\); end what"):
        repoint(default_uri(tmp_path))
