"""The journal of a study: an append-only file of events, one JSON object a line, written by the driver alone.

It is the one source of truth about what happened. Tracking uploads from it, analysis reads it, a resumed study goes
on from it, and all may do so while the study runs, after it was killed, or without any server. A last line that was
cut off by a crash is ignored, by readers and by the next writer.

An event is in the file once `append` returns, and stays when the process is killed. When the machine loses its power,
epochs since the last other event may be lost: a trial that goes on reports them again.
"""

import json
import os
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from study.journal.files import JOURNAL

ENCODE = json.JSONEncoder(allow_nan=False).encode


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


Metrics = Mapping[str, float | str]

Event = Mapping[str, Any]
"""One line of the journal: `event` says what kind it is, `time` when it was written, in seconds since 1970."""


@dataclass
class TrialRecord:
    """What the journal says of one trial. `history` has one entry per epoch: (epoch, seconds since 1970, metrics)."""

    trial: str
    values: dict[str, Any]
    method: str
    status: TrialStatus = TrialStatus.RUNNING
    started: float = 0.0
    ended: float | None = None
    history: list[tuple[int, float, dict[str, float]]] = field(default_factory=list)
    metrics: dict[str, float | str] = field(default_factory=dict)
    error: str | None = None


class Journal:
    """The events of one study directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / JOURNAL
        self._descriptor: int | None = None
        self._end = -1  # where our last line ended

    def append(self, event: str, **content: Any) -> Event:
        """Write one event, and return it. `event` is one of study-start, trial-start, epoch, trial-end, study-end."""
        written = {"event": event, "time": time.time(), **content}
        line = ENCODE(written).encode() + b"\n"
        file = self._opened()
        if (size := os.fstat(file).st_size) != self._end:
            line = _ending_of_torn_line(file, size) + line
        self._end = size + os.write(file, line)
        if event != "epoch":
            os.fsync(file)
        return written

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor

    def trial_start(self, trial: str, *, values: Mapping[str, Any], method: str) -> Event:
        """A trial begins with the sampled `values` (dotted path → value)."""
        return self.append("trial-start", trial=trial, values=dict(values), method=method)

    def epoch(self, trial: str, epoch: int, metrics: Mapping[str, float]) -> Event:
        """An epoch of a trial ended with these metrics."""
        return self.append("epoch", trial=trial, epoch=epoch, metrics=dict(metrics))

    def trial_end(self, trial: str, status: TrialStatus, metrics: Metrics, error: str | None = None) -> Event:
        """A trial ended; `metrics` are its last ones and those measured at the end (test, projected, status …)."""
        return self.append("trial-end", trial=trial, status=str(status), metrics=dict(metrics), error=error)

    def events(self, start: int = 0, *, naming: str = "") -> Iterator[tuple[int, Event]]:
        """Events from byte offset `start` on, each with the offset behind it; a `Reader` follows the file with them.

        With `naming` only those in whose line this text stands: the others are passed over quickly.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                start += len(line)
                if naming.encode() not in line:
                    continue
                with suppress(json.JSONDecodeError):  # a line that a crash cut off
                    yield start, json.loads(line)

    def trial(self, ident: str) -> TrialRecord | None:
        """One trial with all of its epochs; None if it has not begun."""
        records: dict[str, TrialRecord] = {}
        for _, event in self.events(naming=json.dumps(ident)):
            if event.get("trial") == ident:
                enter(event, records)
        return records.get(ident)

    def trials(self) -> dict[str, TrialRecord]:
        """All trials by id, in the order in which they started. Repeated epochs of a resumed trial count once."""
        return Reader(self).read().records


@dataclass
class Reader:
    """Follows a journal: what it says of its trials and of the study, as far as it was read.

    `offset` is the byte behind the last event that was read. `began` is the last study-start, `ended` the study-end
    after it, if there is one, `last` the last event of all.
    """

    journal: Journal
    offset: int = 0
    records: dict[str, TrialRecord] = field(default_factory=dict)
    began: Event | None = None
    ended: Event | None = None
    last: Event | None = None

    def events(self, until: int | None = None) -> Iterator[Event]:
        """What is new, or that up to the offset `until`; each event is entered before it is handed on."""
        for offset, event in self.journal.events(self.offset):
            if until is not None and offset > until:
                return
            self.offset = offset
            self._enter(event)
            yield event

    def read(self) -> "Reader":
        """Read everything that is new."""
        for _ in self.events():
            pass
        return self

    def _enter(self, event: Event) -> None:
        self.last = event
        match event["event"]:
            case "study-start":
                self.began, self.ended = event, None
            case "study-end":
                self.ended = event
            case _:
                enter(event, self.records)


def _ending_of_torn_line(file: int, size: int) -> bytes:
    """What a last line needs that a crash cut off, so that the next event has a line of its own."""
    return b"" if size == 0 or os.pread(file, 1, size - 1) == b"\n" else b"\n"


def enter(event: Event, records: dict[str, TrialRecord]) -> None:
    """Enter one event of a trial into `records`: the driver as it writes it, everybody else as they read it."""
    match event["event"]:
        case "trial-start" if event["trial"] not in records:
            trial, values, method = event["trial"], event["values"], event["method"]
            records[trial] = TrialRecord(trial, values, method, started=event["time"])
        case "trial-start":  # resumed
            record = records[event["trial"]]
            record.status, record.ended, record.metrics, record.error = TrialStatus.RUNNING, None, {}, None
        case "epoch":
            record = records[event["trial"]]
            while record.history and record.history[-1][0] >= event["epoch"]:
                record.history.pop()
            record.history.append((event["epoch"], event["time"], event["metrics"]))
        case "trial-end":
            record = records[event["trial"]]
            record.status = TrialStatus(event["status"])
            record.ended, record.metrics, record.error = event["time"], event["metrics"], event["error"]
