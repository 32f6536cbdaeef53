from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from search_spaces.contestants import Asked
from study.driver.losses import IN_A_ROW
from study.driver.recorder import Listener, Recorder, ending
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.journal.record import TrialRecord
from study.progress.live_view import Progress
from study.trial import trial_folder
from tests.study import solved
from tests.study.small_study import COMPLETES, LEARNING_RATE, small_study

DONE = {"epoch": 3, "metrics": {"validation/data_mse": 0.1}, "final": {"status": "completed", "test/data_mse": 0.2}}


def trial(result: dict[str, Any] | None = None) -> Any:
    config = {"trial": "0000", "values": {LEARNING_RATE: COMPLETES}}
    return SimpleNamespace(config=config, last_result=result, trial_id="0000", num_failures=0)


def recording(
    directory: Path, *, folder: Path | None = None, console: Console | None = None, on_end: Listener = lambda _: None
) -> Recorder:
    study = small_study(COMPLETES)
    progress = Progress("small", Asked(study), trials=1, console=console)
    recorder = Recorder(
        study, directory, Journal(directory).trials(), progress,
        folder=str(folder or directory / "trials"), on_end=on_end, on_step=lambda: None,
    )  # fmt: skip
    recorder.on_trial_start(0, [], trial())
    return recorder


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return recording(tmp_path)


def complete(recorder: Recorder, result: dict[str, Any]) -> None:
    recorder.on_trial_result(0, [], trial(), result)
    recorder.on_trial_complete(0, [], trial(result))


def epochs(recorder: Recorder) -> list[tuple[int, dict[str, float]]]:
    """What the journal's own lines say, repetitions included."""
    events = [event for _, event in recorder.journal.events()]
    return [(event["epoch"], event["metrics"]) for event in events if event["event"] == "epoch"]


def test_a_trial_is_written_down_from_start_to_end(recorder: Recorder) -> None:
    complete(recorder, DONE)
    record = recorder.journal.trials()["0000"]
    assert (record.method, record.values) == ("unconstrained", {LEARNING_RATE: COMPLETES})
    assert [(epoch, metrics) for epoch, _, metrics in record.history] == [(3, {"validation/data_mse": 0.1})]
    assert record.status is TrialStatus.COMPLETED
    assert record.metrics == {"validation/data_mse": 0.1, "status": "completed", "test/data_mse": 0.2}


def test_a_divergence_is_written_down_with_its_reason(tmp_path: Path) -> None:
    why = "in step 2 of epoch 1 the residual 'helmholtz' is nan at x = [0.0], p = [1.0]"
    recorder = recording(tmp_path, console=(console := Console(file=StringIO())))
    complete(recorder, DONE | {"final": {"status": "diverged"}, "reason": why})
    record = recorder.journal.trials()["0000"]
    assert (record.status, record.error) == (TrialStatus.DIVERGED, why)
    assert why in console.file.getvalue()  # type: ignore[attr-defined]


def test_its_files_are_brought_from_a_shared_storage(tmp_path: Path) -> None:
    (tmp_path / "shared" / "0000").mkdir(parents=True)
    (tmp_path / "shared" / "0000" / "trial.yaml").write_text("content")
    recorder = recording(tmp_path, folder=tmp_path / "shared")
    complete(recorder, DONE)
    assert [path.name for path in (recorder.directory / "trials" / "0000").iterdir()] == ["trial.yaml"]


def test_a_trial_whose_files_are_lost_is_still_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(folder: str, target: Path) -> None:
        raise OSError("no such bucket")

    monkeypatch.setattr(trial_folder, "fetch", unreachable)
    recorder = recording(tmp_path, folder=tmp_path / "shared")
    complete(recorder, DONE)
    record = recorder.journal.trials()["0000"]
    assert record.status is TrialStatus.COMPLETED
    assert record.error == "its files could not be fetched: OSError: no such bucket"


