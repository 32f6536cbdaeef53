"""A study's own modules, kept in its folder as `code/VERSION/…` for each version that it ran with."""

from pathlib import Path

from search_spaces.schema import Study
from search_spaces.sources import sources_of, version
from study.journal.files import CODE
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


def code_changes(directory: Path, study: Study) -> list[str]:
    """What the user should know of the code of a study that goes on: one line if it is another, nothing if not."""
    began = Reader(Journal(directory)).read().began or {}
    before, now = began.get("provenance", {}).get(CODE), version(sources_of(study))
    if before is None or now is None or before == now:
        return []
    return [
        f"{directory.name}: its own code has changed since trials ran with it, got {CODE}/{now} after "
        f"{CODE}/{before}; trials from now on have the new one: run a new study to compare with equal code"
    ]
