"""A trial's network is found in its folder: from the checkpoint alone, with the code that the trial ran with."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_core.solvers import LeastSquaresSolver
from search_spaces.errors import StudyFileError
from search_spaces.load import load_trial as one_trial
from search_spaces.schema import DataSplit, NetworkChoice, Study
from study import load_trial
from study.journal import study_folder
from study.journal.files import TRIALS
from study.journal.own_code import keep_code
from study.journal.study_folder import Place, Whereabouts
from study.prediction.load import load_record
from study.trial.files import CHECKPOINT, CHECKPOINT_BEFORE
from study.trial.trial import Trial
from tests.study.own_code import BEFORE, own_study, write
from tests.study.small_study import small_study, solve_and_save

X, WAVE = np.linspace(-1.0, 1.0, 5), (1.0, 1.0, 0.0)

NETWORK = """
import torch
from torch import nn

class Tide(nn.Module):
    def __init__(self, inputs, parameters, outputs, width: int = 4):
        super().__init__()
        self.hidden, self.output = nn.Linear(inputs + parameters, width), nn.Linear(width, outputs)

    def forward(self, x, p):
        return self.output(torch.tanh(self.hidden(torch.cat([x, p], dim=1))))
"""


def saved(study: Study, folder: Path, epochs: int | None = None) -> Trial:
    """A trial after all of its epochs, or the first ones, saved."""
    trial = Trial(study)
    for _ in range(study.training.epochs if epochs is None else epochs):
        trial.step()
    trial.save(folder)
    return trial


def forget_module(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process, where nothing of this folder is found any more."""
    (folder / f"{name}.py").unlink()
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if Path(place).resolve() != folder])


def test_the_checkpoint_is_enough(tmp_path: Path) -> None:
    trial = saved(small_study(epochs=1), tmp_path)
    for path in tmp_path.iterdir():
        if path.name != CHECKPOINT:
            path.unlink()
    network = load_trial(str(tmp_path))
    assert network.theta.tolist() == trial.training.theta.tolist()
    assert network.settings.training == trial.study.training


def test_a_record_has_the_epochs_that_were_measured(tmp_path: Path) -> None:
    trial = saved(small_study(epochs=5), tmp_path / "mine", epochs=2)
    record = load_record(tmp_path / "mine")
    assert (record.trial, record.method, record.status) == ("mine", trial.study.training.method.name, "stopped")
    assert [(epoch, metrics) for epoch, _, metrics in record.history] == list(enumerate(trial.history, start=1))
    trial.training.diverge("of this test")
    trial.step()
    trial.save(tmp_path / "mine")
    record = load_record(tmp_path / "mine")
    assert (record.status, record.epoch, record.metrics["diverged"]) == ("diverged", 3, 1.0)


def test_an_unfinished_trial_says_how_far_it_came(tmp_path: Path) -> None:
    saved(small_study(epochs=3), tmp_path, epochs=2)
    network = load_trial(tmp_path)
    assert (network.epoch, str(network.status)) == (2, "running")
    assert str(network).startswith("TrainedNetwork(epoch=2, ")


def test_of_a_broken_checkpoint_the_one_before_is_taken(tmp_path: Path) -> None:
    saved(small_study(epochs=3), tmp_path, epochs=1)
    (tmp_path / CHECKPOINT).rename(tmp_path / CHECKPOINT_BEFORE)
    (tmp_path / CHECKPOINT).write_bytes(b"half")
    assert load_trial(tmp_path).epoch == 1
    (tmp_path / CHECKPOINT).unlink()
    assert load_trial(tmp_path).epoch == 1


def test_what_is_no_trial_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone: there is no such folder; write that of a trial, as runs/NAME/trials/"):
        load_trial(tmp_path / "gone")
    with pytest.raises(ValueError, match=r": there is no trial \(checkpoint.pt\); write the folder of one that has"):
        load_trial(tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"half")
    with pytest.raises(ValueError, match=r"checkpoint.pt: this is not a checkpoint of ours"):
        load_trial(tmp_path)


def test_code_of_its_own_is_what_the_study_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.chdir(home)
    directory, study = study_folder.claim(tmp_path, "mine"), own_study(home)
    study_folder.begin(directory, study, Whereabouts(Place.of(directory, None)))
    folder = directory / TRIALS / "0000"
    before = saved(study, folder)
    write(home, BEFORE.replace("def tides", "raise RuntimeError\n\ndef tides"))  # changed since
    network = load_trial(folder)
    assert network.doubts == ()
    assert network.theta.tolist() == before.training.theta.tolist()


