"""What a study file names by `package.module:attribute`: imported, and called with the options that stand beside it.

Whatever goes wrong in the user's own code is one line that names the key.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from search_spaces.errors import USERS_ERRORS, StudyFileError, nearest, one_line
from search_spaces.modules import import_own
from search_spaces.plain import adapter_of, read_plain
from search_spaces.process import left_as_it_was

NOTHING: Mapping[str, Any] = {}
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def import_named(name: str, block: str) -> Any:
    """What `package.module:attribute` names. Raises StudyFileError where it cannot be imported."""
    module_name, _, attribute = name.partition(":")
    try:
        with left_as_it_was(block, module_name):
            module = import_own(module_name, block)
    except StudyFileError:
        raise
    except USERS_ERRORS as error:
        found = isinstance(error, FileNotFoundError)
        instead = "a study keeps its modules and no files that they read: copy this one there" if found else "mend it"
        raise StudyFileError(f"{block}.name: {module_name} cannot be imported ({one_line(error)}); {instead}") from None
    try:
        there = hasattr(module, attribute)
    except USERS_ERRORS as error:  # of its own __getattr__
        raise StudyFileError(f"{block}.name: {name} cannot be read ({one_line(error)}); mend it") from None
    if not there:
        names = [key for key in vars(module) if not key.startswith("_")]
        raise StudyFileError(f"{block}.name: {module_name} has no attribute {attribute!r}; {nearest(attribute, names)}")
    return getattr(module, attribute)


def call(
    function: Callable[..., Any],
    name: str,
    block: str,
    options: Mapping[str, Any],
    given: Mapping[str, Any] = NOTHING,
) -> Any:
    """The function's result for the options of its block and what we give. Raises StudyFileError."""
    checked = _checked(function, name, block, options, given)
    try:
        with left_as_it_was(block, name):
            return function(**given, **checked)
    except StudyFileError:
        raise
    except USERS_ERRORS as error:
        if isinstance(error, ValueError) and str(error):
            raise StudyFileError(f"{block}: {error}") from None
        raise StudyFileError(f"{block}.name: {name} fails ({one_line(error)}); mend it, or its options") from None


def parameters_of(function: Callable[..., Any], name: str, block: str) -> Mapping[str, inspect.Parameter]:
    """The parameters that it names. Raises StudyFileError where nobody knows them."""
    parameters = _signature(function, name, block)
    return {key: parameter for key, parameter in parameters.items() if parameter.kind not in VARIADIC}


def _signature(function: Callable[..., Any], name: str, block: str) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except Exception:  # one of Python's own, or with a signature of its own making
        raise StudyFileError(
            f"{block}.name: Python does not know which arguments {name} takes; name a function or class that is "
            "written in Python"
        ) from None


def _checked(
    function: Callable[..., Any], name: str, block: str, options: Mapping[str, Any], given: Collection[str]
) -> dict[str, Any]:
    hints, parameters = _hints(function), _signature(function, name, block)
    any_key = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    known = {key: parameter for key, parameter in parameters_of(function, name, block).items() if key not in given}
    for key in options:
        if key in given:
            raise StudyFileError(f"{block}.{key} is given by the problem and the training; remove it")
        if key not in known and not any_key:
            raise StudyFileError(f"{block}.{key} is not known: {name} has no such option; {nearest(key, known)}")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in options:
            raise StudyFileError(f"{block}.{key} is missing; {name} needs it, write its value")
    return {
        key: read_plain(adapter, value, f"{block}.{key}")
        if key in known and (adapter := _adapter(hints, key))
        else value
        for key, value in options.items()
    }


def _adapter(hints: Mapping[str, Any], key: str) -> TypeAdapter[Any] | None:
    """What checks an option by its type hint; None without one, or with one that no file's value could have."""
    try:
        return adapter_of(hints[key]) if key in hints else None
    except Exception:  # pydantic knows no such type
        return None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
    except Exception:  # names that exist for type checkers only
        return {}