def test_an_epoch_that_is_repeated_is_written_once_and_one_that_was_lost_is_added(tmp_path: Path) -> None:
    first = recording(tmp_path)
    for epoch in (1, 2):
        first.on_trial_result(0, [], trial(), {"epoch": epoch, "metrics": {"time/train_s": 1.0 * epoch}})
    again = recording(tmp_path)  # the driver was killed; the checkpoint is of the third epoch, whose report got lost
    earlier = [{"time/train_s": 1.5}, {"time/train_s": 2.5}, {"time/train_s": 3.5}]
    complete(again, DONE | {"epoch": 4, "metrics": {"time/train_s": 4.5}, "earlier": earlier})
    assert [(epoch, metrics["time/train_s"]) for epoch, metrics in epochs(again)] == [
        (1, 1.0), (2, 2.0), (3, 3.5), (4, 4.5)
    ]  # fmt: skip
    assert again.journal.trials()["0000"].status is TrialStatus.COMPLETED


def test_the_last_epoch_and_the_end_agree_where_the_end_was_reported_twice(tmp_path: Path) -> None:
    recording(tmp_path).on_trial_result(0, [], trial(), DONE | {"metrics": {"memory/peak_mib": 400.0}})
    again = recording(tmp_path)
    complete(again, DONE | {"metrics": {"memory/peak_mib": 500.0}, "final": {"status": "completed", "time/x": 1.0}})
    assert len(epochs(again)) == 1
    assert again.journal.trials()["0000"].metrics == {"memory/peak_mib": 400.0, "status": "completed", "time/x": 1.0}


def test_what_a_trial_notes_is_shown(tmp_path: Path) -> None:
    console = Console(file=StringIO())
    complete(recording(tmp_path, console=console), DONE | {"notes": ["a checkpoint is not used"]})
    assert "trial 0000: a checkpoint is not used" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_failed_trial_leaves_its_traceback(recorder: Recorder) -> None:
    complete(recorder, {"error": "ValueError: no", "traceback": "Traceback …"})
    record = recorder.journal.trials()["0000"]
    assert (record.status, record.error) == (TrialStatus.FAILED, "ValueError: no")
    assert (recorder.directory / "trials" / "0000" / "traceback.txt").read_text() == "Traceback …"
    assert recorder.failure() == (
        f"the only trial failed; trial 0000: ValueError: no (traceback.txt is in {recorder.directory / 'trials'}/)"
    )


def lost(times: int, words: str, *, ident: str = "0000") -> Any:
    """A trial that has lost so many processes; the last time with these words of Ray's."""
    text = f"Failure # 1\nTraceback (most recent call last):\nOld: one\nFailure # 2\n{words}\n"
    return SimpleNamespace(
        config=trial().config | {"trial": ident}, trial_id=ident, num_failures=times, max_failures=IN_A_ROW,
        error_file=None, get_error=lambda: text,
    )  # fmt: skip


def test_an_error_that_no_process_survives_is_the_trials_own(recorder: Recorder) -> None:
    error = "Traceback (most recent call last):\n  …\nRuntimeError: CUDA error: device-side assert"
    recorder.on_trial_error(0, [], failed := lost(4, error))
    record = recorder.journal.trials()["0000"]
    assert (record.status, record.error) == (TrialStatus.FAILED, "RuntimeError: CUDA error: device-side assert")
    assert (recorder.directory / "trials" / "0000" / "traceback.txt").read_text() == failed.get_error()


def test_a_trial_whose_process_is_lost_too_often_may_go_on_later(tmp_path: Path) -> None:
    recorder = recording(tmp_path, on_end=lambda record: pytest.fail("it has not ended"))
    recorder.on_trial_error(0, [], lost(4, "The actor died because its node has died."))
    record = recorder.journal.trials()["0000"]
    assert (record.status, record.error) == (
        TrialStatus.LOST,
        "its process was lost 4 times in a row before the end of its first epoch; the last time its node was lost",
    )
    assert recorder.failure() is not None


