"""What is an event and what is not."""

import json
from typing import Any

import pytest

from study.journal.events import parsed

END = {"event": "trial-end", "time": 2.0, "trial": "0001", "status": "lost", "metrics": {}, "error": None}


@pytest.mark.parametrize(
    "event",
    [
        {"event": "study-start", "time": 1},
        {"event": "trial-start", "time": 1.5, "trial": "0001", "values": {}, "method": "soft"},
        {"event": "epoch", "time": 1.5, "trial": "0001", "epoch": 3, "metrics": {"a": 0.5}, "of another version": 1},
        {"event": "of another version", "time": 1.5},
        END,
    ],
)
def test_what_was_written_is_read(event: dict[str, Any]) -> None:
    assert parsed(json.dumps(event).encode() + b"\n") == event


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\0" * 40,
        b"42",
        b"null",
        b"[]",
        b"{}",
        b'{"event": "epoch", "time": 1.0, "trial": "0001", "ep',
        b'{"event": "study-start", "time": 1.0, "study": "\xff"}',
        b'{"event": "study-start", "time": NaN}',
        b'{"event": "study-start"}',
        b'{"event": ["epoch"], "time": 1.0}',
        b'{"event": "epoch", "time": 1.0, "trial": "0001", "epoch": "3", "metrics": {}}',
        b'{"event": "trial-start", "time": 1.0, "trial": 1, "values": {}, "method": "soft"}',
        json.dumps(END | {"status": "no such"}).encode(),
        b"[" * 100_000,
        b'{"event": "epoch", "time": ' + b"1" * 10_000 + b"}",
    ],
    ids=lambda line: repr(line[:30]),
)
def test_anything_else_is_no_event(line: bytes) -> None:
    assert parsed(line + b"\n") is None
