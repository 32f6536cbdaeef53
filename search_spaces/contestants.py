"""Contestants: named bundles of settings that share a study's trials equally, each with a search of its own.

A contestant's *plain study* is the file with what the contestant sets laid over it, as by --set, and with what it
searches beside what the file does: what it sets is no longer searched, and what it searches itself it searches its own
way. A trial's values name their contestant under `contestant`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from search_spaces.errors import StudyFileError, nearest, shown
from search_spaces.measured import of_projections
from search_spaces.overrides import applied, blocks_set
from search_spaces.schema import Choice, Distribution, Integer, Scheduler, Study, Uniform
from search_spaces.when import Values, release, touched

T = TypeVar("T")

Metrics = Mapping[str, float | str]

CONTESTANT = "contestant"
"""What names the contestant among a trial's values, and in a point to try first."""


def of_contestant(study: Study, name: str) -> Study:
    """The plain study of a contestant, with its share of the trials. Raises StudyFileError if it sets what cannot be.

    One that trains nothing has no scheduler, which judges epochs, and is searched by what its projections are worth.
    """
    one, place = study.contestants[name], list(study.contestants).index(name)
    share = len(range(place, study.tune.trials, len(study.contestants)))
    tune = replace(study.tune, balance=None, first=(), trials=max(1, share))
    laid = applied(replace(study, contestants={}, tune=tune), one.set)
    plain = release(replace(laid, search={**laid.search, **one.search}), blocks_set(one.set), kept=one.search)
    first = tuple(settings_in(point) for point in study.tune.first if point.get(CONTESTANT) == name)
    own = replace(plain, tune=replace(plain.tune, first=first))
    return own if own.trains else _as_projected(own)


def _as_projected(plain: Study) -> Study:
    """A study that trains nothing, with the objectives, the bounds and the scheduler that suit it."""
    return replace(
        plain,
        objectives=of_projections(plain.objectives),
        bounds=of_projections(plain.bounds),
        tune=replace(plain.tune, scheduler=Scheduler()),
    )


def plain_studies(study: Study) -> dict[str | None, Study]:
    """Every contestant's plain study, in the order of the file; without contestants the study itself, under None."""
    return {name: of_contestant(study, name) for name in study.contestants} or {None: study}


class Asked:
    """What a study asks of its trials: to keep the bounds, and values of its objectives, by their names.

    Of a contestant that trains nothing both are asked of projections: errors of random parameters say nothing.
    """

    def __init__(self, study: Study) -> None:
        self.objectives = study.objectives
        self._plain = plain_studies(study)

    def keeps_bounds(self, method: str, metrics: Metrics) -> bool:
        """Whether a trial of this method, or contestant, is within all bounds."""
        plain = self._of(method)
        return all(float(metrics.get(name, math.inf)) <= bound for name, bound in _asked(plain, plain.bounds).items())

    def values(self, method: str, metrics: Metrics) -> dict[str, float]:
        """Those of the objectives that are measured."""
        told = {name: next(iter(_asked(self._of(method), {name: name})), name) for name in self.objectives}
        return {name: float(metrics[own]) for name, own in told.items() if own in metrics}

    def _of(self, method: str) -> Study:
        return self._plain.get(method, next(iter(self._plain.values())))

    @property
    def names(self) -> tuple[str, ...]:
        """All metrics that this looks at."""
        asked = [_asked(plain, {**self.objectives, **plain.bounds}) for plain in self._plain.values()]
        return tuple(dict.fromkeys(name for names in asked for name in names))


def _asked(plain: Study, metrics: Mapping[str, T]) -> Mapping[str, T]:
    return metrics if plain.trains else of_projections(metrics)


def of_trial(study: Study, values: Mapping[str, Any]) -> Study:
    """The plain study that a trial with these values belongs to. Raises StudyFileError where they do not name it."""
    if not study.contestants:
        return study
    name: Any = values.get(CONTESTANT)
    if name not in study.contestants:
        raise StudyFileError(f"{CONTESTANT} is {shown(name)}; {nearest(name, study.contestants)}")
    return of_contestant(study, name)


def settings_in(values: Mapping[str, Any]) -> Values:
    """A trial's values without its contestant's name: what its plain study searches."""
    return {path: value for path, value in values.items() if path != CONTESTANT}


def searched(study: Study) -> dict[str, Distribution]:
    """All that a study searches: of a path that several contestants search, all values that one of them may take."""
    found: dict[str, Distribution] = {}
    for plain in plain_studies(study).values():
        for path, parameter in plain.search.items():
            found[path] = _together(found.get(path, parameter.distribution), parameter.distribution)
    return found


def set_twice(study: Study, overrides: Mapping[str, Any]) -> Iterator[str]:
    """A line for each setting given by --set that a contestant sets itself: it would stay as the contestant has it."""
    fixed = blocks_set(overrides)
    for name, one in study.contestants.items():
        for path in one.set:
            own = f"contestants.{name}.set.{path}"
            if touched(path, fixed) and own not in overrides:
                yield f"the contestant {name} sets {path} itself; write --set {own}=…, too, or {own}=null"


def _together(one: Distribution, other: Distribution) -> Distribution:
    """What takes the values of both; of a list and a range the first alone."""
    match one, other:
        case Choice(values), Choice(others):
            return Choice(tuple(dict.fromkeys((*values, *others))))
        case ((Uniform() | Integer()), (Uniform() | Integer())):
            kind = Integer if isinstance(one, Integer) and isinstance(other, Integer) else Uniform
            low, high = min(one.low, other.low), max(one.high, other.high)
            return kind(low, high, one.log and other.log)  # type: ignore[arg-type]
    return one
