"""How the command line ends: what a user can mend becomes a line for each thing, and an exit code."""

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import click

from search_spaces.errors import StudyFileError, one_line
from study.cli.interrupts import INTERRUPTED, Interrupted, interruptible

FAILED, BAD_INPUT = 1, 2

LONGEST_LINE = 1000
"""Letters of an error, which may repeat what the user wrote."""


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
        raise BadInputError(str(error) or type(error).__name__) from error


@contextmanager
def exit_codes() -> Iterator[None]:
    """Around the whole program: errors that are meant for the user become lines on stderr and an exit code."""
    _write_what_the_terminal_can()
    _have_a_home()
    try:
        with interruptible():
            yield
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code if isinstance(error, click.UsageError) else FAILED)
    except click.Abort:
        _say("interrupted")
        sys.exit(INTERRUPTED)
    except Interrupted as error:
        _say(str(error))
        sys.exit(INTERRUPTED)
    except (StudyFileError, BadInputError) as error:
        _say_errors(str(error))
        sys.exit(BAD_INPUT)
    except RunFailed as error:
        _say_errors(str(error))
        sys.exit(FAILED)
    except ValueError:
        if not _closed(sys.stdout):
            raise
        _say_errors("the output was closed by the study's own code; take sys.stdout.close() out of it")
        sys.exit(BAD_INPUT)
    except OSError as error:
        if error.errno is None:
            raise
        _forget_output(error)
        sys.exit(FAILED)
    except Ended as error:
        sys.exit(error.code)
    except BaseException as error:
        if isinstance(error, Exception):
            raise
        if isinstance(error.__context__, BrokenPipeError):  # rich's own end, for a pipe that was closed
            sys.exit(FAILED)
        # ours are above: this one is the user's
        _say_errors(f"problem.name: its module ended the program with {one_line(error)}; take sys.exit out of it")
        sys.exit(BAD_INPUT)


def unwritten(error: OSError) -> str:
    """Which file could not be read or written, and why: `where: what`."""
    return f"{error.filename or 'the output'}: {error.strerror or error}"


def _write_what_the_terminal_can() -> None:
    """A letter that the terminal's encoding lacks is a question mark there."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # one that a caller has put there
            stream.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]


def _have_a_home() -> None:
    """Without HOME, and with a user that the system does not know, as in a container, Ray cannot even be imported."""
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = tempfile.gettempdir()


def _forget_output(error: OSError) -> None:
    """Say what could not be written; if it was the output itself, Python must not try it again when it ends."""
    if error.errno != errno.EPIPE:
        _say_errors(unwritten(error))
    if error.filename is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _say_errors(text: str) -> None:
    for line in text.splitlines():
        _say(f"error: {line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + '…'}")


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # nobody reads it
        click.echo(line, err=not _closed(sys.stderr))


def _closed(stream: IO[str] | None) -> bool:
    return getattr(stream, "closed", False)
