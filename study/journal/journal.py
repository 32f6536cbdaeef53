"""The journal of a study: an append-only file of events, one JSON object a line, written by the driver alone.

It is the one source of truth about what happened. Tracking uploads from it, analysis reads it, a resumed study goes
on from it, and all may do so while the study runs, after it was killed, or without any server. A last line that was
cut off by a crash is ignored, by readers and by the next writer. A line that is no event, because a disk or an editor
spoiled it, is passed over and told; a trial whose start was spoiled so is known by its other lines.

An event is in the file once `append` returns, and stays when the process is killed. When the machine loses its power,
epochs since the last other event may be lost: a trial that goes on reports them again. Where there is no room for an
event, the driver waits a minute for some, and raises OSError after that; what is in the file stays whole.
"""

import errno
import json
import os
import time
import weakref
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search_spaces.errors import StudyFileError
from search_spaces.regular import regular
from study.journal.events import Event, TrialStatus, parsed, trial_of
from study.journal.files import JOURNAL
from study.journal.record import Metrics, TrialRecord, enter

OWNER_ONLY = 0o600
"""The mode of files that name servers."""

ENCODE = json.JSONEncoder(allow_nan=False).encode

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
SECONDS_FOR_ROOM, SECONDS_BETWEEN_TRIES = 60.0, 0.5

MOST_LINES_NAMED = 3


class Journal:
    """The events of one study directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / JOURNAL
        self._descriptor: int | None = None
        self._end = -1  # where our last line ended
        self._patience = SECONDS_FOR_ROOM

    def append(self, event: str, **content: Any) -> Event:
        """Write one event, and return it. `event` is one of study-start, trial-start, epoch, trial-end, study-end.

        Raises OSError, which names the file, if that is not possible.
        """
        written = {"event": event, "time": time.time(), **content}
        line, until = ENCODE(written).encode() + b"\n", time.monotonic() + self._patience
        while (error := self._written(line, durably=event != "epoch")) is not None:
            if error.errno not in NO_ROOM or time.monotonic() > until:
                self._patience = 0.0  # whoever closes the journal now does not wait once more
                raise OSError(error.errno, error.strerror, str(self.path)) from error
            time.sleep(SECONDS_BETWEEN_TRIES)
        self._patience = SECONDS_FOR_ROOM
        return written

    def _written(self, line: bytes, *, durably: bool) -> OSError | None:
        """Write a line, all of it or nothing; returns the error if it was nothing."""
        try:
            file = self._opened()
            if (size := os.fstat(file).st_size) != self._end:
                line = _ending_of_torn_line(file, size) + line
            try:
                if os.write(file, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if durably:
                    os.fsync(file)
            except OSError:
                os.ftruncate(file, size)
                raise
        except OSError as error:
            return error
        self._end = size + len(line)
        return None

    def _opened(self) -> int:
        if self._descriptor is None:
            with suppress(FileNotFoundError):
                regular(self.path)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
            with suppress(PermissionError):  # somebody else's
                os.fchmod(self._descriptor, OWNER_ONLY)  # one of an earlier version
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

    def lines(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Whole lines from byte offset `start` on, each with the offset behind it.

        Raises StudyFileError if the file is there and cannot be read.
        """
        try:
            with suppress(FileNotFoundError), regular(self.path).open("rb") as file:
                file.seek(start)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    start += len(line)
                    yield start, line
        except OSError as error:
            raise StudyFileError(
                f"{self.path}: this journal cannot be read ({error.strerror}); put the study's own file there"
            ) from None

    def events(self, start: int = 0) -> Iterator[tuple[int, Event]]:
        """Events from byte offset `start` on, each with the offset behind it; a `Reader` follows the file with them."""
        return ((offset, event) for offset, line in self.lines(start) if (event := parsed(line)) is not None)

    def ends_line(self, offset: int) -> bool:
        """Whether a line ends before this byte offset, as where somebody stopped reading, unless it was changed."""
        with suppress(OSError), regular(self.path).open("rb") as file:
            file.seek(max(0, offset - 1))
            return offset == 0 or file.read(1) == b"\n"
        return offset == 0

    def trial(self, ident: str) -> TrialRecord | None:
        """One trial with all of its epochs; None if it has not begun."""
        return self.with_epochs([ident]).get(ident)

    def trials(self, *, epochs: bool = True) -> dict[str, TrialRecord]:
        """All trials by id, in the order in which they started; without their `epochs`, the last one of each only.

        Repeated epochs of a resumed trial count once.
        """
        return Reader(self, epochs=epochs).read().records

    def with_epochs(self, idents: Collection[str]) -> dict[str, TrialRecord]:
        """Some trials, with all of their epochs."""
        records: dict[str, TrialRecord] = {}
        wanted = [json.dumps(ident).encode() for ident in idents]
        for _, line in self.lines():
            if any(text in line for text in wanted) and (event := parsed(line)) and trial_of(event) in idents:
                enter(event, records)
        return records


@dataclass
class Reader:
    """Follows a journal: what it says of its trials and of the study, as far as it was read.

    `offset` is the byte behind the last event that was read. `began` is the last study-start, `ended` the study-end
    after it, if there is one, `last` the last event of all, `spoiled` the numbers of the lines that are no events.
    Without `epochs` it keeps the last one of each trial only: of 10⁵ trials all are gigabytes.
    """

    journal: Journal
    epochs: bool = True
    offset: int = field(default=0, init=False)
    records: dict[str, TrialRecord] = field(default_factory=dict, init=False)
    began: Event | None = field(default=None, init=False)
    ended: Event | None = field(default=None, init=False)
    last: Event | None = field(default=None, init=False)
    line: int = field(default=0, init=False)
    spoiled: list[int] = field(default_factory=list, init=False)

    def events(self, until: int | None = None) -> Iterator[Event]:
        """What is new, or that up to the offset `until`; each event is entered before it is handed on."""
        for offset, line in self.journal.lines(self.offset):
            if until is not None and offset > until:
                return
            self.offset, self.line = offset, self.line + 1
            if (event := parsed(line)) is None:
                self.spoiled.append(self.line)
            else:
                self._enter(event)
                yield event

    def read(self) -> "Reader":
        """Read everything that is new."""
        for _ in self.events():
            pass
        return self

    @property
    def complaints(self) -> list[str]:
        """What is wrong with the file, in one line; nothing if nothing is."""
        if not self.spoiled:
            return []
        named, more = map(str, self.spoiled[:MOST_LINES_NAMED]), len(self.spoiled) - MOST_LINES_NAMED
        lines = ", ".join(named) + (f" and {more} more" if more > 0 else "")
        which, are = ("line", "it is") if len(self.spoiled) == 1 else ("lines", "they are")
        return [f"{self.journal.path} {which} {lines} cannot be read; {are} passed over"]

    def _enter(self, event: Event) -> None:
        self.last = event
        match event["event"]:
            case "study-start":
                self.began, self.ended = event, None
            case "study-end":
                self.ended = event
            case _:
                enter(event, self.records)
                if not self.epochs and (trial := trial_of(event)) is not None:
                    self.records[trial].forget_epochs()


def _ending_of_torn_line(file: int, size: int) -> bytes:
    """What a last line needs that a crash cut off, so that the next event has a line of its own."""
    return b"" if size == 0 or os.pread(file, 1, size - 1) == b"\n" else b"\n"
