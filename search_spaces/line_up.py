"""A line-up: the contestants of a comparison, and which of them the others are compared with.

A file of two keys, `baselines`, a list of names, and `contestants`, like those of a study file. Entered for a problem,
a study file is run with the line-up's contestants in place of what it searches itself. A file that has contestants of
its own is made for this: they take part, too, in the place of those that are called alike, and what it searches is
searched by all that can. A contestant that cannot run on the problem, or leaves an unknown at its start, is refused,
with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search_spaces.blocks import keys_below, read
from search_spaces.contestant_checks import check_contestants
from search_spaces.contestants import of_contestant
from search_spaces.doubts import never_found
from search_spaces.errors import StudyFileError, nearest
from search_spaces.load import load_study
from search_spaces.overrides import CONTESTANTS
from search_spaces.schema import CONFIG, Contestant, Study, Training
from search_spaces.search_checks import tried_in
from search_spaces.shipped import find
from search_spaces.yaml_text import parse, text_of

FOLDER = Path(__file__).parent / "line_ups"

BLOCKS: Mapping[str, type] = {"training": Training}
"""Whose keys are the same for all problems."""

WITHOUT_SEARCH: Mapping[str, Any] = {"search": {}, "tune.balance": None, "tune.first": []}
"""Laid over a study file that searches itself."""


@dataclass(frozen=True)
class LineUp:
    """Contestants, and the names of those that are baselines."""

    contestants: Mapping[str, Contestant]
    baselines: tuple[str, ...] = ()

    __pydantic_config__ = CONFIG

    def only(self, names: Sequence[str]) -> "LineUp":
        """The line-up of these contestants, or of all without names. Raises StudyFileError for one that is none."""
        for name in names:
            if name not in self.contestants:
                raise StudyFileError(f"--only {name} is no contestant; {nearest(name, self.contestants)}")
        kept = {name: one for name, one in self.contestants.items() if name in names or not names}
        return LineUp(kept, tuple(name for name in self.baselines if name in kept))


@dataclass(frozen=True)
class Entered:
    """A study of those contestants that can run on its problem, and why the others cannot."""

    study: Study
    refused: Mapping[str, str]


def load_line_up(name: str) -> LineUp:
    """The line-up of a shipped name or a file. Raises StudyFileError."""
    shipped = {path.stem: path for path in FOLDER.glob("*.yaml")}
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise StudyFileError(f"{name}: there is no such line-up; {nearest(name, shipped)}, or a file's path")
    try:
        line_up = read(LineUp, parse(text_of(path)))
        for baseline in line_up.baselines:
            if baseline not in line_up.contestants:
                raise StudyFileError(
                    f"baselines: {baseline} is no contestant; {nearest(baseline, line_up.contestants)}"
                )
        if not line_up.contestants:
            raise StudyFileError("contestants is empty; write one")
    except StudyFileError as error:
        raise StudyFileError(f"{path.name}: {error}") from None
    return line_up


def enter(space: str, line_up: LineUp, overrides: Mapping[str, Any], edition: int | None = None) -> Entered:
    """The study of a file's problem with the contestants of a line-up. Raises StudyFileError if none can run there.

    `edition` is that of a file that says none.
    """
    bare = load_study(space, overrides, entered=True, edition=edition)
    if not bare.contestants:
        bare = load_study(space, {**WITHOUT_SEARCH, **overrides}, entered=True, edition=edition)
    tried = tried_in(bare)
    able: dict[str, Contestant] = {}
    refused: dict[str, str] = {}
    for name, contestant in {**line_up.contestants, **bare.contestants}.items():
        _require_keys(name, contestant)
        try:
            check_contestants(one := _alone(bare, name, contestant), tried)
            _require_found(one, name)
        except StudyFileError as error:
            refused[name] = str(error)
        else:
            able[name] = contestant
    if not able:
        first, reason = next(iter(refused.items()))
        raise StudyFileError(f"{find(space).name}: no contestant can run on this problem; {first}: {reason}")
    return Entered(replace(bare, contestants=able), refused)


def _require_keys(name: str, contestant: Contestant) -> None:
    """No slip leaves a contestant out: its keys are known, in whichever variant of a block. Raises StudyFileError.

    Those of networks and problems are left to these, which may be anybody's.
    """
    for where in ("set", "search"):
        for path in getattr(contestant, where):
            block, *between = path.split(".")
            if block in BLOCKS and between:
                known, blocks = keys_below(BLOCKS[block])
                *between, last = between
                if last not in known and {*between} <= blocks:
                    raise StudyFileError(f"{CONTESTANTS}.{name}.{where}.{path} is not known; {nearest(last, known)}")


def _require_found(study: Study, name: str) -> None:
    """Who leaves an unknown at its start solves another problem than the others. Raises StudyFileError."""
    for line in never_found(study):
        raise StudyFileError(f"{CONTESTANTS}.{name}: {line}")


def _alone(study: Study, name: str, contestant: Contestant) -> Study:
    """The study of one contestant, with what the file searches for it."""
    one = replace(study, contestants={name: contestant})
    used = of_contestant(one, name).search.keys() - contestant.search.keys()
    return replace(one, search={path: found for path, found in study.search.items() if path in used})
