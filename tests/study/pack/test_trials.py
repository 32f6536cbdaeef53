"""Trials that share a process are what each is by itself."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cnn_core.methods import METHODS
from search_spaces.load import dump_yaml, resolve
from search_spaces.schema import Study
from study.pack import gathering
from study.pack.trials import MEMBERS, PackedTrials
from study.trial.trial import run_trial
from tests.study.small_study import COMPLETES, DIVERGES, FAILS, LEARNING_RATE, small_study

RATES = (COMPLETES, COMPLETES / 2, COMPLETES / 3)
STUDY = small_study(*RATES, epochs=4)

Results = list[dict[str, Any]]


def request(folder: Path, trial: int, rate: float, study: Study = STUDY) -> dict[str, Any]:
    ident = f"{trial:04d}"
    return {"trial": ident, "study": dump_yaml(study), "values": {LEARNING_RATE: rate}, "folder": str(folder)}


def run(pack: PackedTrials, requests: list[dict[str, Any]], *, stopped: dict[str, int] | None = None) -> list[Results]:
    """All of them at once, each from a thread; `stopped` says after how many epochs somebody ends a trial."""
    results: dict[str, Results] = {asked["trial"]: [] for asked in requests}

    def ask(asked: dict[str, Any]) -> None:
        own = results[asked["trial"]]
        while len(own) < (stopped or {}).get(asked["trial"], 100) and not (own and "done" in own[-1]):
            own.append(pack.step(asked["trial"], asked))
        pack.leave(asked["trial"])

    threads = [threading.Thread(target=ask, args=(asked,)) for asked in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return list(results.values())


def assert_as_alone(result: dict[str, Any], rate: float, study: Study = STUDY) -> None:
    together = result["metrics"] | result["final"]
    for name, alone in run_trial(resolve(study, {LEARNING_RATE: rate})).items():
        if isinstance(alone, str):
            assert together[name] == alone
        elif not name.startswith(("time/", "memory/")):
            assert together[name] == pytest.approx(alone, rel=1e-10, abs=1e-14), name


def test_their_figures_are_those_of_each_alone(tmp_path: Path) -> None:
    found = run(PackedTrials(), [request(tmp_path, place, rate) for place, rate in enumerate(RATES)])
    for results, rate in zip(found, RATES, strict=True):
        assert [result["epoch"] for result in results] == [1, 2, 3, 4]
        assert_as_alone(results[-1], rate)
    assert max(result["metrics"][MEMBERS] for results in found for result in results) > 1
    assert {path.name for path in (tmp_path / "0001").iterdir()} == {
        "checkpoint.pt", "trial.yaml", "predictions.npz", "percentiles.csv",
    }  # fmt: skip


def test_one_that_diverges_one_that_fails_and_one_that_is_stopped_disturb_no_other(tmp_path: Path) -> None:
    rates = (COMPLETES, DIVERGES, FAILS, COMPLETES / 2, COMPLETES / 3)
    requests = [request(tmp_path, place, rate) for place, rate in enumerate(rates)]
    first, diverged, failed, stopped, last = run(PackedTrials(), requests, stopped={"0003": 2})
    assert_as_alone(first[-1], rates[0])
    assert_as_alone(last[-1], rates[4])
    assert diverged[-1]["final"]["status"] == "diverged" and diverged[-1]["reason"]
    assert failed[-1]["error"] == "small: training.optimizer: learning_rate must not be negative, got -1.0"
    assert [result["epoch"] for result in stopped] == [1, 2]
    assert (tmp_path / "0003" / "checkpoint.pt").exists()


def test_a_trial_goes_on_in_another_pack_or_by_itself(tmp_path: Path) -> None:
    requests = [request(tmp_path, place, rate) for place, rate in enumerate(RATES)]
    run(PackedTrials(), requests, stopped=dict.fromkeys(("0000", "0001", "0002"), 2))
    for results, rate in zip(run(PackedTrials(), requests), RATES, strict=True):
        assert [result["epoch"] for result in results] == [3, 4]
        assert len(results[0]["earlier"]) == 2
        assert_as_alone(results[-1], rate)


def test_what_a_lost_process_had_begun_is_forgotten(tmp_path: Path) -> None:
    pack, asked = PackedTrials(), request(tmp_path, 0, COMPLETES)
    pack.step("one", asked)
    pack.leave("one", save=False)
    assert not list(tmp_path.iterdir())
    assert pack.step("another", asked)["epoch"] == 1


def test_why_trials_go_by_themselves_is_told_once(tmp_path: Path) -> None:
    study = replace(STUDY, training=replace(STUDY.training, method=METHODS["sample"]()))
    requests = [request(tmp_path, place, rate, study) for place, rate in enumerate(RATES)]
    found = run(PackedTrials(), requests)
    notes = [note for results in found for result in results for note in result["notes"]]
    assert notes == ["it goes by itself in its pack, as others like it: steps of sample are not stacked"]
    assert {result["metrics"][MEMBERS] for results in found for result in results} == {1.0}
    assert_as_alone(found[0][-1], COMPLETES, study)


def test_what_cannot_be_measured_at_once_is_measured_one_by_one_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*arguments: object) -> None:
        raise torch.OutOfMemoryError("no room for all")

    monkeypatch.setattr(gathering, "measure_stacked", no_room)
    found = run(PackedTrials(), [request(tmp_path, place, rate) for place, rate in enumerate(RATES)])
    notes = [note for results in found for result in results for note in result["notes"]]
    assert notes == [
        "it is measured by itself in its pack, as others like it: measuring at once raises "
        "OutOfMemoryError: no room for all"
    ]
    for results, rate in zip(found, RATES, strict=True):
        assert_as_alone(results[-1], rate)


def test_seconds_of_an_epoch_are_shared(tmp_path: Path) -> None:
    found = run(PackedTrials(), [request(tmp_path, place, rate) for place, rate in enumerate(RATES)])
    for results in found:
        seconds = [result["metrics"]["time/train_s"] for result in results]
        assert seconds == sorted(seconds) and seconds[0] > 0
        assert results[-1]["metrics"]["time/cpu_s"] > 0
