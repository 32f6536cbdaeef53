"""The one error that a study file can cause, and the words of errors: `where: what is wrong, got X; write Y`."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import yaml

LONGEST_SHOWN = 60
"""Characters of a list or block that an error still repeats."""

LONGEST_REASON = 400
"""Characters of somebody else's message that are repeated."""

USERS_ERRORS = (Exception, SystemExit)
"""Whatever the user's own code raises: `sys.exit` in it must not end the program without a word."""

NEEDS_A_DOT = "YAML reads numbers like this only with a dot"


class StudyFileError(ValueError):
    """What is wrong with a study file or a setting, in one line that names file and key."""


class UnknownKeyError(StudyFileError):
    """A key, at `path`, that its block does not have; `hint` says what to write instead."""

    def __init__(self, path: str, hint: str) -> None:
        super().__init__(f"{path} is not known{hint}")
        self.path = path


def reason(error: BaseException) -> str:
    """The first line of an error's message, shortened where it is very long; its type where it has no message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + "…"


def one_line(error: BaseException) -> str:
    """An error's type and the first line of its message; of our own messages about settings the message alone."""
    found = reason(error)
    kind = type(error).__name__
    return found if found == kind or isinstance(error, StudyFileError) else f"{kind}: {found}"


def nearest(word: Any, known: Iterable[str], *, hidden: Iterable[str] = ()) -> str:
    """`write KNOWN` for a misspelt word, `write one of: …` if nothing is near, `remove it` if nothing is known.

    What is `hidden` may be near, but is not listed.
    """
    known, hidden = list(known), list(hidden)
    if close := get_close_matches(str(word), [*known, *hidden], n=1, cutoff=0.5):
        return f"write {close[0]}"
    return f"write one of: {', '.join(known)}" if known else "remove it"


def shown(value: Any) -> str:
    """A value as an error shows it: `the text 'x'`, `[1, 2]`, `null`, `3`; a long one by its kind only."""
    if isinstance(value, str):
        return f"the text {value!r}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, list | tuple | dict):
        return str(value)
    text = " ".join(yaml.safe_dump(value, default_flow_style=True, sort_keys=False).split())
    return text if len(text) <= LONGEST_SHOWN else "a block" if isinstance(value, dict) else "a list"


def number_in_text(value: Any, *, whole: bool = False) -> str | None:
    """How YAML would read this text as a number, if it is one: '1e-3' → '1.0e-3', or '1e3' → '1000' where `whole`."""
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if number is None:
        return None
    if whole:
        return str(int(number)) if number.is_integer() else None
    mantissa, e, exponent = value.strip().lower().partition("e")
    if not e:
        return repr(number)
    sign = exponent[0] if exponent[:1] in "+-" else "+"
    return f"{float(mantissa)!r}e{sign}{exponent.lstrip('+-')}"
