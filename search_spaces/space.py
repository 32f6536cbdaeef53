"""The different trials that a search can ask for: which values make the same one, and how many there are.

Trials are the same if all their settings are, `training.seed` among them: trained again, one gives the same again.
"""

import json
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from search_spaces.contestants import CONTESTANT, plain_studies
from search_spaces.convert import stored
from search_spaces.errors import StudyFileError
from search_spaces.load import resolve, settings_of
from search_spaces.schema import Choice, Integer, Study
from search_spaces.when import Values, assignments

NONE: Set[str] = frozenset()


class EndlessError(Exception):
    """A range of numbers: there are always more trials."""


@dataclass(frozen=True)
class Part:
    """One of the searches that share a study's trials: a plain study, whose trials all have the `fixed` values.

    It belongs to the contestant `name`, or to a balanced value; a search that shares with nobody has no `name`.
    """

    study: Study
    fixed: Values = field(default_factory=dict)
    name: str | None = None
    contestant: bool = False

    def values_of(self, own: Mapping[str, Any]) -> Values:
        """What the journal has of a trial that its plain study draws with its `own` values."""
        return {**({CONTESTANT: self.name} if self.contestant else {}), **own}

    def has(self, values: Mapping[str, Any]) -> bool:
        """Whether a trial with these values may be one of this contestant's; of a plain study's any trial may."""
        return values.get(CONTESTANT) == (self.name if self.contestant else None)

    def identity(self, own: Mapping[str, Any]) -> str:
        """What makes a trial with these values the same as another; those of two contestants never are."""
        return (f"{self.name}: " if self.contestant else "") + identity(self.study, own)

    def new_points(self, tried: Container[str]) -> Iterator[tuple[str, Values]]:
        """(identity, values) of the trials not in `tried`, in the order of a grid. Raises EndlessError at a range."""
        for values in assignments(self.study, lambda path: _listed(self.study, path, self.fixed)):
            if (own := self.identity(values)) not in tried:
                yield own, values


def parts(study: Study) -> list[Part]:
    """The searches that share a study's trials: one for each contestant or balanced value, or one alone."""
    if study.contestants:
        return [Part(plain, name=name, contestant=True) for name, plain in plain_studies(study).items()]
    if (path := study.tune.balance) is None:
        return [Part(study)]
    distribution = study.search[path].distribution
    values = distribution.values if isinstance(distribution, Choice) else ()
    return [Part(study, {path: value}, str(value)) for value in values]


def identity(study: Study, values: Mapping[str, Any]) -> str:
    """A digest of the settings of the trial that has these values: the same for all that make the same trial."""
    try:
        told = settings_of(resolve(study, values))
    except StudyFileError:  # a trial that fails; once is enough
        told = stored(values)
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()  # a search remembers that of every trial


def new_points(study: Study, tried: Container[str], fixed: Mapping[str, Any]) -> Iterator[tuple[str, Values]]:
    """(identity, values) of the trials that have the `fixed` values and are not in `tried`, in the order of a grid.

    Whoever takes one adds it to `tried`. Raises EndlessError where a range of numbers begins.
    """
    return Part(study, dict(fixed)).new_points(tried)


def to_try(study: Study, *, tried: Set[str] = NONE, begun: Mapping[int, int] | None = None) -> list[int]:
    """How many trials each part of a search still has to begin, that has `begun` so many before, all in `tried`."""
    every, known = parts(study), set(tried)
    shares = [len(range(index, study.tune.trials, len(every))) for index in range(len(every))]
    return [
        _count(part, known, most=share - (begun or {}).get(index, 0))
        for index, (part, share) in enumerate(zip(every, shares, strict=True))
    ]


def planned(study: Study, *, begun: int = 0) -> int:
    """How many trials a study has: `tune.trials`, or fewer where its search has no more different ones.

    At least those that have `begun`: earlier versions trained some settings twice.
    """
    return max(begun, sum(to_try(study)))


def _count(part: Part, known: set[str], *, most: int) -> int:
    count = 0
    if most <= 0:
        return count
    try:
        for own, _ in part.new_points(known):
            known.add(own)
            count += 1
            if count == most:
                break
    except EndlessError:
        return most
    return count


def _listed(study: Study, path: str, fixed: Mapping[str, Any]) -> Sequence[Any]:
    if path in fixed:
        return [fixed[path]]
    match study.search[path].distribution:
        case Choice(values):
            return values
        case Integer(low, high):
            return range(low, high + 1)
    raise EndlessError
