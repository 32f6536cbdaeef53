"""Which searched parameters are active, and in which order they are decided.

A parameter is active when every condition in its `when` holds: the other parameter is active and has one of the values,
or the study file's setting has. Parameters are visited in file order, each behind those that its conditions name.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from search_spaces.blocks import write
from search_spaces.errors import StudyFileError
from search_spaces.overrides import keys_of
from search_spaces.schema import Contestant, SearchedParameter, Study

Values = dict[str, Any]
"""Dotted path → value, of the active parameters."""


def ordered(study: Study) -> list[str]:
    """The searched paths, each behind those its conditions name. Raises StudyFileError for conditions in a circle."""
    order: list[str] = []
    waiting = list(study.search)
    while waiting:
        ready = [path for path in waiting if not set(study.search[path].when) & set(waiting)]
        if not ready:
            raise StudyFileError(f"search: the conditions of {' and '.join(waiting)} form a circle; remove one `when`")
        order.append(ready[0])
        waiting.remove(ready[0])
    return order


def is_active(study: Study, path: str, values: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a searched parameter applies, given the values of those before it and the file's settings."""

    def holds(other: str, allowed: tuple[Any, ...]) -> bool:
        if other in study.search:
            return other in values and values[other] in allowed
        return setting(settings, other) in allowed

    return all(holds(other, allowed) for other, allowed in study.search[path].when.items())


def assignments(study: Study, candidates: Callable[[str], Sequence[Any]]) -> Iterator[Values]:
    """Every way to give each active parameter one of its `candidates(path)`; these are asked for only as needed."""
    order = ordered(study)
    of_file = any(other not in study.search for path in order for other in study.search[path].when)
    settings = write(study) if of_file else {}  # a search asks this for every trial, and it takes a millisecond

    def extend(position: int, values: Values) -> Iterator[Values]:
        if position == len(order):
            yield values
        elif not is_active(study, order[position], values, settings):
            yield from extend(position + 1, values)
        else:
            for value in candidates(order[position]):
                yield from extend(position + 1, values | {order[position]: value})

    return extend(0, {})


def setting(settings: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of a study file's mapping, a list as a tuple. Raises KeyError where there is none."""
    node: Any = settings
    for key in keys_of(path):
        if not isinstance(node, Mapping):
            raise KeyError(path)
        node = node[key]
    return tuple(node) if isinstance(node, list) else node


def is_set(settings: Mapping[str, Any], path: str, allowed: tuple[Any, ...]) -> bool:
    """Whether a study file's mapping has one of these values at a dotted path."""
    try:
        return setting(settings, path) in allowed
    except KeyError:
        return False


def release(study: Study, fixed: Sequence[str], *, kept: Collection[str] = ()) -> Study:
    """The study that no longer searches `fixed` paths, what lies under or over them, and what then is never active.

    Points to try first that agree with what is fixed are kept, without it. What is to be `kept` is searched all the
    same.
    """
    if study.contestants:
        return _release_contestants(study, fixed)
    free = [path for path in study.search if path in kept or not touched(path, fixed)]
    search = {path: study.search[path] for path in free}
    settings = write(study)

    def impossible(path: str) -> bool:
        if path in kept:
            return False
        when = search[path].when
        return any(other not in search and not is_set(settings, other, when[other]) for other in when)

    while dropped := [path for path in search if impossible(path)]:
        for path in dropped:
            del search[path]
    balance = study.tune.balance if study.tune.balance in search else None
    first = tuple(
        {path: value for path, value in point.items() if path in search}
        for point in study.tune.first
        if all(path in search or is_set(settings, path, (value,)) for path, value in point.items())
    )
    return replace(study, search=search, tune=replace(study.tune, balance=balance, first=first))


def touched(path: str, others: Collection[str]) -> bool:
    """Whether one of the others is this path, lies under it, or over it."""
    return any(f"{path}.".startswith(f"{other}.") or other.startswith(f"{path}.") for other in others)


def _release_contestants(study: Study, fixed: Sequence[str]) -> Study:
    """The same for the file's search and for those of all contestants; what is never active each finds for itself."""
    settings = write(study)

    def free(search: Mapping[str, SearchedParameter]) -> dict[str, SearchedParameter]:
        return {path: parameter for path, parameter in search.items() if not touched(path, fixed)}

    contestants = {name: Contestant(one.set, free(one.search)) for name, one in study.contestants.items()}
    first = tuple(
        {path: value for path, value in point.items() if not touched(path, fixed)}
        for point in study.tune.first
        if all(not touched(path, fixed) or is_set(settings, path, (value,)) for path, value in point.items())
    )
    return replace(study, search=free(study.search), contestants=contestants, tune=replace(study.tune, first=first))
