"""What others see of a study while it runs elsewhere: a short copy of its journal, among its files in the storage.

`STORAGE/NAME-TIME/study.yaml` is the study; `records.jsonl` says of each trial how it began, its last epoch with the
objectives (and the CPU seconds that a budget counts), and how it ended. The driver replaces it every few seconds, as
long as something happens, and the less often the longer that takes: it is written as a whole, of 10⁵ trials too. A
storage that does not take it costs the study nothing. `cnn-study status --storage STORAGE`
reads it from anywhere.
"""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from pyarrow.fs import FileSelector, FileSystem, FileType

from search_spaces.contestants import Asked
from search_spaces.errors import reason
from search_spaces.load import load_recorded
from study.journal.events import Event, TrialStatus
from study.journal.files import JOURNAL, STUDY
from study.journal.journal import Journal, Reader
from study.journal.record import CPU_SECONDS, TRAINING_SECONDS, TrialRecord

SECONDS_BETWEEN_COPIES = 5.0
LARGEST_SHARE = 0.05
"""Of the time, the part in which it is copied."""

FOLDER = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*?)-\d{8}-\d{6}")
"""A study's folder in a storage: its name, and when it began."""


class SharedCopy:
    """While entered, a background thread copies what the journal in `directory` says to the folder or URI `place`."""

    def __init__(self, directory: Path, place: str) -> None:
        self.directory, self.place = directory, place
        self.reader = Reader(Journal(directory))
        self.news = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="shared copy", daemon=True)

    def __enter__(self) -> "SharedCopy":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._thread.join(SECONDS_BETWEEN_COPIES)

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """What the study asks of its trials, and what it counts, if it has a budget."""
        study = load_recorded(self.directory / STUDY)
        return (*Asked(study).names, *([CPU_SECONDS, TRAINING_SECONDS] if study.tune.seconds else []))

    def copy(self) -> None:
        """Bring the copy up to date, if there is anything new. Raises OSError if the storage does not take it."""
        for event in self.reader.events():
            self.news = True
            if record := self.reader.records.get(event.get("trial", "")):
                record.forget_epochs()
        if self.news:
            files, folder = FileSystem.from_uri(self.place)
            files.create_dir(folder, recursive=True)
            _replace(files, f"{folder}/{STUDY}", (self.directory / STUDY).read_text(encoding="utf-8"))
            _replace(files, f"{folder}/{JOURNAL}", "".join(f"{json.dumps(event)}\n" for event in self._events()))
            self.news = False

    def _events(self) -> Iterator[Event]:
        if (began := self.reader.began) is not None:
            yield {key: value for key, value in began.items() if key != "tracking_uri"}  # it may hold a password
        for record in self.reader.records.values():
            yield from self._short(record)
        if self.reader.ended is not None:
            yield self.reader.ended

    def _short(self, record: TrialRecord) -> Iterator[Event]:
        of = {"trial": record.trial}
        begun = {"values": record.values, "method": record.method}
        started = record.last_sign - record.seconds  # so that its seconds are the same there
        yield {"event": "trial-start", "time": started, **of, **begun}
        for epoch, when, metrics in record.history:
            yield {"event": "epoch", "time": when, **of, "epoch": epoch, "metrics": self._shown(metrics)}
        if record.status is not TrialStatus.RUNNING:
            how = {"status": str(record.status), "metrics": self._shown(record.metrics), "error": record.error}
            yield {"event": "trial-end", "time": record.ended, **of, **how}

    def _shown(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: metrics[name] for name in self.shown if name in metrics}

    def _follow(self) -> None:
        ending = False
        while not ending:
            ending = self._ending.is_set()  # asked first, so that the last round sees everything written before
            began = time.monotonic()
            with suppress(Exception):  # the study goes on, whatever it is; the next round tries again
                self.copy()
            if not ending:
                self._ending.wait(max(SECONDS_BETWEEN_COPIES, (time.monotonic() - began) / LARGEST_SHARE))


def fetch(storage: str, target: Path, *, name: str | None = None) -> list[Path]:
    """Bring what is published in `storage`, of all studies or those called `name`, to folders of the same names in
    `target`. Raises ValueError if there is no such storage.
    """
    try:
        files, root = FileSystem.from_uri(storage if "://" in storage else str(Path(storage).absolute()))
        found = files.get_file_info(FileSelector(root))
    except Exception as error:  # every kind of storage has errors of its own
        raise ValueError(
            f"--storage {storage}: cannot be read ({reason(error)}); write the one that `run` had"
        ) from None
    folders = [entry.base_name for entry in found if entry.type is FileType.Directory]
    return [
        _copy(files, f"{root}/{folder}", target / folder)
        for folder in sorted(folders)
        if (match := FOLDER.fullmatch(folder))
        and name in (None, folder, match["name"])
        and files.get_file_info(f"{root}/{folder}/{STUDY}").type is FileType.File
    ]


def _copy(files: FileSystem, source: str, target: Path) -> Path:
    target.mkdir()
    for file in (STUDY, JOURNAL):
        if files.get_file_info(f"{source}/{file}").type is FileType.File:
            with files.open_input_stream(f"{source}/{file}") as stream:
                (target / file).write_bytes(stream.read())
    return target


def _replace(files: FileSystem, path: str, text: str) -> None:
    """Write a file that appears under its name once it is whole."""
    draft = f"{path}.{time.monotonic_ns()}.partial"
    with files.open_output_stream(draft) as stream:
        stream.write(text.encode())
    files.move(draft, path)
