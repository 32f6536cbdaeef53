import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from rich.console import Console

from search_spaces.load import StudyFileError, dump_yaml, load_recorded, load_text, resolve
from search_spaces.schema import ProblemChoice, SearchedParameter, Uniform
from study.cluster import cluster
from study.driver import runner
from study.journal import study_folder
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.journal.record import TrialRecord
from study.journal.study_folder import Place, Whereabouts
from study.search.optuna_file import database
from study.trial.trial import run_trial
from tests.study.driver.small_driver import four_endings
from tests.study.small_study import COMPLETES, LEARNING_RATE, small_study

ROOT = Path(__file__).parents[3]
QUICK = {"error": None, "unsent": None, "stopped": False}


def command(kind: str, directory: Path) -> list[str]:
    return [sys.executable, "-m", "tests.study.driver.small_driver", kind, str(directory)]


class Ran:
    """A study of four trials that was run by a command: complete, fail, diverge, be pruned."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process = subprocess.run(
            command("four-endings", directory), cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
        )

    @property
    def records(self) -> dict[str, TrialRecord]:
        return Journal(self.directory).trials()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return Ran(tmp_path_factory.mktemp("runs") / "small")


@pytest.mark.ray
def test_a_study_ends_well_although_trials_do_not(ran: Ran) -> None:
    assert ran.process.returncode == 0, ran.process.stderr
    assert json.loads(ran.process.stdout) == QUICK
    endings = [TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.DIVERGED, TrialStatus.PRUNED]
    assert {ident: record.status for ident, record in ran.records.items()} == {
        f"{position:04d}": status for position, status in enumerate(endings)
    }


@pytest.mark.ray
def test_nothing_but_our_own_lines_reaches_the_user(ran: Ran) -> None:
    lines = ran.process.stderr.splitlines()
    standing = [line for line in lines if "/4 trials (" in line]  # every 20 seconds, and at the end
    first, failed, diverged = (line for line in lines if line not in standing)
    assert (first, failed) == (
        "small: 4 trials",
        "trial 0001 (unconstrained) failed: small: training.optimizer: learning_rate must not be negative, got -1.0",
    )
    assert diverged.startswith("trial 0002 (unconstrained) diverged: in step 2 of epoch 1 the residual 'helmholtz' is ")
    assert lines[0] == "small: 4 trials"
    assert lines[-1] in standing
    assert lines[-1].startswith("4/4 trials (1 completed, 1 pruned, 1 diverged, 1 failed); ")
    assert len(ran.process.stdout.splitlines()) == 1


@pytest.mark.ray
def test_a_trial_through_ray_gives_the_figures_of_the_trial_alone(ran: Ran) -> None:
    through_ray = ran.records["0000"].metrics
    for name, alone in run_trial(resolve(four_endings(), {LEARNING_RATE: COMPLETES})).items():
        if isinstance(alone, str):
            assert through_ray[name] == alone
        elif not name.startswith(("time/", "memory/")):
            assert through_ray[name] == pytest.approx(alone, rel=1e-12, abs=0), name


@pytest.mark.ray
def test_a_diverged_trial_has_worst_finite_figures(ran: Ran) -> None:
    metrics = ran.records["0002"].metrics
    assert (metrics["diverged"], metrics["validation/data_mse"], metrics["test/data_mse"]) == (1.0, 1e12, 1e12)
    assert all(math.isfinite(value) for value in metrics.values() if isinstance(value, float))


@pytest.mark.ray
def test_optuna_was_told_what_became_of_every_trial(ran: Ran) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    search = optuna.load_study(study_name="small", storage=database(ran.directory / "optuna.db"))
    told = {trial.user_attrs["trial"]: trial for trial in search.trials}
    states = [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE, TrialState.PRUNED]
    assert {ident: trial.state for ident, trial in told.items()} == {
        f"{position:04d}": state for position, state in enumerate(states)
    }
    assert told["0002"].values == [1e12, 1e12]


@pytest.mark.ray
def test_the_files_of_every_trial_are_in_the_studys_directory(ran: Ran) -> None:
    files = {path.name: {file.name for file in path.iterdir()} for path in (ran.directory / "trials").iterdir()}
    whole = {"checkpoint.pt", "trial.yaml", "predictions.npz", "percentiles.csv"}
    assert files == {
        "0000": whole,
        "0001": {"traceback.txt"},
        "0002": whole,
        "0003": {"checkpoint.pt", "trial.yaml"},
    }


@pytest.mark.ray
def test_the_study_file_and_the_journal_tell_what_was_run(ran: Ran) -> None:
    assert load_text((ran.directory / "study.yaml").read_text()) == four_endings()
    events = [event for _, event in Journal(ran.directory).events()]
    assert (events[0]["event"], events[-1]["event"], events[-1]["status"]) == ("study-start", "study-end", "FINISHED")
    assert events[0]["storage"] == str(ran.directory / "ray")
    assert [epoch for epoch, _, _ in ran.records["0000"].history] == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.ray
def test_a_study_whose_trials_all_fail_says_so(tmp_path: Path) -> None:
    done = subprocess.run(command("failing", tmp_path / "study"), cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["error"] == (
        "the only trial failed; trial 0000: small: training.optimizer: learning_rate must not be negative, got -1.0 "
        f"(traceback.txt is in {tmp_path}/study/trials/)"
    )
    assert [event for _, event in Journal(tmp_path / "study").events()][-1]["status"] == "FAILED"


@pytest.mark.slow
@pytest.mark.ray
def test_a_trial_whose_process_is_lost_starts_again(tmp_path: Path) -> None:
    done = subprocess.run(command("dying", tmp_path / "study"), cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == QUICK
    assert "trial 0000 lost its process before the end of its first epoch (it was killed, " in done.stderr
    assert Journal(tmp_path / "study").trials()["0000"].status is TrialStatus.COMPLETED


@pytest.mark.slow
@pytest.mark.ray
def test_a_trial_that_loses_many_processes_gets_to_its_end(tmp_path: Path) -> None:
    """On nodes that come and go a long trial is killed again and again; each time it had got on."""
    (marks := tmp_path / "marks").mkdir()
    study = small_study(COMPLETES, epochs=20)
    study = replace(study, tune=replace(study.tune, checkpoint_seconds=1e-3))
    dies = {"folder": str(marks), "times": 6, "calls": 7}
    study = replace(study, problem=ProblemChoice("tests.study.own_problems:dies_often", options=dies))
    assert runner.run(study, directory=tmp_path / "study") == runner.Outcome()
    record = Journal(tmp_path / "study").trials()["0000"]
    assert (record.status, len(record.history), len(list(marks.iterdir()))) == (TrialStatus.COMPLETED, 20, 6)


@pytest.mark.slow
@pytest.mark.ray
def test_a_trial_that_was_given_up_goes_on_with_a_resume(tmp_path: Path) -> None:
    (mark := tmp_path / "mark").touch()
    study = small_study(COMPLETES)
    study = replace(study, problem=ProblemChoice("tests.study.own_problems:dies_while", options={"mark": str(mark)}))
    error = runner.run(study, directory=tmp_path / "study").error
    assert error is not None and "its process was lost 4 times in a row before the end of its first epoch" in error
    mark.unlink()
    assert runner.resume(tmp_path / "study") == runner.Outcome()
    assert Journal(tmp_path / "study").trials()["0000"].status is TrialStatus.COMPLETED


@pytest.mark.slow
@pytest.mark.ray
def test_a_study_goes_on_whose_journal_was_spoiled(tmp_path: Path) -> None:
    """The start of a trial that had not ended is lost: it is asked for anew, and nothing else is repeated."""
    directory, said = tmp_path / "study", io.StringIO()
    study = small_study(COMPLETES, COMPLETES / 2)
    study_folder.claim(tmp_path, "study")
    study_folder.begin(directory, study, Whereabouts(Place.of(directory, None)))
    journal = Journal(directory)
    for ident, rate in (("0000", COMPLETES), ("0001", COMPLETES / 2)):
        journal.trial_start(ident, values={LEARNING_RATE: rate}, method="unconstrained")
        journal.epoch(ident, 1, {"validation/data_mse": 0.5})
    journal.trial_end("0000", TrialStatus.COMPLETED, {"validation/data_mse": 0.5, "validation/constraint_mse": 0.5})
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join([*lines[:3], b"42\n", *lines[4:]]))
    assert runner.resume(directory, console=Console(file=said, width=200)) == runner.Outcome()
    assert said.getvalue().count("records.jsonl line 4 cannot be read; it is passed over\n") == 1
    records = journal.trials()
    assert {ident: (record.status, len(record.history)) for ident, record in records.items()} == {
        "0000": (TrialStatus.COMPLETED, 1),
        "0001": (TrialStatus.COMPLETED, 3),
    }
    assert records["0001"].values == {LEARNING_RATE: COMPLETES / 2}


@pytest.mark.slow
@pytest.mark.ray
def test_ctrl_c_stops_a_study_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "study")
    with subprocess.Popen(
        command("endless", tmp_path / "study"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: any(event["event"] == "epoch" for _, event in journal.events()))
        os.kill(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert json.loads(stdout) == QUICK | {"stopped": True}
    assert "stopping; this takes some seconds (Ctrl-C again ends at once)" in stderr.splitlines()
    assert journal.trials()["0000"].status is TrialStatus.STOPPED
    assert [event for _, event in journal.events()][-1]["status"] == "KILLED"


def wait_until(holds: Any, seconds: float = 100.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_study_that_exists_is_not_run_over(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("mine")
    with pytest.raises(FileExistsError, match="a study of this name exists already; write another --name"):
        runner.run(small_study(), directory=tmp_path)
    assert (tmp_path / "study.yaml").read_text() == "mine"


def test_a_study_that_is_refused_leaves_its_name_free(tmp_path: Path) -> None:
    directory = study_folder.claim(tmp_path, "mine")
    with pytest.raises(cluster.ClusterError, match="--address is 'nowhere'"):
        runner.run(small_study(), directory=directory, address="nowhere")
    assert not directory.exists()


@pytest.mark.parametrize(("asked", "concurrent"), [("auto", 4), (1, 1), (100, 100)])
def test_how_many_trials_run_at_once(asked: Any, concurrent: int) -> None:
    study = small_study()
    study = replace(study, tune=replace(study.tune, max_concurrent=asked))
    assert runner._concurrent(study, slots=4) == concurrent


def test_a_study_can_be_resumed_before_ray_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, study = tmp_path / "study", small_study()
    told = []

    def killed(address: str, **others: object) -> None:
        told.append((load_recorded(directory / "study.yaml"), study_folder.whereabouts(directory).address))
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "connection", killed)
    with pytest.raises(KeyboardInterrupt):
        runner.run(study, directory=directory, address="10.0.0.1:6379")
    assert told == [(study, "10.0.0.1:6379")]


def test_an_address_that_is_refused_does_not_replace_the_old_one(tmp_path: Path) -> None:
    before = Whereabouts(Place.of(tmp_path, None), "local", None)
    study_folder.begin(tmp_path, small_study(), before)
    with pytest.raises(cluster.ClusterError, match=r"--address is 'nowhere'"):
        runner.resume(tmp_path, address="nowhere")
    assert study_folder.whereabouts(tmp_path) == before


def test_a_secret_key_in_the_storage_is_refused_and_not_repeated(tmp_path: Path) -> None:
    storage = "s3://key:secret@bucket/folder"
    message = r"--storage holds a secret key.*; leave it out and set AWS_ACCESS_KEY_ID"
    with pytest.raises(ValueError, match=message) as caught:
        runner.run(small_study(), directory=tmp_path / "study", storage=storage)
    assert "secret@" not in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_a_longer_study_has_more_trials_and_is_otherwise_the_same(tmp_path: Path) -> None:
    study = small_study(COMPLETES)
    study = replace(study, search={LEARNING_RATE: SearchedParameter(Uniform(1e-3, 1e-2))})
    study = replace(study, tune=replace(study.tune, sampler="random"))
    (tmp_path / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
    assert runner.lengthened(tmp_path, 0) == study
    longer = runner.lengthened(tmp_path, 5)
    assert longer.tune.trials == study.tune.trials + 5
    assert replace(longer, tune=study.tune) == study


def test_a_grid_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(dump_yaml(small_study(1e-2, 1e-3)), encoding="utf-8")
    message = "1 trial more would be too many for a search that has 2 settings, with 2 planned already; run a study"
    with pytest.raises(StudyFileError, match=message):
        runner.lengthened(tmp_path, 1)


def test_a_search_among_few_settings_has_an_end(tmp_path: Path) -> None:
    study = small_study(1e-2, 1e-3, 1e-4)
    study = replace(study, tune=replace(study.tune, trials=1, sampler="tpe"))
    (tmp_path / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
    assert runner.lengthened(tmp_path, 2).tune.trials == 3
    message = "3 trials more would be too many for a search that has 3 settings, with 1 planned already"
    with pytest.raises(StudyFileError, match=message):
        runner.lengthened(tmp_path, 3)


def test_a_study_that_searches_nothing_has_one_setting(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(dump_yaml(small_study()), encoding="utf-8")
    with pytest.raises(StudyFileError, match="a search that has 1 setting, with 1 planned already; run a study"):
        runner.lengthened(tmp_path, 1)


def test_there_is_nothing_to_resume_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=r"study\.yaml"):
        runner.resume(tmp_path)
