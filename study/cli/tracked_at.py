"""Which MLflow a study goes on with."""

from collections.abc import Sequence
from pathlib import Path

from study.journal.study_folder import whereabouts
from study.tracking.bookmark import Bookmark
from study.tracking.databases import default_uri, sqlite_file, whole


def tracked_at(directory: Path) -> str:
    """The MLflow that a study had; the usual database if its own is not where it was.

    One that was asked for, and that nothing was uploaded to yet, is still to be made, unless its folder is gone, too.
    """
    usual = default_uri(directory.parent)
    uri = whole(whereabouts(directory).tracking_uri or usual, directory)
    database = sqlite_file(uri)
    if database is None or database.exists():
        return uri
    still_to_be_made = database.parent.exists() and not Bookmark.read(directory, uri).study_run
    return uri if still_to_be_made else usual


def compared_at(begun: Sequence[Path]) -> str | None:
    """The MLflow that a comparison had, by its studies that have begun: that of the last; None before any."""
    return tracked_at(begun[-1]) if begun else None
