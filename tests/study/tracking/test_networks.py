"""The networks of the best trials in MLflow: loaded without any code of ours, or by `load_trial`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from mlflow.artifacts import download_artifacts
from mlflow.pytorch import load_model

from cnn_core.solvers import LeastSquaresSolver
from search_spaces.load import dump_yaml
from search_spaces.schema import NetworkChoice, Study
from study import load_trial
from study.journal.events import TrialStatus
from study.journal.files import STUDY, TRIALS
from study.journal.journal import Journal
from study.prediction.trained import TrainedNetwork
from study.tracking import mirror as mirrors
from study.tracking import uploader
from study.tracking.mirror import Mirror
from study.tracking.networks import usable
from study.tracking.uploader import sync
from study.trial.files import CHECKPOINT
from study.trial.trial import Trial
from tests.study import tracked_study
from tests.study.small_study import small_study, solve_and_save
from tests.study.tracking.memory_store import Broken, MemoryStore
from tests.study.tracking.mlflow_runs import runs_by_name

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::FutureWarning:mlflow")

COUNTING = """
import torch
from torch import nn

class Counting(nn.Module):
    def __init__(self, inputs, parameters, outputs):
        super().__init__()
        self.layer = nn.Linear(inputs + parameters, outputs)

    def forward(self, x, p):
        return self.layer(torch.cat([x, p], dim=1)).reshape(x.shape[:1].numel(), -1)
"""


def completed(directory: Path, study: Study) -> Path:
    """A study of one trial that has ended."""
    study = replace(study, objectives={"validation/data_mse": "min"})
    directory.mkdir()
    (directory / STUDY).write_text(dump_yaml(study), encoding="utf-8")
    journal, trial = Journal(directory), Trial(study)
    journal.append("study-start", study=study.study, provenance={})
    journal.trial_start("0000", values={}, method=study.training.method.name)
    while not trial.done:
        trial.step()
    trial.save(directory / TRIALS / "0000")
    metrics: dict[str, Any] = {"validation/data_mse": 0.1, "status": "completed"}
    journal.trial_end("0000", TrialStatus.COMPLETED, metrics)
    return directory / TRIALS / "0000"


def test_the_best_network_is_a_model_that_mlflow_loads(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(epochs=1)
    folder = completed(tmp_path / "small", replace(study, training=replace(study.training, dtype="float32")))
    sync(tmp_path / "small", uri)
    run = runs_by_name(uri)["0000 unconstrained"].info.run_id
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    x, p = np.linspace(-1, 1, 9, dtype=np.float32)[:, None], np.ones((9, 3), np.float32)
    expected = load_trial(folder).predict(x, p)
    model = load_model(f"runs:/{run}/network")
    assert model(torch.from_numpy(x), torch.from_numpy(p)).detach().numpy() == pytest.approx(expected, rel=1e-6)
    downloaded = download_artifacts(run_id=run, dst_path=str(tmp_path / "downloaded"))
    assert (load_trial(downloaded).predict(x, p) == expected).all()
    assert not list((tmp_path / "downloaded").rglob("*.pkl"))


def test_a_network_that_cannot_be_exported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "counting_tide.py").write_text(COUNTING, encoding="utf-8")
    completed(tmp_path / "small", small_study(epochs=1, network=NetworkChoice("counting_tide:Counting", {})))
    sync(tmp_path / "small", uri)
    run = runs_by_name(uri)["0000 unconstrained"]
    assert run.data.tags["missing/network"].startswith("AssertionError: Guard failed: x.size()[0] == 3")
    files = {file.path for file in mlflow.MlflowClient(uri).list_artifacts(run.info.run_id)}
    assert CHECKPOINT in files
    assert "network" not in files
    assert sync(tmp_path / "small", uri) == 0


def solved(folder: Path, *amplitudes: float) -> TrainedNetwork:
    """The network of a trial without training, which is solved for waves of these amplitudes."""
    made = small_study(projection=LeastSquaresSolver(points=15, max_steps=3))
    split = replace(made.data.validation, parameters={**made.data.validation.parameters, "amplitude": amplitudes})
    data = replace(made.data, validation=split, test=split)
    solve_and_save(replace(made, data=data), folder)
    return load_trial(folder)


def test_the_network_of_a_solve_is_that_of_its_only_wave(tmp_path: Path) -> None:
    network = solved(tmp_path / "one", 1.0)
    (wave,) = network.solved
    assert usable(network).theta.tolist() == network.solved[wave].theta.tolist() != network.theta.tolist()
    with pytest.raises(ValueError, match="each wave has parameters of its own"):
        usable(solved(tmp_path / "two", 1.0, 2.0))


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The trials whose networks are uploaded, in this order; that takes no time."""
    trials: list[str] = []
    monkeypatch.setattr(mirrors, "publish", lambda store, run, folder, code: trials.append(folder.name))
    return trials


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    tracked_study.fill(tmp_path)
    for trial in ("0001", "0002", "0003"):
        (tmp_path / TRIALS / trial).mkdir(exist_ok=True)
        (tmp_path / TRIALS / trial / CHECKPOINT).touch()
    return Mirror(tmp_path, tracked_study.study(), MemoryStore())  # type: ignore[arg-type]


def test_each_methods_best_trial_has_its_network_uploaded_once(mirror: Mirror, published: list[str]) -> None:
    assert not mirror.publish()  # nothing is there yet
    mirror.advance()
    while mirror.publish():
        pass
    assert published == ["0001", "0002"]
    again = Mirror(mirror.directory, mirror.study, mirror.store)
    again.advance()
    assert not again.publish()


def test_what_mlflow_does_not_take_is_uploaded_later(mirror: Mirror, published: list[str]) -> None:
    def breaks(*_: Any) -> None:
        raise Broken

    mirror.advance()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirrors, "publish", breaks)
        uploader.publish(mirror)
    uploader.publish(mirror)
    assert published == ["0001", "0002"]


def test_a_study_that_ends_does_not_wait_long(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    assert uploader.SECONDS_TO_PUBLISH < 10
    monkeypatch.setattr(uploader, "SECONDS_TO_PUBLISH", 0.0)
    monkeypatch.setattr(mirror, "publish", lambda: pytest.fail("there was no time"))
    uploader.publish(mirror)
