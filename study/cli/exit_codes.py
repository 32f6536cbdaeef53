"""How the command line ends: what a user can mend becomes a line for each thing, and an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from search_spaces.errors import StudyFileError, one_line

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


class BadInputError(Exception):
    """What the user can mend, one line for each thing."""


class Ended(Exception):
    """A command that has said everything, and ends with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class RunFailed(Exception):
    """A command that ended without a result."""


@contextmanager
def mendable() -> Iterator[None]:
    """For calls whose documented errors are about the user's input: they become lines and exit code 2."""
    try:
        yield
    except (ValueError, FileExistsError, PermissionError, NotADirectoryError) as error:
        raise BadInputError(str(error)) from error


@contextmanager
def exit_codes() -> Iterator[None]:
    """Around the whole program: errors that are meant for the user become lines on stderr and an exit code."""
    try:
        yield
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code if isinstance(error, click.UsageError) else FAILED)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except (StudyFileError, BadInputError) as error:
        _say(error)
        sys.exit(BAD_INPUT)
    except RunFailed as error:
        _say(error)
        sys.exit(FAILED)
    except Ended as error:
        sys.exit(error.code)
    except SystemExit as error:  # ours come from here: this one is the user's
        _say(f"problem.name: its module ended the program with {one_line(error)}; take sys.exit out of it")
        sys.exit(BAD_INPUT)


def _say(error: Exception | str) -> None:
    for line in str(error).splitlines():
        click.echo(f"error: {line}", err=True)
