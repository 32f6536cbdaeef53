"""MLflow follows the journal while a study runs: the driver's side of the process that uploads what it wrote.

The driver never waits for MLflow and never fails because of it. In a thread of its own process, uploading and drawing
would take turns with the search and the trials' reports. What could not be uploaded stays in the journal, and
`cnn-study sync` uploads it later.
"""

import math
import os
import signal
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path

from search_spaces.counts import some
from study.journal.journal import Journal
from study.tracking.bookmark import Bookmark
from study.tracking.databases import check_uri, portable
from study.tracking.uploader import SECONDS_WITHOUT_PROGRESS

SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_BETWEEN_STARTS = 60.0


class Tracker:
    """Uploads the journal in `directory` while the study runs. Raises ValueError if MLflow takes no such URI."""

    def __init__(self, directory: Path, tracking_uri: str) -> None:
        self.directory, self.tracking_uri = directory, check_uri(tracking_uri)
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = -math.inf

    @property
    def portable_uri(self) -> str:
        """What the journal has of the tracking URI: it stays true when the studies are moved with their database."""
        return portable(self.tracking_uri, self.directory)

    def start(self) -> None:
        """Begin to follow the journal, unless that has begun; again, a minute later, if somebody ended it."""
        if not self._alive() and time.monotonic() > self._begun + SECONDS_BETWEEN_STARTS:
            self._begin()

    def wake(self) -> None:
        """Upload what is new now, and not within seconds."""
        if self._process is not None:
            _wake(self._process)

    def finish(self, timeout: float = 60.0) -> str | None:
        """Upload what is left, until nothing was taken for `timeout` seconds; then a sentence on what MLflow lacks."""
        if not self._alive():
            self._begin()
        self.wake()
        bookmark = self._wait_for_upload(timeout)
        events, trials = sum(1 for _ in Journal(self.directory).events(bookmark.offset)), len(bookmark.unfiled)
        if not events and not trials:
            return bookmark.refusal
        files = some(trials, "trial's files", "trials' files")
        lacks = self._lacks(f"{some(events, 'event')} and {files} of {self.directory.name}", "them")
        self._kill()  # it hangs, and would keep others from uploading
        return lacks

    def _wait_for_upload(self, timeout: float) -> Bookmark:
        bookmark, since = self._bookmark(), time.monotonic()
        while (self.backlog() or bookmark.unfiled) and self._alive() and time.monotonic() < since + timeout:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if (now := self._bookmark()) != bookmark:
                bookmark, since = now, time.monotonic()
        return bookmark

    def backlog(self) -> int:
        """How many bytes of the journal wait for their upload."""
        path = Journal(self.directory).path
        return max(0, path.stat().st_size - self._bookmark().offset) if path.exists() else 0

    def add_report(self, timeout: float = 60.0) -> str | None:
        """Upload the folder `report`, after `finish`, and end; a sentence if that was not possible."""
        if not self._alive():
            self._begin()
        failed = self._process is None or _ended_badly(self._process, timeout)
        return self._lacks(f"the report of {self.directory.name}", "it") if failed else None

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _begin(self) -> None:
        self._begun = time.monotonic()
        try:
            self._process = self._popen()
        except OSError:  # no memory for it, or too many processes: perhaps later
            return
        weakref.finalize(self, _end, self._process)

    def _popen(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "study.tracking.uploader", str(self.directory), self.tracking_uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is not for it
        )

    def _bookmark(self) -> Bookmark:
        return Bookmark.read(self.directory, self.tracking_uri)

    def _lacks(self, what: str, it: str) -> str:
        ended = None if self._process is None else self._process.poll()
        guess = f"the process that uploads ended with code {ended}" if ended else "there was not enough time"
        if ended == -signal.SIGALRM:
            guess = f"MLflow took nothing for {SECONDS_WITHOUT_PROGRESS} s"
        reason = self._bookmark().reason or guess
        command = f"cnn-study sync {self.directory.name}"
        return f"MLflow at {self.tracking_uri} lacks {what} ({reason}); upload {it} with: {command}"


def _wake(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has just ended
        process.stdin.write(b"\n")
        process.stdin.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()


def _ended_badly(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Let it end; whether it did not, or not well."""
    _end(process)
    try:
        return process.wait(timeout) != 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
