"""From a study file's `problem` block to a `Problem`: one of ours by name, or anyone's by `package.module:attribute`."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from cnn_core.problem import Problem
from cnn_core.problems import PROBLEMS
from search_spaces.errors import StudyFileError, nearest
from search_spaces.schema import ProblemChoice


def build_problem(choice: ProblemChoice) -> Problem:
    """The chosen Problem. Raises StudyFileError where the name, the import or an option is wrong."""
    found = _import(choice.name) if ":" in choice.name else _named(choice.name)
    if isinstance(found, Problem):
        if choice.options:
            raise StudyFileError(f"problem.{next(iter(choice.options))} is not known: {choice.name} takes no options; remove it")
        return found
    if not callable(found):
        raise StudyFileError(f"problem.name: {choice.name} is a {type(found).__name__}; name a Problem or a function of one")
    problem = _call(found, choice)
    if not isinstance(problem, Problem):
        raise StudyFileError(f"problem.name: {choice.name} returned a {type(problem).__name__}; return a cnn_core.problem.Problem")
    return problem


def _named(name: str) -> Callable[..., Problem]:
    if name not in PROBLEMS:
        raise StudyFileError(f"problem.name is {name!r}; {nearest(name, PROBLEMS)}, or package.module:attribute")
    return PROBLEMS[name]


def _import(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module raises
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise StudyFileError(f"problem.name: {module_name} cannot be imported ({reason}); mend it, or install it") from None
    if not hasattr(module, attribute):
        names = [key for key in vars(module) if not key.startswith("_")]
        raise StudyFileError(f"problem.name: {module_name} has no attribute {attribute!r}; {nearest(attribute, names)}")
    return getattr(module, attribute)


def _call(function: Callable[..., Any], choice: ProblemChoice) -> Any:
    try:
        known = inspect.signature(function).parameters
        for key in choice.options:
            if key not in known and all(parameter.kind is not parameter.VAR_KEYWORD for parameter in known.values()):
                hint = nearest(key, known) if known else "remove it"
                raise StudyFileError(f"problem.{key} is not known: {choice.name} has no such option; {hint}")
        return function(**choice.options)
    except StudyFileError:
        raise
    except Exception as error:  # whatever the user's function raises
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
        raise StudyFileError(f"problem: {reason}".replace("\n", " ")) from None
