"""The files of studies: those that come with the package, and the one that a name or a path means. Loads no torch."""

from pathlib import Path

from search_spaces.errors import StudyFileError, near, nearest

LONGEST_SHOWN = 200
"""Letters of a name that is repeated."""


def shipped_spaces() -> dict[str, Path]:
    """The study files that come with the package, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}


def find(space: str | Path) -> Path:
    """The file of a shipped name or a path. Raises StudyFileError with the nearest file beside it, or shipped name."""
    shipped = shipped_spaces()
    if str(space) in shipped:
        return shipped[str(space)]
    path = Path(space)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError):  # no such name can be
        is_file = is_folder = False
    if not is_file:
        what = "is a folder" if is_folder else "does not exist"
        shown = " ".join(str(space).split())[:LONGEST_SHOWN]
        hint = _beside(path) or f"{nearest(path.stem, shipped)}, or a file's path"
        raise StudyFileError(f"{shown}: this study file {what}; {hint}")
    return path


def _beside(path: Path) -> str | None:
    """What to write if a file of the same folder has nearly this name."""
    try:
        names = [file.name for file in path.parent.iterdir() if file.suffix in (".yaml", ".yml")]
    except (OSError, ValueError):
        return None
    found = near(path.name, names)
    return None if found is None else f"write {path.with_name(found)}"
