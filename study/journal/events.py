"""What stands in a line of the journal: an event, with all that its readers ask of its kind."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

import orjson

Event = Mapping[str, Any]
"""One line of the journal: `event` says what kind it is, `time` when it was written, in seconds since 1970."""


class TrialStatus(StrEnum):
    """How a trial stands or ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"  # stopped early by the scheduler
    DIVERGED = "diverged"
    FAILED = "failed"  # an error, not a numerical failure
    STOPPED = "stopped"  # by the user, or by the time limit; goes on when the study is resumed
    LOST = "lost"  # its process, too often in a row without getting on; goes on when the study is resumed

    @property
    def final(self) -> bool:
        """Whether a trial that stands so has ended for good."""
        return self not in (TrialStatus.RUNNING, TrialStatus.STOPPED, TrialStatus.LOST)


LATEST, LARGEST = 1e11, 1e300
"""A time in seconds since 1970, and a number, that no study says more than."""

STATUSES = frozenset(map(str, TrialStatus))

ENDINGS = ("FINISHED", "KILLED", "FAILED")
"""How a study may end, in MLflow's words."""

CONTENT: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "trial-start": {"trial": str, "values": dict, "method": str},
    "epoch": {"trial": str, "epoch": int, "metrics": dict},
    "trial-end": {"trial": str, "status": str, "metrics": dict, "error": (str, type(None))},
}
"""Kind of event → what it must have; other kinds need nothing but their time."""


def trial_of(event: Event) -> str | None:
    """The trial that an event tells of; None if it tells of none."""
    return event["trial"] if event["event"] in CONTENT else None


def parsed(line: bytes) -> Event | None:
    """The event in a line; None if it holds none."""
    with suppress(ValueError, RecursionError):
        found = _loaded(line)
        if isinstance(found, dict) and _is_event(found):
            return found
    return None


def _loaded(line: bytes) -> Any:
    """What a line of JSON says, in half the time that Python's own parser takes; that one reads what is no Unicode."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line.decode())


def _is_event(found: Mapping[str, Any]) -> bool:
    kind, time = found.get("event"), found.get("time")
    if not isinstance(kind, str) or not isinstance(time, float | int) or not 0 <= time <= LATEST:
        return False
    needs = CONTENT.get(kind, {})
    whole = all(name in found and isinstance(found[name], kinds) for name, kinds in needs.items())
    return whole and all(sound(found[name]) for name, sound in SOUND.get(kind, {}).items() if name in found)


def _is_trial(ident: str) -> bool:
    """Trials are numbered, and their folders have these names."""
    return ident.isascii() and ident.isdecimal() and len(ident) < 10


def _are_metrics(metrics: Mapping[str, Any]) -> bool:
    return all(
        -LARGEST <= value <= LARGEST if isinstance(value, float | int) else isinstance(value, str)  # nan is in no range
        for value in metrics.values()
    )


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


SOUND: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "trial-start": {"trial": _is_trial},
    "epoch": {"trial": _is_trial, "metrics": _are_metrics},
    "trial-end": {"trial": _is_trial, "metrics": _are_metrics, "status": lambda status: status in STATUSES},
    "study-start": {
        "storage": _is_text_or_none,
        "address": _is_text_or_none,
        "tracking_uri": _is_text_or_none,
        "modules": lambda found: isinstance(found, list) and all(isinstance(name, str) for name in found),
        "provenance": lambda found: isinstance(found, dict) and all(isinstance(value, str) for value in found.values()),
    },
    "study-end": {"status": lambda status: status in ENDINGS},
}
"""Kind of event → what its content must be, besides its types."""
