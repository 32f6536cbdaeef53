"""The different trials that a search can ask for: which values make the same one, and how many there are.

Trials are the same if all their settings are, `training.seed` among them: trained again, one gives the same again.
"""

import json
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from typing import Any

from search_spaces.convert import stored
from search_spaces.errors import StudyFileError
from search_spaces.load import resolve, settings_of
from search_spaces.schema import Choice, Distribution, Integer, Study
from search_spaces.when import Values, assignments

NONE: Set[str] = frozenset()


class EndlessError(Exception):
    """A range of numbers: there are always more trials."""


def identity(study: Study, values: Mapping[str, Any]) -> str:
    """The settings of the trial that has these values, as text: the same for all values that make the same trial."""
    try:
        return json.dumps(settings_of(resolve(study, values)), sort_keys=True)
    except StudyFileError:  # a trial that fails; once is enough
        return json.dumps(stored(values), sort_keys=True)


def parts(study: Study) -> list[Values]:
    """What each search of a study keeps fixed: a balanced value, or nothing."""
    if (path := study.tune.balance) is None:
        return [{}]
    distribution = study.search[path].distribution
    return [{path: value} for value in (distribution.values if isinstance(distribution, Choice) else ())]


def new_points(study: Study, tried: Container[str], fixed: Mapping[str, Any]) -> Iterator[tuple[str, Values]]:
    """(identity, values) of the trials that have the `fixed` values and are not in `tried`, in the order of a grid.

    Whoever takes one adds it to `tried`. Raises EndlessError where a range of numbers begins.
    """
    for values in assignments(study, lambda path: _listed(study.search[path].distribution, path, fixed)):
        if (own := identity(study, values)) not in tried:
            yield own, values


def to_try(study: Study, *, tried: Set[str] = NONE, begun: Mapping[int, int] | None = None) -> list[int]:
    """How many trials each part of a search still has to begin, that has `begun` so many before, all in `tried`."""
    every, known = parts(study), set(tried)
    shares = [len(range(index, study.tune.trials, len(every))) for index in range(len(every))]
    return [
        _count(study, known, fixed, most=share - (begun or {}).get(index, 0))
        for index, (fixed, share) in enumerate(zip(every, shares, strict=True))
    ]


def planned(study: Study, *, begun: int = 0) -> int:
    """How many trials a study has: `tune.trials`, or fewer where its search has no more different ones.

    At least those that have `begun`: earlier versions trained some settings twice.
    """
    return max(begun, sum(to_try(study)))


def _count(study: Study, known: set[str], fixed: Mapping[str, Any], *, most: int) -> int:
    count = 0
    if most <= 0:
        return count
    try:
        for own, _ in new_points(study, known, fixed):
            known.add(own)
            count += 1
            if count == most:
                break
    except EndlessError:
        return most
    return count


def _listed(distribution: Distribution, path: str, fixed: Mapping[str, Any]) -> Sequence[Any]:
    if path in fixed:
        return [fixed[path]]
    match distribution:
        case Choice(values):
            return values
        case Integer(low, high):
            return range(low, high + 1)
    raise EndlessError
