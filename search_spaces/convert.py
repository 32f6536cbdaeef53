"""The search block → trials: what Optuna is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search_spaces.schema import Choice, Distribution, Integer, Study, Uniform
from search_spaces.when import Values, assignments

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


def suggest(study: Study, trial: BaseTrial) -> Values:
    """Ask Optuna for the values of one trial, define-by-run: inactive parameters are not asked for."""
    return next(assignments(study, lambda path: [ask(trial, path, study.search[path].distribution)]))


def ask(trial: BaseTrial, path: str, distribution: Distribution) -> Any:
    """Ask Optuna for one value."""
    match distribution:
        case Uniform(low, high, log):
            return trial.suggest_float(path, low, high, log=log)
        case Integer(low, high, log):
            return trial.suggest_int(path, low, high, log=log)
        case Choice(values):
            by_stored = {_stored(value): value for value in values}
            return by_stored[trial.suggest_categorical(path, list(by_stored))]


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


def _stored(value: Any) -> Any:
    return str(list(value)) if isinstance(value, tuple | list) else value
