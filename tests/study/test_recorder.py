from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from study.progress import Progress
from study.recorder import Recorder, ending
from study.records import TrialStatus
from tests.study.small_study import COMPLETES, LEARNING_RATE, small_study

DONE = {"epoch": 3, "metrics": {"validation/data_mse": 0.1}, "final": {"status": "completed", "test/data_mse": 0.2}}


class Folder:
    """A checkpoint as Tune hands it over."""

    def to_directory(self, path: str) -> str:
        Path(path).mkdir(parents=True)
        for name in ("trial.yaml", ".tune_metadata"):
            (Path(path) / name).write_text("content")
        return path


class Unreachable:
    def to_directory(self, path: str) -> str:
        raise OSError("no such bucket")


def trial(result: dict[str, Any] | None = None, checkpoint: Any = None) -> Any:
    return SimpleNamespace(
        config={"trial": "0000", "values": {LEARNING_RATE: COMPLETES}}, last_result=result, checkpoint=checkpoint
    )


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    study = small_study(COMPLETES)
    recorder = Recorder(study, tmp_path, Progress("small", study.objectives, trials=1), on_step=lambda: None)
    recorder.on_trial_start(0, [], trial())
    return recorder


def complete(recorder: Recorder, result: dict[str, Any], checkpoint: Any = None) -> None:
    recorder.on_trial_result(0, [], trial(), result)
    recorder.on_trial_complete(0, [], trial(result, checkpoint))


def test_a_trial_is_written_down_from_start_to_end(recorder: Recorder) -> None:
    complete(recorder, DONE, Folder())
    record = recorder.journal.trials()["0000"]
    assert (record.method, record.values) == ("unconstrained", {LEARNING_RATE: COMPLETES})
    assert [(epoch, metrics) for epoch, _, metrics in record.history] == [(3, {"validation/data_mse": 0.1})]
    assert record.status is TrialStatus.COMPLETED
    assert record.metrics == {"validation/data_mse": 0.1, "status": "completed", "test/data_mse": 0.2}


def test_its_files_are_brought_without_those_of_tune(recorder: Recorder) -> None:
    complete(recorder, DONE, Folder())
    assert [path.name for path in (recorder.directory / "trials" / "0000").iterdir()] == ["trial.yaml"]


def test_a_trial_whose_files_are_lost_is_still_a_result(recorder: Recorder) -> None:
    complete(recorder, DONE, Unreachable())
    record = recorder.journal.trials()["0000"]
    assert record.status is TrialStatus.COMPLETED
    assert record.error == "its files could not be fetched: OSError: no such bucket"


def test_a_failed_trial_leaves_its_traceback(recorder: Recorder) -> None:
    complete(recorder, {"error": "ValueError: no", "traceback": "Traceback …"})
    record = recorder.journal.trials()["0000"]
    assert (record.status, record.error) == (TrialStatus.FAILED, "ValueError: no")
    assert (recorder.directory / "trials" / "0000" / "traceback.txt").read_text() == "Traceback …"
    assert recorder.all_failed
    assert recorder.first_error == "trial 0000: ValueError: no"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            SimpleNamespace(cause=RuntimeError("CUDA error: device-side assert")),
            "RuntimeError: CUDA error: device-side assert",
        ),
        (None, "its process was lost 4 times; does it have enough memory?"),
    ],
)
def test_a_trial_whose_process_is_lost_too_often_fails(error: Any, said: str, recorder: Recorder) -> None:
    lost = trial()
    lost.get_pickled_error, lost.get_error = lambda: error, lambda: "Failure # 4 …"
    lost.run_metadata = SimpleNamespace(num_failures=4)
    recorder.on_trial_error(0, [], lost)
    record = recorder.journal.trials()["0000"]
    assert (record.status, record.error) == (TrialStatus.FAILED, said)
    assert (recorder.directory / "trials" / "0000" / "traceback.txt").read_text() == "Failure # 4 …"


def test_a_trial_that_starts_again_elsewhere_is_the_same_trial(recorder: Recorder) -> None:
    recorder.on_trial_start(0, [], trial())
    complete(recorder, DONE)
    assert [event["event"] for _, event in recorder.journal.events()] == ["trial-start", "epoch", "trial-end"]


def test_what_runs_at_the_end_is_stopped(recorder: Recorder) -> None:
    recorder.end("KILLED")
    assert recorder.journal.trials()["0000"].status is TrialStatus.STOPPED
    assert [event["event"] for _, event in recorder.journal.events()][-1] == "study-end"
    assert not recorder.all_failed


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (DONE, TrialStatus.COMPLETED),
        (DONE | {"final": {"status": "diverged"}}, TrialStatus.DIVERGED),
        ({"epoch": 1, "metrics": {}}, TrialStatus.PRUNED),
        ({"error": "ValueError: no"}, TrialStatus.FAILED),
    ],
)
def test_how_a_trial_ended(result: dict[str, Any], status: TrialStatus) -> None:
    assert ending(result) is status
