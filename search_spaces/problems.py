"""From a study file's `problem` block to a `Problem`: ours by name, or anyone's by `package.module:attribute`."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from cnn_core.problems import PROBLEMS, Problem
from search_spaces.errors import USERS_ERRORS, StudyFileError, nearest, one_line
from search_spaces.modules import import_own
from search_spaces.plain import adapter_of, read_plain
from search_spaces.schema import ProblemChoice

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def build_problem(choice: ProblemChoice) -> Problem:
    """The chosen Problem. Raises StudyFileError where the name, the import or an option is wrong."""
    found = import_named(choice.name) if ":" in choice.name else _named(choice.name)
    if isinstance(found, Problem):
        if choice.options:
            key = next(iter(choice.options))
            raise StudyFileError(f"problem.{key} is not known: {choice.name} takes no options; remove it")
        return found
    if not callable(found):
        kind = type(found).__name__
        raise StudyFileError(f"problem.name: {choice.name} is a {kind}; name a Problem, or a function that returns one")
    problem = _call(found, choice)
    if not isinstance(problem, Problem):
        kind = type(problem).__name__
        raise StudyFileError(f"problem.name: {choice.name} returned a {kind}; return a cnn_core.problems.Problem")
    return problem


def _named(name: str) -> Callable[..., Problem]:
    if name not in PROBLEMS:
        raise StudyFileError(f"problem.name is {name!r}; {nearest(name, PROBLEMS)}, or package.module:attribute")
    return PROBLEMS[name]


def import_named(name: str) -> Any:
    """What `package.module:attribute` names. Raises StudyFileError where it cannot be imported."""
    module_name, _, attribute = name.partition(":")
    try:
        module = import_own(module_name)
    except StudyFileError:
        raise
    except USERS_ERRORS as error:
        raise StudyFileError(f"problem.name: {module_name} cannot be imported ({one_line(error)}); mend it") from None
    try:
        there = hasattr(module, attribute)
    except USERS_ERRORS as error:  # of its own __getattr__
        raise StudyFileError(f"problem.name: {name} cannot be read ({one_line(error)}); mend it") from None
    if not there:
        names = [key for key in vars(module) if not key.startswith("_")]
        raise StudyFileError(f"problem.name: {module_name} has no attribute {attribute!r}; {nearest(attribute, names)}")
    return getattr(module, attribute)


def _call(function: Callable[..., Any], choice: ProblemChoice) -> Any:
    options = _checked_options(function, choice)
    try:
        return function(**options)
    except USERS_ERRORS as error:
        if isinstance(error, ValueError) and str(error):
            raise StudyFileError(f"problem: {error}") from None
        raise StudyFileError(
            f"problem.name: {choice.name} fails ({one_line(error)}); mend it, or its options"
        ) from None


def _checked_options(function: Callable[..., Any], choice: ProblemChoice) -> dict[str, Any]:
    parameters = _parameters(function, choice.name)
    hints = _hints(function)
    any_key = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    known = {key: parameter for key, parameter in parameters.items() if parameter.kind not in VARIADIC}
    for key in choice.options:
        if key not in known and not any_key:
            raise StudyFileError(f"problem.{key} is not known: {choice.name} has no such option; {nearest(key, known)}")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in choice.options:
            raise StudyFileError(f"problem.{key} is missing; {choice.name} needs it, write its value")
    return {
        key: read_plain(adapter, value, f"problem.{key}")
        if key in known and (adapter := _adapter(hints, key))
        else value
        for key, value in choice.options.items()
    }


def _parameters(function: Callable[..., Any], name: str) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except Exception:  # one of Python's own, or with a signature of its own making
        raise StudyFileError(
            f"problem.name: Python does not know which arguments {name} takes; name a function that is written "
            "with def, and returns a Problem"
        ) from None


def _adapter(hints: Mapping[str, Any], key: str) -> TypeAdapter[Any] | None:
    """What checks an option by its type hint; None without one, or with one that no file's value could have."""
    try:
        return adapter_of(hints[key]) if key in hints else None
    except Exception:  # pydantic knows no such type
        return None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:  # names that exist for type checkers only
        return {}
