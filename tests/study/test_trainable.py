from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from search_spaces.load import dump_yaml, resolve
from search_spaces.schema import Resources, Study
from study import trainable
from study.trainable import TrialActor, one_line, place
from study.trial import Trial, run_trial
from tests.study.small_study import COMPLETES, DIVERGES, FAILS, LEARNING_RATE, small_study

STUDY = small_study(COMPLETES, FAILS, DIVERGES)


def request(rate: float, study: Study = STUDY) -> dict[str, Any]:
    return {"trial": "0000", "study": dump_yaml(study), "values": {LEARNING_RATE: rate}}


def actor(rate: float, study: Study = STUDY) -> TrialActor:
    """An actor without Ray around it."""
    made = TrialActor.__new__(TrialActor)
    made.setup(request(rate, study))
    return made


def steps(running: TrialActor) -> list[dict[str, Any]]:
    results = [running.step()]
    while not results[-1].get("done"):
        results.append(running.step())
    return results


def untimed(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if not name.startswith(("time/", "memory/"))}


def test_one_step_is_one_epoch_and_the_last_one_finishes() -> None:
    results = steps(actor(COMPLETES))
    assert [result["epoch"] for result in results] == [1, 2, 3]
    assert ["final" in result for result in results] == [False, False, True]
    assert results[-1]["final"]["status"] == "completed"


def test_its_figures_are_those_of_the_trial_alone() -> None:
    last = steps(actor(COMPLETES))[-1]
    alone = run_trial(resolve(STUDY, {LEARNING_RATE: COMPLETES}))
    assert untimed(last["metrics"] | last["final"]) == untimed(alone)


def test_an_error_is_reported_with_its_traceback_and_the_process_goes_on() -> None:
    used = actor(FAILS)
    [failed] = steps(used)
    assert failed["error"] == "small: training.optimizer: learning_rate must not be negative, got -1.0"
    assert "Traceback" in failed["traceback"]
    assert used.reset_config(request(COMPLETES))
    assert steps(used)[-1]["final"]["status"] == "completed"


def test_a_diverging_trial_ends_with_worst_finite_values() -> None:
    [result] = steps(actor(DIVERGES))
    figures = result["metrics"] | result["final"]
    assert figures["diverged"] == 1.0
    assert figures["status"] == "diverged"
    assert figures["validation/data_mse"] == figures["test/constraint_mse"] == 1e12


def test_a_gpu_that_cannot_be_used_any_more_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Trial) -> None:
        raise torch.AcceleratorError("device-side assert")

    monkeypatch.setattr(Trial, "step", broken)
    with pytest.raises(torch.AcceleratorError):
        actor(COMPLETES).step()


def test_a_trial_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    whole, first = steps(actor(COMPLETES)), actor(COMPLETES)
    first.step()
    first.save_checkpoint(str(tmp_path))
    second = actor(COMPLETES)
    second.load_checkpoint(str(tmp_path))
    rest = steps(second)
    assert [result["epoch"] for result in rest] == [2, 3]
    assert untimed(rest[-1]["final"]) == untimed(whole[-1]["final"])


def test_a_finished_trial_saves_its_predictions(tmp_path: Path) -> None:
    finished = actor(COMPLETES)
    steps(finished)
    finished.save_checkpoint(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.pt",
        "trial.yaml",
        "predictions.npz",
        "percentiles.csv",
    }


def test_a_trial_that_failed_before_it_began_saves_nothing(tmp_path: Path) -> None:
    failed = actor(FAILS)
    failed.step()
    failed.save_checkpoint(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_long_trial_asks_to_be_saved_now_and_then(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = actor(COMPLETES)
    assert "should_checkpoint" not in long.step()
    monkeypatch.setattr(trainable, "CHECKPOINT_SECONDS", 0.0)
    assert long.step()["should_checkpoint"]


@pytest.mark.parametrize(
    ("device", "gpu", "placed"),
    [("auto", 0.0, "cpu"), ("auto", 0.5, "auto"), ("cpu", 0.0, "cpu"), ("cuda", 1.0, "cuda")],
)
def test_a_trial_without_a_share_of_a_gpu_stays_on_the_cpu(device: Any, gpu: float, placed: str) -> None:
    study = replace(STUDY, training=replace(STUDY.training, device=device), resources=Resources(gpu=gpu))
    assert place(study).training.device == placed


def test_a_share_of_a_logical_gpu_runs_on_a_machine_without_one() -> None:
    half = replace(STUDY, resources=Resources(gpu=0.5))
    assert steps(actor(COMPLETES, half))[-1]["final"]["status"] == "completed"


def test_an_error_in_one_line() -> None:
    assert one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
