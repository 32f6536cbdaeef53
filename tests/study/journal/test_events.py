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
        {
            "event": "study-start",
            "time": 1.5,
            "storage": "/data/\udcff",
            "address": "Höhe",
        },
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
        b'{"event": "study-start", "time": 1.0, "storage": 5}',
        b'{"event": "study-start", "time": 1.0, "address": ["local"]}',
        b'{"event": "study-start", "time": 1.0, "tracking_uri": true}',
        b'{"event": "study-start", "time": 1.0, "modules": "/here"}',
        b'{"event": "study-start", "time": 1.0, "modules": [null]}',
        b'{"event": "study-start", "time": 1.0, "provenance": [1]}',
        b'{"event": "study-start", "time": 1.0, "provenance": {"code": 5}}',
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


@pytest.mark.parametrize(
    "changed",
    [
        {"trial": "/tmp/elsewhere"}, {"trial": "../0000"}, {"trial": "٣"}, {"trial": ""}, {"time": 10**400},
        {"time": -1}, {"metrics": {"a": float("nan")}}, {"metrics": {"a": 10**400}}, {"metrics": {"a": None}},
    ],
    ids=str,
)  # fmt: skip
def test_a_trial_that_could_not_be_one_is_no_event(changed: dict[str, Any]) -> None:
    event = {"event": "epoch", "time": 1.0, "trial": "0000", "epoch": 1, "metrics": {"a": 1.0}}
    assert parsed(json.dumps(event).encode()) == event
    assert parsed(json.dumps(event | changed).encode()) is None


@pytest.mark.parametrize("status", [5, "what", None, []])
def test_an_end_that_no_study_has_is_no_event(status: Any) -> None:
    assert parsed(json.dumps({"event": "study-end", "time": 1.0, "status": status}).encode()) is None
