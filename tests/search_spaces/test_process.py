"""User's code that closes or replaces this process's streams, or moves torch to another device."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch

from search_spaces import own
from search_spaces.errors import StudyFileError
from search_spaces.modules import look_in
from search_spaces.process import left_as_it_was


@contextmanager
def streams_of_its_own() -> Iterator[None]:
    """As in another process: pytest must not lose its own."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_is_closed_is_told(stream: str) -> None:
    told = rf"^problem\.name: mine:it closes sys\.{stream}, where we write, too"
    with streams_of_its_own(), pytest.raises(StudyFileError, match=told):
        own.call(lambda: getattr(sys, stream).close(), "mine:it", "problem", {})


@pytest.mark.parametrize("instead", [None, object(), io.StringIO()])
def test_a_stream_that_is_replaced_comes_back(instead: object) -> None:
    before = sys.stdout, sys.stderr
    own.call(lambda: (setattr(sys, "stdout", instead), setattr(sys, "stderr", instead)), "mine:it", "problem", {})
    assert (sys.stdout, sys.stderr) == before


def test_a_stream_that_was_closed_before_is_nobodys_fault() -> None:
    with streams_of_its_own():
        sys.stdout.close()
        own.call(lambda: None, "mine:it", "problem", {})


def test_torchs_default_device_is_left_alone() -> None:
    with pytest.raises(StudyFileError, match=r"network\.name: mine:it sets torch's default device to meta; take torch"):
        own.call(lambda: torch.set_default_device("meta"), "mine:it", "network", {})
    assert torch.zeros(1).tolist() == [0.0]


def test_a_module_that_does_so_when_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "moves_torch.py").write_text("import torch\ntorch.set_default_device('meta')\n", encoding="utf-8")
    look_in(tmp_path)
    with pytest.raises(StudyFileError, match=r"problem\.name: moves_torch sets torch's default device to meta"):
        own.import_named("moves_torch:it", "problem")


def test_what_the_code_raises_is_raised() -> None:
    before = sys.stdout
    with pytest.raises(KeyError), left_as_it_was("problem", "mine:it"):
        sys.stdout = io.StringIO()
        raise KeyError
    assert sys.stdout is before
