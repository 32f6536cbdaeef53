"""A study in a folder of any name, with a module beside its study file elsewhere; moved, it goes on where it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from search_spaces.load import dump
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.tracking.databases import default_uri
from tests.study.small_study import small_study
from tests.study.tracking.mlflow_runs import runs_by_name
from tests.test_architecture import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")]

MODULE = """
import sys
from dataclasses import replace
from cnn_core.problems import helmholtz

def problem(leave: bool):
    ours = helmholtz()
    def residual(u, x, p):
        if leave and sys.argv[0].endswith("default_worker.py"):  # a trial's process
            sys.exit(0)
        return ours.residual(u, x, p)
    return replace(ours, residual=residual)
"""


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "own_beside.py").write_text(MODULE, encoding="utf-8")
    content = dump(small_study(epochs=2)) | {"problem": {"name": "own_beside:problem", "leave": False}}
    content["search"] = {"training.optimizer.learning_rate": {"log_uniform": [1.0e-3, 1.0e-2]}}
    content["tune"] = {"trials": 1, "sampler": "random", "max_concurrent": 1}
    (folder / "small.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / "small.yaml"


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "study", *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=250,
    )  # fmt: skip


def test_a_study_in_any_folder_that_is_moved_goes_on(tmp_path: Path, study_file: Path) -> None:
    before, after = tmp_path / "a%20b?c #{d} é", tmp_path / "there%2Fe"
    before.mkdir()
    first = command(before, "run", str(study_file))
    assert first.returncode == 0, first.stderr
    before.rename(after)
    again = command(after, "resume", "small", "--trials", "1")
    assert again.returncode == 0, again.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"files", after.name}
    trials = Journal(after / "runs" / "small").trials().values()
    assert [record.status for record in trials] == [TrialStatus.COMPLETED] * 2
    runs = runs_by_name(default_uri(after / "runs"))
    assert {str(run.info.artifact_uri).partition("/mlartifacts/")[0] for run in runs.values()} == {
        (after / "runs").as_uri()
    }
    assert len(runs) == 3
    assert {path.name for path in (after / "runs").iterdir()} == {"mlartifacts", "mlflow.db", "small"}


def test_code_that_exits_fails_its_trial(tmp_path: Path, study_file: Path) -> None:
    for name in ("study.py", "cnn_core.py"):  # which a trial's process must not take for ours
        (tmp_path / name).write_text("raise SystemExit('not ours')\n", encoding="utf-8")
    answer = command(tmp_path, "run", str(study_file), "--set", "problem.leave=true")
    assert answer.returncode == 1
    assert "error: the only trial failed; trial 0000: SystemExit: 0" in answer.stderr
    assert "lost" not in answer.stderr
