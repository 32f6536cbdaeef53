"""How far a study's journal has reached each MLflow, kept in its folder as `tracking.json`."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from search_spaces.counts import some
from search_spaces.regular import regular
from study.journal.files import BOOKMARKS
from study.journal.journal import OWNER_ONLY
from study.tracking.databases import portable

REASON_BEFORE = "problem"
"""What `reason` was called in files of earlier versions."""


@dataclass
class Bookmark:
    """How far a study's journal has reached one MLflow: what `tracking.json` says of its tracking URI.

    `unfiled` are ended trials whose files are still to be uploaded, `drawn` those whose plots are, `published` those
    whose networks are; `links` are title → address in the UI. `reason` is why the last upload ended early, empty if it
    did not. `refused` is what MLflow will never take, and why.
    """

    offset: int = 0
    experiment: str = ""
    study_run: str = ""
    unfiled: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    drawn: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)

    @property
    def refusal(self) -> str | None:
        """A sentence on what MLflow refused, if it did."""
        if not self.refused:
            return None
        return f"MLflow refused {some(len(self.refused), 'thing')}, and has all else; the first: {self.refused[0]}"

    @staticmethod
    def read(directory: Path, tracking_uri: str) -> "Bookmark":
        """How far it came; the beginning if nothing was uploaded yet."""
        bookmarks = _bookmarks(directory)
        told = bookmarks.get(portable(tracking_uri, directory)) or bookmarks.get(tracking_uri, {})
        told = {"reason": told.get(REASON_BEFORE, ""), **told}
        bookmark, start = Bookmark(**{name: told[name] for name in FIELDS & told.keys()}), Bookmark()
        sound = all(isinstance(getattr(bookmark, name), type(getattr(start, name))) for name in FIELDS)
        return bookmark if sound else start

    def write(self, directory: Path, tracking_uri: str) -> None:
        """Keep it, in one step that a crash cannot halve."""
        new = directory / f"{BOOKMARKS}.new"
        new.touch()
        new.chmod(OWNER_ONLY)
        bookmarks = _bookmarks(directory) | {portable(tracking_uri, directory): asdict(self)}
        new.write_text(json.dumps(bookmarks, indent=2), encoding="utf-8")
        new.replace(directory / BOOKMARKS)

    @staticmethod
    def note(directory: Path, tracking_uri: str, reason: str) -> None:
        """Keep why the last upload ended early."""
        bookmark = Bookmark.read(directory, tracking_uri)
        if bookmark.reason != reason:
            bookmark.reason = reason
            bookmark.write(directory, tracking_uri)


FIELDS = {field.name for field in fields(Bookmark)}


def _bookmarks(directory: Path) -> dict[str, dict[str, Any]]:
    """None where there is no file, or one that cannot be read: what is sent again is there once."""
    try:
        found = json.loads(regular(directory / BOOKMARKS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {uri: told for uri, told in found.items() if isinstance(told, dict)} if isinstance(found, dict) else {}