def test_losses_count_only_until_a_trial_gets_on(recorder: Recorder) -> None:
    running = lost(0, "exits with an exit code 7")
    for epoch in range(1, 9):
        running.num_failures += 1
        assert running.num_failures <= running.max_failures, "Tune would give it up"
        recorder.on_trial_recover(0, [], running)
        recorder.on_trial_result(0, [], running, {"epoch": epoch, "metrics": {"time/train_s": 1.0 * epoch}})
    for _ in range(IN_A_ROW):
        running.num_failures += 1
        assert running.num_failures <= running.max_failures
        recorder.on_trial_result(0, [], running, {"epoch": 8, "metrics": {"time/train_s": 9.0}})  # again, no progress
    running.num_failures += 1
    assert running.num_failures > running.max_failures
    recorder.on_trial_error(0, [], running)
    assert recorder.journal.trials()["0000"].error == (
        "its process was lost 4 times in a row after epoch 8; the last time it exited with code 7"
    )


def test_a_loss_is_told_with_its_epoch_and_its_cause(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=200)
    recorder = recording(tmp_path, console=console)
    recorder.on_trial_result(0, [], running := lost(0, "running low on memory"), {"epoch": 1, "metrics": {"x": 1.0}})
    recorder.on_trial_recover(0, [], running)
    assert (
        "trial 0000 lost its process after epoch 1 (Ray ended it, because its node ran out of memory); "
        "it is started again"
    ) in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_trial_that_fails_before_it_starts_is_written_down(tmp_path: Path) -> None:
    recorder = recording(tmp_path)
    never = lost(1, "no such node", ident="0001")
    recorder.on_trial_error(0, [], never)
    assert recorder.journal.trials()["0001"].status is TrialStatus.LOST


def test_a_trial_that_starts_again_elsewhere_is_the_same_trial(recorder: Recorder) -> None:
    recorder.on_trial_start(0, [], trial())
    complete(recorder, DONE)
    assert [event["event"] for _, event in recorder.journal.events()] == ["trial-start", "epoch", "trial-end"]


def test_what_runs_at_the_end_is_stopped(recorder: Recorder) -> None:
    recorder.end("KILLED")
    assert recorder.journal.trials()["0000"].status is TrialStatus.STOPPED
    assert [event["event"] for _, event in recorder.journal.events()][-1] == "study-end"
    assert recorder.failure() is None


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


def test_the_search_is_told_what_the_journal_has(tmp_path: Path) -> None:
    told: list[tuple[TrialRecord, TrialRecord]] = []

    def listen(record: TrialRecord) -> None:
        told.append((replace(record), Journal(tmp_path).trials()[record.trial]))

    recorder = recording(tmp_path, on_end=listen)
    recorder.on_trial_result(0, [], trial(), {"epoch": 1, "metrics": {"validation/data_mse": 0.3}})
    complete(recorder, DONE | {"epoch": 2})
    [(live, replayed)] = told
    assert live == replayed
    assert [epoch for epoch, _, _ in live.history] == [1, 2]


def test_the_search_is_not_told_of_a_trial_that_may_go_on(tmp_path: Path) -> None:
    recording(tmp_path, on_end=lambda record: pytest.fail(f"{record.trial} has not ended")).end("KILLED")


def test_a_traceback_goes_with_an_end_that_was_none(recorder: Recorder) -> None:
    recorder.on_trial_error(0, [], lost(4, "The actor died because its node has died."))
    assert "the only trial is lost; trial 0000: its process was lost" in str(recorder.failure())
    again = recording(recorder.directory)
    complete(again, DONE)
    assert again.failure() is None
    assert not (recorder.directory / "trials" / "0000" / "traceback.txt").exists()


def test_a_trial_that_trains_nothing_is_known_by_its_solver(tmp_path: Path) -> None:
    study = solved.study()
    recorder = Recorder(
        study, tmp_path, {}, Progress("small", Asked(study), trials=1),
        folder=str(tmp_path / "trials"), on_end=lambda _: None, on_step=lambda: None,
    )  # fmt: skip
    config = {"trial": "0000", "values": {"projection.solver": "lm"}}
    recorder.on_trial_start(0, [], cast(Any, SimpleNamespace(config=config)))
    assert recorder.journal.trials()["0000"].method == "lm"
