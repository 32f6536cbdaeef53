"""What is waited for, or read, for ever is no file."""

import os
import socket
from pathlib import Path

import pytest

from search_spaces.load import StudyFileError, load_recorded
from search_spaces.regular import regular


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_only_files_are_files(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    path = Path("thing")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as place:
            place.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(
        OSError, match="Is a directory" if kind == "folder" else "a pipe, a socket or a device, not a f"
    ):
        regular(path)
    with pytest.raises(StudyFileError, match="thing: this file cannot be read: "):
        load_recorded(path)


def test_a_file_behind_a_link_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert regular(tmp_path / "link").read_text() == "x"
    with pytest.raises(FileNotFoundError):
        regular(tmp_path / "nothing")
