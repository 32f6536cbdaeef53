"""A study's own modules, kept in its folder as `code/VERSION/…` for each version that it ran with."""

from pathlib import Path

from search_spaces.schema import Study
from search_spaces.sources import sources_of, version
from study.journal.files import CODE, STUDY, TRIALS
from study.journal.journal import Journal, Reader


def keep_code(directory: Path, study: Study) -> dict[str, str]:
    """Keep the modules as they are now; returns their version, for the journal, if there are any."""
    sources = sources_of(study)
    if (now := version(sources)) is None:
        return {}
    folder = directory / CODE / now
    for path, content in sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return {CODE: now}


def kept_for(file: Path) -> Path | None:
    """The modules that are kept for a study file in a study's folder, of the study or of a trial; None without any.

    If the code has changed while the study ran, those that it, or this trial, started with last.
    """
    directory = next((folder for folder in file.resolve().parents if (folder / STUDY).is_file()), None)
    if directory is None:
        return None
    latest = own = None
    for _, event in Journal(directory).events():
        if event["event"] == "study-start":
            latest = event.get("provenance", {}).get(CODE)
        elif event["event"] == "trial-start" and directory / TRIALS / event["trial"] == file.resolve().parent:
            own = latest
    folder = directory / CODE / str(own or latest)
    return folder if folder.is_dir() else None


def code_changes(directory: Path, study: Study) -> list[str]:
    """What the user should know of the code of a study that goes on: one line if it is another, nothing if not."""
    began = Reader(Journal(directory), epochs=False).read().began or {}
    before, now = began.get("provenance", {}).get(CODE), version(sources_of(study))
    if before is None or now is None or before == now:
        return []
    return [
        f"{directory.name}: its own code has changed since trials ran with it, got {CODE}/{now} after "
        f"{CODE}/{before}; trials from now on have the new one: run a new study to compare with equal code"
    ]
