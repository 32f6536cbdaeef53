"""From a study file's `problem` block to a `Problem`: ours by name, or anyone's by `package.module:attribute`."""

from collections.abc import Callable

from cnn_core.problems import PROBLEMS, Problem
from search_spaces.errors import StudyFileError, nearest
from search_spaces.own import call, import_named
from search_spaces.schema import ProblemChoice


def build_problem(choice: ProblemChoice) -> Problem:
    """The chosen Problem. Raises StudyFileError where the name, the import or an option is wrong."""
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