def test_a_trial_that_was_saved_with_its_code_needs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, folder = tmp_path / "home", tmp_path / "saved"
    home.mkdir()
    monkeypatch.syspath_prepend(str(home))
    (home / "tide_networks.py").write_text(NETWORK, encoding="utf-8")
    study = replace(small_study(epochs=1), network=NetworkChoice("tide_networks:Tide", {"width": 3}))
    saved(study, folder)
    expected = load_trial(folder).predict(X, WAVE)
    forget_module("tide_networks", home, monkeypatch)
    with pytest.raises(StudyFileError, match=r"saved: network.name: tide_networks cannot be imported \(Module.*; mend"):
        load_trial(folder)
    (home / "tide_networks.py").write_text(NETWORK, encoding="utf-8")
    monkeypatch.syspath_prepend(str(home))
    keep_code(folder, study)
    forget_module("tide_networks", home, monkeypatch)
    network = load_trial(folder)
    assert network.predict(X, WAVE).tolist() == expected.tolist()
    assert network.doubts == ()


def test_another_code_is_told_and_another_network_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "saved"
    saved(own_study(tmp_path), folder)
    write(tmp_path, BEFORE + "# better\n")
    assert load_trial(folder).doubts == (f"{folder}: its own code is not the one that it was trained with",)
    (tmp_path / "tide_networks.py").write_text(NETWORK, encoding="utf-8")
    saved(replace(small_study(epochs=1), network=NetworkChoice("tide_networks:Tide", {})), tmp_path / "other")
    sys.modules.pop("tide_networks")
    (tmp_path / "tide_networks.py").write_text(NETWORK.replace("int = 4", "int = 5"), encoding="utf-8")
    message = r"other: the trial has 25 parameters, and the network that its settings and code make 31; bring the code"
    with pytest.raises(ValueError, match=message):
        load_trial(tmp_path / "other")


def test_the_data_of_the_study_need_not_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{x},1.0,1.0,0.0,{x}\n" for x in (-0.5, 0.0, 0.5))
    (tmp_path / "measured.csv").write_text(f"x,amplitude,frequency,phase,u\n{rows}", encoding="utf-8")
    study = small_study(epochs=1)
    study = replace(study, data=replace(study.data, train=DataSplit({}, points=5, file="measured.csv")))
    saved(study, tmp_path / "saved")
    (tmp_path / "measured.csv").unlink()
    assert load_trial(tmp_path / "saved").predict(X, WAVE).shape == (5, 1)


def test_importing_it_is_cheap() -> None:
    code = "import sys; from study import load_trial; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ}).returncode == 0


def solve(**changes: Any) -> Study:
    """A study that trains nothing, and solves its PDE for the waves of validation and test."""
    solver = LeastSquaresSolver(points=15, max_steps=3, start="reaching")
    made = small_study(projection=solver, **changes)
    return replace(made, training=replace(made.training, epochs=0, dtype="float64"))


def test_what_was_solved_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = solve_and_save(solve(), tmp_path)
    assert trial.projected is not None
    network = load_trial(tmp_path)
    assert network.solved.keys() == trial.projected.by_wave.keys()
    monkeypatch.setattr("study.prediction.trained.project", None)
    for wave, result in trial.projected.by_wave.items():
        again = network.projected(wave)
        assert again.theta.tolist() == result.theta.tolist()
        assert again.projection is not None
        assert (again.projection.status, again.projection.residual_off) == (result.status, result.residual_off)
    assert load_record(tmp_path).method == "least-squares"


def test_of_random_parameters_nothing_is_predicted(tmp_path: Path) -> None:
    solve_and_save(solve(), tmp_path)
    network = load_trial(tmp_path)
    with pytest.raises(ValueError, match=r"nothing was trained, and θ is random; write projected\(p\) for what a wave"):
        network.predict([0.5], WAVE)
    (wave, *_) = network.solved
    assert np.isfinite(network.projected(wave).predict([0.5], wave)).all()


def test_what_was_trained_before_it_was_only_projected_predicts(tmp_path: Path) -> None:
    trial = saved(small_study(epochs=2, projection=LeastSquaresSolver(points=15, max_steps=1)), tmp_path)
    study = trial.study
    only = Trial(replace(study, training=replace(study.training, epochs=0)))
    only.load(tmp_path)
    only.finish()
    only.save(tmp_path / "projected")
    network = load_trial(tmp_path / "projected")
    assert network.trained and network.theta.tolist() == trial.training.theta.tolist()
    assert np.isfinite(network.predict([0.5], WAVE)).all()


def test_a_solve_of_a_problem_without_parameters_is_the_solution(tmp_path: Path) -> None:
    few = {"interior": 30, "boundary": 10}
    solve_and_save(one_trial("helmholtz-2d-solve", {"projection.max_steps": 2, "projection.points": few}), tmp_path)
    network = load_trial(tmp_path)
    assert network.theta.tolist() == network.solved[()].theta.tolist()
    x = [[0.1, 0.2]]
    assert network.predict(x).tolist() == network.projected().predict(x).tolist()


def test_other_waves_are_solved_when_one_asks(tmp_path: Path) -> None:
    trial = Trial(solve())
    trial.step()
    trial.save(tmp_path)  # before it was solved
    network = load_trial(tmp_path)
    assert network.solved == {}
    assert network.projected(WAVE).theta.tolist() != network.theta.tolist()
