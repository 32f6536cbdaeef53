"""The search block → trials: what Optuna is asked, and the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from search_spaces.errors import StudyFileError
from search_spaces.schema import Choice, Distribution, Integer, Study, Uniform
from search_spaces.when import Values, assignments

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


def suggest(study: Study, trial: BaseTrial) -> Values:
    """Ask Optuna for the values of one trial, define-by-run: inactive parameters are not asked for."""
    return next(assignments(study, lambda path: [_ask(trial, path, study.search[path].distribution)]))


def grid(study: Study) -> list[Values]:
    """Every combination of choices and whole numbers, without those that differ in inactive parameters only."""
    return list(assignments(study, lambda path: grid_values(path, study.search[path].distribution)))


def stored(values: Mapping[str, Any]) -> Values:
    """Values as Optuna keeps them, for `enqueue_trial`: a list is kept as its text."""
    return {path: _stored(value) for path, value in values.items()}


def strange(study: Study, values: Mapping[str, Any]) -> str | None:
    """The first path at which a trial that the search made could not have these values; None if it could."""
    try:
        asked = next(assignments(study, lambda path: [values[path]]))
    except KeyError as missing:
        return missing.args[0]
    return next((path for path in asked if not is_possible(values[path], study.search[path].distribution)), None)


def is_possible(value: Any, distribution: Distribution) -> bool:
    """Whether a distribution takes this value; true is no number."""
    match distribution:
        case Choice(values):
            found = tuple(value) if isinstance(value, list) else value
            return any(found == one and isinstance(found, bool) == isinstance(one, bool) for one in values)
        case Integer(low, high):
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        case Uniform(low, high):
            return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def grid_values(path: str, distribution: Distribution) -> Sequence[Any]:
    """The values of one parameter on a grid. Raises StudyFileError where they are not finitely many."""
    match distribution:
        case Choice(values):
            return values
        case Integer(low, high, log=False):
            return range(low, high + 1)
    raise StudyFileError(
        f"search.{path}: a grid needs every value listed, got a range; write choice: [...] or int: [low, high]"
    )


def _ask(trial: BaseTrial, path: str, distribution: Distribution) -> Any:
    match distribution:
        case Uniform(low, high, log):
            return trial.suggest_float(path, low, high, log=log)
        case Integer(low, high, log):
            return trial.suggest_int(path, low, high, log=log)
        case Choice(values):
            by_stored = {_stored(value): value for value in values}
            return by_stored[trial.suggest_categorical(path, list(by_stored))]


def _stored(value: Any) -> Any:
    return str(list(value)) if isinstance(value, tuple | list) else value
