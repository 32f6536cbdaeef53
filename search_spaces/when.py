"""Which searched parameters are active, and in which order they are decided.

A parameter is active when every condition in its `when` holds: the other parameter is active and has one of the values,
or the study file's setting has. Parameters are visited in file order, each behind those that its conditions name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from search_spaces.blocks import write
from search_spaces.errors import StudyFileError
from search_spaces.overrides import keys_of
from search_spaces.schema import Study

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
    order, settings = ordered(study), write(study)

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


def release(study: Study, fixed: Sequence[str]) -> Study:
    """The study that no longer searches `fixed` paths, what lies under or over them, and what then is never active.

    Points to try first that agree with what is fixed are kept, without it.
    """
    kept = [path for path in study.search if not any(_touch(path, other) for other in fixed)]
    search = {path: study.search[path] for path in kept}
    settings = write(study)

    def impossible(path: str) -> bool:
        when = search[path].when
        return any(other not in search and not _allowed(settings, other, when[other]) for other in when)

    while dropped := [path for path in search if impossible(path)]:
        for path in dropped:
            del search[path]
    balance = study.tune.balance if study.tune.balance in search else None
    first = tuple(
        {path: value for path, value in point.items() if path in search}
        for point in study.tune.first
        if all(path in search or _allowed(settings, path, (value,)) for path, value in point.items())
    )
    return replace(study, search=search, tune=replace(study.tune, balance=balance, first=first))


def _touch(path: str, other: str) -> bool:
    return f"{path}.".startswith(f"{other}.") or other.startswith(f"{path}.")


def _allowed(settings: Mapping[str, Any], path: str, allowed: tuple[Any, ...]) -> bool:
    try:
        return setting(settings, path) in allowed
    except KeyError:
        return False
