from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from search_spaces.load import dump_yaml, resolve
from search_spaces.schema import Resources, Study
from study.trial import trial_folder
from study.trial.actor import TrialActor
from study.trial.machine import with_device
from study.trial.trial import Trial, run_trial
from tests.study.small_study import COMPLETES, DIVERGES, FAILS, LEARNING_RATE, small_study

STUDY = small_study(COMPLETES, FAILS, DIVERGES)


Actor = Callable[..., TrialActor]


def request(folder: Path, rate: float, study: Study = STUDY) -> dict[str, Any]:
    return {"trial": "0000", "study": dump_yaml(study), "values": {LEARNING_RATE: rate}, "folder": str(folder)}


@pytest.fixture
def actor(tmp_path: Path) -> Actor:
    """Makes actors without Ray around them, all of one trial."""

    def make(rate: float, study: Study = STUDY) -> TrialActor:
        made = TrialActor.__new__(TrialActor)
        made.setup(request(tmp_path, rate, study))
        return made

    return make


def often(study: Study) -> Study:
    """A study whose trials save themselves after every epoch."""
    return replace(study, tune=replace(study.tune, checkpoint_seconds=1e-9))


def steps(running: TrialActor) -> list[dict[str, Any]]:
    results = [running.step()]
    while not results[-1].get("done"):
        results.append(running.step())
    return results


def untimed(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if not name.startswith(("time/", "memory/"))}


def test_one_step_is_one_epoch_and_the_last_one_finishes(actor: Actor) -> None:
    results = steps(actor(COMPLETES))
    assert [result["epoch"] for result in results] == [1, 2, 3]
    assert ["final" in result for result in results] == [False, False, True]
    assert results[-1]["final"]["status"] == "completed"


def test_its_figures_are_those_of_the_trial_alone(actor: Actor) -> None:
    last = steps(actor(COMPLETES))[-1]
    alone = run_trial(resolve(STUDY, {LEARNING_RATE: COMPLETES}))
    assert untimed(last["metrics"] | last["final"]) == untimed(alone)


def test_an_error_is_reported_with_its_traceback_and_the_process_goes_on(actor: Actor, tmp_path: Path) -> None:
    used = actor(FAILS)
    [failed] = steps(used)
    assert failed["error"] == "small: training.optimizer: learning_rate must not be negative, got -1.0"
    assert "Traceback" in failed["traceback"]
    assert used.reset_config(request(tmp_path, COMPLETES))
    assert steps(used)[-1]["final"]["status"] == "completed"


def test_a_diverging_trial_ends_with_worst_finite_values(actor: Actor) -> None:
    [result] = steps(actor(DIVERGES))
    figures = result["metrics"] | result["final"]
    assert figures["diverged"] == 1.0
    assert figures["status"] == "diverged"
    assert figures["validation/data_mse"] == figures["test/constraint_mse"] == 1e12
    assert result["reason"].startswith(("in step ", "after epoch 1 "))


def test_a_gpu_that_cannot_be_used_any_more_ends_the_process(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Trial) -> None:
        raise torch.AcceleratorError("device-side assert")

    monkeypatch.setattr(Trial, "step", broken)
    with pytest.raises(torch.AcceleratorError):
        actor(COMPLETES).step()


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_trial_goes_on_from_its_checkpoint(actor: Actor, done: int) -> None:
    study = often(small_study(COMPLETES, epochs=3))
    whole = run_trial(resolve(study, {LEARNING_RATE: COMPLETES}))
    first = actor(COMPLETES, study)
    before = [first.step() for _ in range(done)]
    rest = steps(actor(COMPLETES, study))  # the first one's process was killed
    assert [result["epoch"] for result in rest] == [*range(done + 1, 4)] or [3]
    earlier = [untimed(result["metrics"]) for result in before if result["epoch"] < rest[0]["epoch"]]
    assert [untimed(metrics) for metrics in rest[0]["earlier"]] == earlier
    assert untimed(rest[-1]["metrics"] | rest[-1]["final"]) == untimed(whole)


def test_a_trial_that_is_stopped_is_saved_and_may_go_on(actor: Actor, tmp_path: Path) -> None:
    stopped = actor(COMPLETES)
    stopped.step()
    assert stopped.reset_config(request(tmp_path, COMPLETES) | {"trial": "0001"})
    assert {path.name for path in (tmp_path / "0000").iterdir()} == {"checkpoint.pt", "trial.yaml"}
    assert [result["epoch"] for result in steps(actor(COMPLETES))] == [2, 3]


def test_a_finished_trial_saves_its_predictions(actor: Actor, tmp_path: Path) -> None:
    steps(actor(COMPLETES, often(STUDY)))
    assert {path.name for path in (tmp_path / "0000").iterdir()} == {
        "checkpoint.pt",
        "trial.yaml",
        "predictions.npz",
        "percentiles.csv",
    }


def test_a_trial_that_failed_saves_nothing(actor: Actor, tmp_path: Path) -> None:
    failed = actor(FAILS)
    failed.step()
    failed.cleanup()
    assert not list(tmp_path.iterdir())


def test_a_trial_saves_itself_now_and_then(actor: Actor, tmp_path: Path) -> None:
    actor(COMPLETES).step()
    assert not list(tmp_path.iterdir())
    actor(COMPLETES, often(STUDY)).step()
    assert list(tmp_path.iterdir())


def test_a_trial_that_cannot_be_saved_goes_on(actor: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(trial: Trial, folder: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trial_folder, "save", full)
    last = steps(actor(COMPLETES))[-1]
    assert last["final"]["status"] == "completed"
    assert last["notes"] == [f"{tmp_path}/0000: it could not be saved (OSError: [Errno 28] No space left on device)"]


@pytest.mark.parametrize(
    ("device", "gpu", "placed"),
    [("auto", 0.0, "cpu"), ("auto", 0.5, "auto"), ("cpu", 0.0, "cpu"), ("cuda", 1.0, "cuda")],
)
def test_a_trial_without_a_share_of_a_gpu_stays_on_the_cpu(device: Any, gpu: float, placed: str) -> None:
    study = replace(STUDY, training=replace(STUDY.training, device=device), resources=Resources(gpu=gpu))
    assert with_device(study).training.device == placed


def test_a_share_of_a_logical_gpu_runs_on_a_machine_without_one(actor: Actor) -> None:
    half = replace(STUDY, resources=Resources(gpu=0.5))
    assert steps(actor(COMPLETES, half))[-1]["final"]["status"] == "completed"


class RayEnds(SystemExit):
    """As Ray raises it in a process that got a SIGTERM."""

    ray_terminate_msg = "the process receives a SIGTERM"


@pytest.mark.parametrize("how", [SystemExit, RayEnds])
def test_code_that_exits_is_an_error_and_no_lost_process(
    actor: Actor, how: type[SystemExit], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(self: Trial) -> None:
        raise how(3)

    monkeypatch.setattr(Trial, "step", leave)
    if how is RayEnds:
        with pytest.raises(RayEnds):
            actor(COMPLETES).step()
    else:
        (result,) = steps(actor(COMPLETES))
        assert result["error"] == "SystemExit: 3"
        assert "leave" in result["traceback"]
