"""From a study file's `problem` block to a `Problem`: ours by name, or anyone's by `package.module:attribute`."""

from collections.abc import Callable
from dataclasses import replace

from cnn_core.problems import PROBLEMS, Problem
from search_spaces.errors import StudyFileError, nearest
from search_spaces.own import call, import_named
from search_spaces.schema import ProblemChoice


def build_problem(choice: ProblemChoice) -> Problem:
    """The chosen Problem, with its unknowns. Raises StudyFileError where name, import, option or unknown is wrong."""
    problem = _build(choice)
    if not choice.unknown:
        return problem
    try:
        return replace(problem, unknowns={**problem.unknowns, **choice.unknown})
    except ValueError as error:
        raise StudyFileError(f"problem.unknown: {error}") from None


def _build(choice: ProblemChoice) -> Problem:
    found = import_named(choice.name, "problem") if ":" in choice.name else _named(choice.name)
    if isinstance(found, Problem):
        if choice.options:
            key = next(iter(choice.options))
            raise StudyFileError(f"problem.{key} is not known: {choice.name} takes no options; remove it")
        return found
    if not callable(found):
        kind = type(found).__name__
        raise StudyFileError(f"problem.name: {choice.name} is a {kind}; name a Problem, or a function that returns one")
    problem = call(found, choice.name, "problem", choice.options)
    if not isinstance(problem, Problem):
        kind = type(problem).__name__
        raise StudyFileError(f"problem.name: {choice.name} returned a {kind}; return a cnn_core.problems.Problem")
    return problem


def _named(name: str) -> Callable[..., Problem]:
    if name not in PROBLEMS:
        raise StudyFileError(f"problem.name is {name!r}; {nearest(name, PROBLEMS)}, or package.module:attribute")
    return PROBLEMS[name]
