"""Study files: read, check, change, write. The only place where a study is a raw mapping.

YAML → mapping → `editions.read_study` → `Study`. Every error is a StudyFileError: one line that names file and key.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from search_spaces.blocks import write
from search_spaces.checks import Rehearsed, check_data, check_deed, check_network, check_settings, check_sizes
from search_spaces.contestant_checks import check_contestants, check_searched
from search_spaces.contestants import CONTESTANT, of_trial, set_twice, settings_in
from search_spaces.editions import BEFORE_EDITIONS, read_study
from search_spaces.errors import StudyFileError
from search_spaces.json_schema import json_schema
from search_spaces.measured import with_objectives, with_usual
from search_spaces.modules import look_in
from search_spaces.networks import build_network
from search_spaces.overrides import applied, blocks_set, parse_setting, together
from search_spaces.problems import build_problem
from search_spaces.schema import OF_A_TRIAL, Study
from search_spaces.search_checks import check_search, tried_in
from search_spaces.shipped import find, shipped_spaces
from search_spaces.when import release
from search_spaces.yaml_text import parse, text_of

__all__ = [
    "StudyFileError",
    "build_network",
    "build_problem",
    "dump",
    "dump_yaml",
    "json_schema",
    "load_recorded",
    "load_study",
    "load_text",
    "load_trial",
    "parse_setting",
    "resolve",
    "settings_of",
    "shipped_spaces",
    "together",
]

NOTHING: Mapping[str, Any] = {}


def load_study(
    space: str | Path, overrides: Mapping[str, Any] = NOTHING, *, entered: bool = False, edition: int | None = None
) -> Study:
    """The study of a shipped name or a file, with overrides (dotted path → value). Raises StudyFileError.

    A setting that is overridden is no longer searched; nor is what then can never be active. Where other contestants
    are `entered` later, the file may search what its own do not. `edition` is that of a file that says none.
    """
    path = find(space)
    look_in(*([] if path in shipped_spaces().values() else [path.parent]), Path.cwd())
    rehearsed = Rehearsed()
    with _naming(path.name):
        raw = {**parse(text_of(path)), **_edition_in(overrides)}
        study = _checked(read_study(raw, edition), rehearsed, entered)
    if not overrides:
        return study
    with _naming(f"{path.name} with the settings given"):
        changed = applied(with_usual(study), overrides)
        for line in set_twice(changed, overrides):
            raise StudyFileError(line)
        return _checked(release(changed, blocks_set(overrides)), rehearsed, entered)


def load_trial(space: str | Path, overrides: Mapping[str, Any] = NOTHING, *, edition: int | None = None) -> Study:
    """One trial of a study file: its settings with overrides, nothing searched, whatever the search would need.

    The override `contestant` makes it one of this contestant's; without it, it is nobody's. `edition` is that of a file
    that says none. Raises StudyFileError.
    """
    study = load_study(space, _edition_in(overrides), edition=edition)
    with _naming(f"{find(space).name} with the settings given"):
        plain = of_trial(study, overrides) if CONTESTANT in overrides else study
        bare = with_usual(_without_search(plain))
        trial = applied(bare, settings_in(overrides) if study.contestants else overrides)
        check_sizes(trial)
        check_deed(trial)
        check_network(trial)
        check_data(trial)
    return trial


def load_text(text: str, *, source: str = "study") -> Study:
    """The study that `dump_yaml` wrote: read, but not checked for what makes no sense together, as files are."""
    with _naming(source):
        return read_study(parse(text))


def load_recorded(path: Path) -> Study:
    """The study in a file that `dump_yaml` wrote, read where it could not run any more. Raises StudyFileError."""
    with _naming(str(path)):
        return read_study(parse(text_of(path)), BEFORE_EDITIONS)


def resolve(study: Study, values: Mapping[str, Any]) -> Study:
    """One trial of a study: the values (dotted path → value) applied, nothing left to search. Raises StudyFileError."""
    with _naming(study.study):
        if study.contestants:
            study, values = of_trial(study, values), settings_in(values)
        return applied(_without_search(study), values)


def dump(study: Study) -> dict[str, Any]:
    """The study as a study file's mapping, every default spelled out."""
    return write(study)


def settings_of(study: Study) -> dict[str, Any]:
    """A trial's settings: the same in every study that it may be part of."""
    settings = dump(study)
    return {name: settings[name] for name in OF_A_TRIAL}


def dump_yaml(study: Study, *, ascii_only: bool = False) -> str:
    """The study as a study file; loading it gives an equal study. `ascii_only` escapes all other letters."""
    text = dump(study)
    return yaml.safe_dump(text, sort_keys=False, default_flow_style=None, width=120, allow_unicode=not ascii_only)


@contextmanager
def _naming(source: str) -> Iterator[None]:
    try:
        yield
    except StudyFileError as error:
        raise StudyFileError(f"{source}: {error}".replace("\n", " ")) from None


def _edition_in(overrides: Mapping[str, Any]) -> Mapping[str, Any]:
    """The edition that is asked for: it decides how a file is read, and not only what is laid over it."""
    return {name: overrides[name] for name in ("edition",) if name in overrides}


def _without_search(study: Study) -> Study:
    return replace(study, search={}, contestants={}, tune=replace(study.tune, balance=None))


def _checked(study: Study, rehearsed: Rehearsed, entered: bool) -> Study:
    check_settings(study)
    check_network(study)
    check_data(study, rehearsed)
    study = with_objectives(study)
    (check_contestants if study.contestants else check_search)(study, tried_in(study, rehearsed))
    if study.contestants and not entered:
        check_searched(study)
    return study
