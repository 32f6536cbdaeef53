import io
from pathlib import Path

import pytest
from rich.console import Console

from search_spaces.contestants import Asked
from search_spaces.load import dump_yaml, load_study
from study.journal.events import TrialStatus
from study.progress import live_view
from study.progress.live_view import Progress, clock
from tests.study.small_study import COMPLETES, small_study


def shown(*, terminal: bool, trials: int = 4, hours: float | None = None) -> tuple[Progress, io.StringIO]:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=80, color_system=None)
    of = Progress(
        "small",
        Asked(small_study()),
        trials=trials,
        slots=2,
        hours=hours,
        backlog=lambda: 1234,
        console=console,
    )
    of.slots.use = lambda elapsed: 0.0  # type: ignore[method-assign]
    return of, text


def end(of: Progress, ident: str, status: TrialStatus, error: float, message: str | None = None) -> None:
    of.started(ident, "soft", epochs=10)
    of.ended(ident, status, {"validation/data_mse": error, "validation/constraint_mse": 2 * error}, message)


def test_a_log_file_gets_a_line_at_begin_and_end_and_for_errors() -> None:
    of, text = shown(terminal=False)
    with of:
        end(of, "0000", TrialStatus.COMPLETED, 0.1)
        end(of, "0001", TrialStatus.FAILED, 0.0, "ValueError: no")
        for _ in range(100):
            of.tick()
    assert text.getvalue().splitlines() == [
        "small: 4 trials",
        "trial 0001 (soft) failed: ValueError: no",
        "2/4 trials (1 completed, 1 failed); 0:00 elapsed; "
        "best validation/data_mse 0.1; best validation/constraint_mse 0.2; "
        "0/2 slots, 0% used; Pareto set 1; 1.2 kB to upload",
    ]


def test_a_log_file_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    of, text = shown(terminal=False)
    monkeypatch.setattr(live_view, "SECONDS_BETWEEN_LINES", 0.0)
    of.started("0000", "soft", epochs=10)
    of.tick()
    assert text.getvalue().startswith("0/4 trials (1 running); 0:00 elapsed")


def test_a_terminal_is_told_what_runs_in_80_columns() -> None:
    of, text = shown(terminal=True, trials=32)
    of.name = "a-name-of-a-study-that-is-longer-than-usual"
    for position, status in enumerate(status for status in TrialStatus if status is not TrialStatus.RUNNING):
        end(of, f"{position:04d}", status, 0.1)
    for position in range(6, 17):
        of.started(f"{position:04d}", "augmented-lagrangian", epochs=1000)
        of.advanced(f"{position:04d}", 10 * position)
    of.console.print(of.view())
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "11 running  1 completed  1 pruned  1 diverged  1 failed  1 stopped  1 lost" in map(str.strip, lines)
    assert any("0006  augmented-lagrangian" in line and "epoch 60/1000" in line for line in lines)
    assert "11/2 slots, 0% used  Pareto set 1  1.2 kB to upload" in map(str.strip, lines)
    assert any(line.split() == ["soft", "6", "1.00e-01", "0000", "2.00e-01", "0000"] for line in lines)
    assert lines[-1].strip() == "and 3 more"


def test_the_live_view_ends_with_the_last_standing() -> None:
    of, text = shown(terminal=True, trials=1)
    with of:
        end(of, "0000", TrialStatus.COMPLETED, 0.1)
    assert "1/1 trials" in text.getvalue()
    assert "1 completed" in text.getvalue()


def test_time_left_follows_the_pace_and_the_limit() -> None:
    of, _ = shown(terminal=False)
    assert of.left() is None
    of.began -= 60
    end(of, "0000", TrialStatus.COMPLETED, 0.1)
    assert of.left() == pytest.approx(180, abs=1)
    of.started("0001", "soft", epochs=10)
    of.advanced("0001", 10)
    assert of.left() == pytest.approx(60, abs=1)
    of.hours = 0.02
    assert of.left() == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (45_678, "46 kB"), (2e6, "2 MB"), (2e9, "2000 MB")],
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert live_view.size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (245.9, "4:05"), (3845, "1:04:05")])
def test_times_are_readable(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_small_study_is_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(dump_yaml(small_study(COMPLETES, COMPLETES / 2)), encoding="utf-8")
    assert load_study(path).study == "small"
