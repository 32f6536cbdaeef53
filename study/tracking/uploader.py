"""Uploads a study's journal to MLflow: once, for `cnn-study sync`, or as the process beside a driver, as it grows.

That process is told by its input: a line is to look at the journal now; the end of it, to upload what is left, the
report included, and to end. So it ends with the driver, however that ends. When MLflow keeps it waiting without end, an
alarm ends it, and with it its lock.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO

from search_spaces.errors import reason
from search_spaces.load import load_recorded
from study.journal import locks
from study.journal.files import STUDY, UPLOADING
from study.tracking.bookmark import Bookmark
from study.tracking.databases import check_uri
from study.tracking.mirror import Mirror
from study.tracking.store import Store

SECONDS_BETWEEN_UPLOADS = 3.0
SECONDS_TO_DRAW, SHARE_TO_DRAW = 6.0, 0.02
"""So long, and for this share of a study's time, plots are drawn while it runs; at its end, so long and no longer."""

SECONDS_TO_PUBLISH = 8.0
"""So long networks are uploaded at a study's end."""

NICENESS = 5
SECONDS_WITHOUT_PROGRESS = 180
"""After so long the process beside a driver is ended by its alarm."""


class TrackingError(RuntimeError):
    """MLflow did not take what the journal says; one line."""


def sync(directory: Path, tracking_uri: str) -> int:
    """Upload what MLflow lacks of a study; returns the number of events. Raises TrackingError."""
    check_uri(tracking_uri)
    try:
        with only_uploader(directory):
            mirror = _mirror(directory, tracking_uri)
            events = mirror.advance()
            mirror.close()
            while mirror.publish() or mirror.draw():
                pass
            return events
    except Exception as error:
        raise TrackingError(f"MLflow at {tracking_uri} did not take {directory.name}: {reason(error)}") from error


def only_uploader(directory: Path) -> AbstractContextManager[None]:
    """While entered, no other process uploads the study. Raises BusyError if one does."""
    return locks.locked(directory / UPLOADING, busy="another process is uploading it; wait until that has ended")


def follow(directory: Path, tracking_uri: str, requests: IO[bytes], *, on_progress: Callable[[], None]) -> bool:
    """Upload what is new in the journal, again and again until `requests` end; whether the last time went well.

    `on_progress` is called whenever something was taken, and before every round.
    """
    mirror: Mirror | None = None
    drawing = DrawingTime()
    while True:
        ending = _ended(requests)  # asked first, so that the last round sees everything written before
        on_progress()
        try:
            mirror = mirror or _mirror(directory, tracking_uri, on_progress)
            mirror.advance()
            if ending:
                mirror.close()
            failed = ""
        except Exception as error:  # the next round starts from the bookmark, whatever it is
            mirror, failed = None, reason(error)
        with suppress(OSError):
            Bookmark.note(directory, tracking_uri, failed)
        if mirror is not None:
            if ending:
                publish(mirror)
            drawing.use(mirror, ending=ending)
        if ending:
            return not failed
        select.select([requests], [], [], SECONDS_BETWEEN_UPLOADS)


def publish(mirror: Mirror) -> None:
    """Upload the networks of the best trials, as many as there is time for; `cnn-study sync` uploads the others."""
    until = time.monotonic() + SECONDS_TO_PUBLISH
    with suppress(Exception):
        while time.monotonic() < until and mirror.publish():
            pass


class DrawingTime:
    """Draws plots of trials, and sees to it that this takes little time."""

    def __init__(self) -> None:
        self.began, self.spent = time.monotonic(), 0.0

    def use(self, mirror: Mirror, *, ending: bool) -> None:
        """Draw plots of one trial, if there is time for it; when the study is `ending`, of as many as possible."""
        now, more = time.monotonic(), True
        allowed = SECONDS_TO_DRAW if ending else SECONDS_TO_DRAW + SHARE_TO_DRAW * (now - self.began) - self.spent
        with suppress(Exception):  # all that must be there is; a trial without plots is drawn in the next round
            while more and time.monotonic() - now < allowed:
                more = mirror.draw() and ending
        self.spent += time.monotonic() - now


def _mirror(directory: Path, tracking_uri: str, on_progress: Callable[[], None] = lambda: None) -> Mirror:
    return Mirror(directory, load_recorded(directory / STUDY), Store(tracking_uri), on_progress=on_progress)


def _ended(requests: IO[bytes]) -> bool:
    """Whether there will be no more requests; those that came are answered by one look."""
    while select.select([requests], [], [], 0)[0]:
        if not os.read(requests.fileno(), 4096):
            return True
    return False


def _put_off_the_end() -> None:
    """The kernel's alarm ends the process even where Python does not get to run."""
    signal.alarm(SECONDS_WITHOUT_PROGRESS)


def main(directory: Path, tracking_uri: str) -> bool:
    """Follow the journal in `directory`, once nobody else does: the process of a killed driver may still be at it."""
    os.nice(NICENESS)
    requests = sys.stdin.buffer
    while True:
        with suppress(locks.BusyError), only_uploader(directory):
            return follow(directory, tracking_uri, requests, on_progress=_put_off_the_end)
        if _ended(requests):
            return False
        select.select([requests], [], [], SECONDS_BETWEEN_UPLOADS)


if __name__ == "__main__":
    sys.exit(not main(Path(sys.argv[1]), sys.argv[2]))
