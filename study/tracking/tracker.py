"""MLflow follows the journal while a study runs: another process reads what the driver wrote, and uploads it.

The driver never waits for MLflow and never fails because of it. In a thread of its own process, uploading and drawing
would take turns with the search and the trials' reports. What could not be uploaded stays in the journal, and
`cnn-study sync` uploads it later.

The process is told by its input: a line is to look at the journal now; the end of it, to upload what is left, the
report included, and to end. So it ends with the driver, however that ends.
"""

import math
import os
import select
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO

from search_spaces.errors import reason
from search_spaces.load import load_recorded
from study.journal.files import STUDY
from study.journal.journal import Journal
from study.journal.locks import BusyError
from study.tracking.mirror import Place, Upload
from study.tracking.store import Store, check_uri, only_uploader

SECONDS_BETWEEN_UPLOADS = 3.0
SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_BETWEEN_STARTS = 60.0
NICENESS = 5


class Tracker:
    """Uploads the journal in `directory` while the study runs. Raises ValueError if MLflow takes no such URI."""

    def __init__(self, directory: Path, tracking_uri: str) -> None:
        self.directory, self.tracking_uri = directory, check_uri(tracking_uri)
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = -math.inf

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
        place, since = self._place(), time.monotonic()
        while (self.backlog() or place.unfiled) and self._alive() and time.monotonic() < since + timeout:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if (now := self._place()) != place:
                place, since = now, time.monotonic()
        events = sum(1 for _ in Journal(self.directory).events(place.offset))
        if not events and not place.unfiled:
            return None
        return self._lacks(f"{events} events and {len(place.unfiled)} trials' files of {self.directory.name}", "them")

    def backlog(self) -> int:
        """How many bytes of the journal wait for their upload."""
        path = Journal(self.directory).path
        return max(0, path.stat().st_size - self._place().offset) if path.exists() else 0

    def add_report(self, timeout: float = 60.0) -> str | None:
        """Upload the folder `report`, after `finish`, and end; a sentence if that was not possible."""
        if not self._alive():
            self._begin()
        failed = self._process is None or _ended_badly(self._process, timeout)
        return self._lacks(f"the report of {self.directory.name}", "it") if failed else None

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
            [sys.executable, "-P", "-m", "study.tracking.tracker", str(self.directory), self.tracking_uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is not for it
        )

    def _place(self) -> Place:
        return Place.read(self.directory, self.tracking_uri)

    def _lacks(self, what: str, it: str) -> str:
        ended = None if self._process is None else self._process.poll()
        reason = f"the process that uploads ended with code {ended}" if ended else "there was not enough time"
        problem = self._place().problem or reason
        command = f"cnn-study sync {self.directory.name}"
        return f"MLflow at {self.tracking_uri} lacks {what} ({problem}); upload {it} with: {command}"


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


def follow(directory: Path, tracking_uri: str, requests: IO[bytes]) -> bool:
    """Upload what is new in the journal, again and again until `requests` end; whether the last time went well."""
    upload: Upload | None = None
    while True:
        ending = _ended(requests)  # asked first, so that the last round sees everything written before
        try:
            upload = upload or Upload(directory, load_recorded(directory / STUDY), Store(tracking_uri))
            upload.advance()
            if ending:
                upload.close()
            problem = ""
        except Exception as error:  # the next round starts from the saved place, whatever it is
            upload, problem = None, reason(error)
        with suppress(OSError):
            Place.note(directory, tracking_uri, problem)
        if ending:
            return not problem
        select.select([requests], [], [], SECONDS_BETWEEN_UPLOADS)


def _ended(requests: IO[bytes]) -> bool:
    """Whether there will be no more requests; those that came are answered by one look."""
    while select.select([requests], [], [], 0)[0]:
        if not os.read(requests.fileno(), 4096):
            return True
    return False


def main(directory: Path, tracking_uri: str) -> bool:
    """Follow the journal in `directory`, once nobody else does: the process of a killed driver may still be at it."""
    os.nice(NICENESS)
    requests = sys.stdin.buffer
    while True:
        with suppress(BusyError), only_uploader(directory):
            return follow(directory, tracking_uri, requests)
        if _ended(requests):
            return False
        select.select([requests], [], [], SECONDS_BETWEEN_UPLOADS)


if __name__ == "__main__":
    sys.exit(not main(Path(sys.argv[1]), sys.argv[2]))
