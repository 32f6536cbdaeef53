"""How long a comparison will take, by what it took so far."""

import pytest

from study.cli import pace
from study.cli.pace import Pace


def test_what_is_left_is_told_once_both_kinds_were_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 100.0, 100.0, 110.0, 110.0, 115.0])
    monkeypatch.setattr(pace.time, "monotonic", lambda: next(now))
    found = Pace(3)
    assert found.left(1, confirms=False) == ""
    with found.taking(confirms=False, whole=True):
        pass
    assert found.left(1, confirms=True) == ""
    with found.taking(confirms=True, whole=True):
        pass
    assert found.left(2, confirms=False) == "; about 3 min 40 s left for all"
    with found.taking(confirms=False, whole=False):
        pass
    assert found.left(2, confirms=True) == "; about 2 min 0 s left for all"
    assert found.left(3, confirms=True) == "; about 10 s left for all"
