"""What a trial's process died of."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from study.driver.losses import cause, raised, words_about

END_OF_FILE = (
    "Worker unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the "
    "process was killed by the OOM killer due to high memory usage, (2) ray stop --force was called, or (3) …"
)


@pytest.mark.parametrize(
    ("words", "out_of_memory", "said"),
    [
        ("The actor died because its node has died. Node Id: 12", False, "its node was lost"),
        ("killed due to the node running low on memory.", False, "Ray ended it, because its node ran out of memory"),
        (END_OF_FILE, True, "the kernel killed it, because memory ran out"),
        (END_OF_FILE, False, "it was killed, or crashed; Ray does not know the signal"),
        ("Worker exits with an exit code 1. The process receives a SIGTERM.", False, "it was ended by SIGTERM"),
        ("Worker exits unexpectedly. Worker exits with an exit code 3.", False, "it exited with code 3"),
    ],
)
def test_causes_by_rays_words(words: str, out_of_memory: bool, said: str) -> None:
    assert cause(words, out_of_memory=out_of_memory) == said


def test_only_the_last_failure_counts() -> None:
    text = "Failure # 1\nTraceback (most recent call last):\nValueError: no\nFailure # 2\nThe actor died"
    assert raised(text) is None
    assert raised(text.partition("Failure # 2")[0]) == "ValueError: no"


def test_words_that_have_not_reached_the_storage_yet_are_found(tmp_path: Path) -> None:
    (tmp_path / "error.txt").write_text("Failure # 1", encoding="utf-8")
    trial: Any = SimpleNamespace(error_file=str(tmp_path / "error.txt"), get_error=lambda: None)
    assert words_about(trial) == "Failure # 1"
    trial.error_file = None
    assert words_about(trial) == ""
