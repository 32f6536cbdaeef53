"""The search block → trials: which parameters are active, what Optuna is asked, and the grid.

A parameter is active when every condition in its `when` holds: the other parameter is active and has one of the values, or the
setting of the study file has. Parameters are visited in file order, each behind those that its conditions name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import optuna

from search_spaces.blocks import write
from search_spaces.errors import StudyFileError
from search_spaces.overrides import keys_of
from search_spaces.schema import Choice, Integer, Study, Uniform

Values = dict[str, Any]
"""Dotted path → value, of the active parameters."""


def suggest(study: Study, trial: optuna.trial.BaseTrial) -> Values:
    """Ask Optuna for the values of one trial, define-by-run: inactive parameters are not asked for."""
    return next(walk(study, lambda path: [_ask(trial, path, study.search[path].distribution)]))


def grid(study: Study) -> list[Values]:
    """Every combination of choices and whole numbers, without those that differ in inactive parameters only."""
    return list(walk(study, lambda path: grid_values(path, study.search[path].distribution)))


def stored(study: Study, values: Mapping[str, Any]) -> Values:
    """Values as Optuna keeps them (for `enqueue_trial`): a list is kept as its text."""
    return {path: _as_stored(value) for path, value in values.items() if path in study.search}


def walk(study: Study, candidates: Callable[[str], Sequence[Any]]) -> Iterator[Values]:
    """All assignments that take each active parameter's value from `candidates(path)`."""
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


def is_active(study: Study, path: str, values: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a searched parameter applies, given the values of those before it and the study file's settings."""
    return all(
        (values[other] in allowed if other in values else other not in study.search and setting(settings, other) in allowed)
        for other, allowed in study.search[path].when.items()
    )


def setting(settings: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of a study file's mapping. Raises KeyError where there is none."""
    node: Any = settings
    for key in keys_of(path):
        if not isinstance(node, Mapping):
            raise KeyError(path)
        node = node[key]
    return node


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


def grid_values(path: str, distribution: Uniform | Integer | Choice) -> Sequence[Any]:
    """The values of one parameter on a grid. Raises StudyFileError where there are infinitely many."""
    match distribution:
        case Choice(values):
            return values
        case Integer(low, high, log=False):
            return range(low, high + 1)
    raise StudyFileError(f"search.{path}: the grid sampler needs every value listed; write {{choice: […]}} or {{int: [low, high]}}")


def _ask(trial: optuna.trial.BaseTrial, path: str, distribution: Uniform | Integer | Choice) -> Any:
    match distribution:
        case Uniform(low, high, log):
            return trial.suggest_float(path, low, high, log=log)
        case Integer(low, high, log):
            return trial.suggest_int(path, low, high, log=log)
        case Choice(values):
            by_stored = {_as_stored(value): value for value in values}
            return by_stored[trial.suggest_categorical(path, list(by_stored))]


def _as_stored(value: Any) -> Any:
    return str(list(value)) if isinstance(value, tuple | list) else value
