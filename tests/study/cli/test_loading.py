"""What Ctrl-C does around slow imports."""

import os
import signal
from collections.abc import Iterator

import pytest

from study.cli.loading import loading


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_program_with_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with loading():
        signal.raise_signal(signal.SIGINT)
    assert codes == [130]


def test_afterwards_it_is_an_exception_again() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(ImportError), loading():
        raise ImportError
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_in_the_background_it_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with loading():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
