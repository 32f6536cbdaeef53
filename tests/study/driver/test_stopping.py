import signal
from collections.abc import Iterator

import pytest

from study.driver.stopping import BY_USER, TIME_IS_UP, Stopping


@pytest.fixture
def ended() -> Iterator[list[int]]:
    """What Tune, which listens to SIGUSR1, has heard."""
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
    terminated = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not what a Ray that ran here before made of it
    yield heard
    signal.signal(signal.SIGUSR1, before)
    signal.signal(signal.SIGTERM, terminated)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_study_in_order_and_the_second_at_once(number: int, ended: list[int]) -> None:
    said: list[str] = []
    with Stopping(None, say=said.append) as stopping:
        signal.raise_signal(number)
        stopping.check()
        stopping.check()
        assert (len(ended), said, stopping.by_user) == (1, [BY_USER], True)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_the_time_limit_ends_the_study_once_and_is_not_the_users_wish(ended: list[int]) -> None:
    said: list[str] = []
    with Stopping(0.0, say=said.append) as stopping:
        stopping.check()
        stopping.check()
    assert (len(ended), said, stopping.by_user) == (1, [TIME_IS_UP], False)


def test_nothing_ends_before_its_time(ended: list[int]) -> None:
    with Stopping(1.0, say=pytest.fail) as stopping:
        stopping.check()
    assert not ended


def test_a_signal_before_tune_listens_is_a_keyboard_interrupt() -> None:
    with Stopping(None, say=pytest.fail), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_signals_mean_afterwards_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stopping(None, say=pytest.fail):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
