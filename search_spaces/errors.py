"""The one error that a study file can cause, and the words of errors: `where: what is wrong, got X; write Y`."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any

import yaml

LONGEST_SHOWN = 60
"""Characters of a list or block that an error still repeats."""

LONGEST_REASON = 400
"""Characters of somebody else's message that are repeated."""

USERS_ERRORS = (Exception, SystemExit, GeneratorExit)
"""Whatever the user's own code raises: `sys.exit` in it must not end the program without a word."""

LIKE, ALMOST_EQUAL = 0.6, 0.85
"""Likeness, from 0 to 1, of words that are told as each other's nearest."""

NEEDS_A_DOT = "YAML reads numbers like this only with a dot"


class StudyFileError(ValueError):
    """What is wrong with a study file or a setting, in one line that names file and key."""


class UnknownKeyError(StudyFileError):
    """A key, at `path`, that its block does not have; `hint` says what to write instead."""

    def __init__(self, path: str, hint: str) -> None:
        super().__init__(f"{path} is not known{hint}")
        self.path = path


@contextmanager
def naming(where: str = "") -> Iterator[None]:
    """Whatever is said to be wrong is told as a StudyFileError, behind these words."""
    try:
        yield
    except ValueError as error:
        raise StudyFileError(f"{where}{error}") from None


def reason(error: BaseException) -> str:
    """The first line of an error's message, shortened where it is very long; its type where it has no message."""
    try:
        said = str(error)
    except Exception:  # of a user's class
        said = ""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
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
    if isinstance(word, str) and (close := near(word, [*known, *hidden])):
        return f"write {close}"
    return f"write one of: {', '.join(known)}" if known else "remove it"


def near(word: str, known: Sequence[str]) -> str | None:
    """The known word that is most like this one, if it is like it; else the only one that begins so, or with."""
    best = max(known, key=lambda other: _likeness(word, other), default="")
    if _likeness(word, best) >= LIKE:
        return best
    begun = [other for other in known if min(len(word), len(other)) > 2 and _begins(word, other)]
    return begun[0] if len(begun) == 1 else None


def _begins(word: str, other: str) -> bool:
    return word.startswith(other) or other.startswith(word)


def _likeness(word: str, other: str) -> float:
    """Of what differs in two paths; words with another first letter are alike only if almost equal."""
    keys, others = re.split("[./]", word.casefold()), re.split("[./]", other.casefold())
    shared = len([*takewhile(lambda pair: pair[0] == pair[1], zip(keys, others, strict=False))])
    word, other = ".".join(keys[shared:]), ".".join(others[shared:])
    ratio = SequenceMatcher(None, word, other).ratio()
    return ratio if word[:1] == other[:1] or ratio >= ALMOST_EQUAL else 0.0


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


def number_hint(value: Any, *, whole: bool = False) -> str | None:
    """Why this text is no number though it looks like one, and what to write; None where it does not."""
    number = _number_in(value, whole=whole)
    if number is None:
        return None
    why = "numbers stand without quotes" if _is_number_in_yaml(value.strip()) else NEEDS_A_DOT
    return f"{why}, write {number}"


def _is_number_in_yaml(text: str) -> bool:
    tag = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False))
    return tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def _number_in(value: Any, *, whole: bool) -> str | None:
    """How YAML would read this text as a number, if it is one: '1e-3' → '1.0e-3', or '1e3' → '1000' where `whole`."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    if whole:
        return str(int(number)) if number.is_integer() else None
    mantissa, e, exponent = value.strip().lower().partition("e")
    if not e:
        return repr(number)
    sign = exponent[0] if exponent[:1] in "+-" else "+"
    return f"{float(mantissa)!r}e{sign}{exponent.lstrip('+-')}"
