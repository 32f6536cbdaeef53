import pickle
import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from cnn_core import checkpoint
from cnn_core.checkpoint import CheckpointError

STATE: dict[str, Any] = {
    "theta": torch.randn(5, dtype=torch.float64),
    "nested": {"numbers": [1, 2.5, None, True], "name": "batch", "single": torch.tensor(1.0), 3: (1, "a")},
}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(STATE, path)
    state = checkpoint.load(path)
    assert torch.equal(state["theta"], STATE["theta"])
    assert state["theta"].dtype == torch.float64
    assert state["nested"] == STATE["nested"]
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_an_existing_file_survives_a_disk_that_is_full(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(STATE, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            checkpoint.save({"theta": torch.zeros(50_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert torch.equal(checkpoint.load(path)["theta"], STATE["theta"])
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_saving_again_replaces(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(STATE, path)
    checkpoint.save({"theta": torch.zeros(2)}, path)
    assert checkpoint.load(path)["theta"].tolist() == [0.0, 0.0]


class Trap:
    """Pickled, it would call a function of its choice when loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("sprung"),))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (None, "there is no such checkpoint"),
        (lambda path: path.mkdir(), "this is no file"),
        (lambda path: path.write_bytes(b""), "this is not a checkpoint of ours"),
        (lambda path: path.write_text("epoch: 3"), "this is not a checkpoint of ours"),
        (lambda path: path.write_bytes(pickle.dumps(Trap())), "this is not a checkpoint of ours"),
        (lambda path: torch.save({"format": 1, "trap": Trap()}, path), "this is not a checkpoint of ours"),
        (lambda path: torch.save({"theta": torch.zeros(2)}, path), "unknown checkpoint format"),
        (lambda path: torch.save({"format": 99}, path), "unknown checkpoint format"),
        (lambda path: torch.save([1, 2], path), "unknown checkpoint format"),
    ],
    ids=["missing", "folder", "empty", "text", "pickle", "code", "no format", "other format", "no mapping"],
)
def test_files_that_are_no_checkpoint(write, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "checkpoint.pt"
    if write is not None:
        write(path)
    with pytest.raises(CheckpointError, match=rf"checkpoint\.pt: {message}"):
        checkpoint.load(path)
    assert not (tmp_path / "sprung").exists()


def test_a_truncated_checkpoint_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match="this is not a checkpoint of ours"):
        checkpoint.load(path)
