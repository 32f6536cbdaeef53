"""The one error that a study file can cause, and the words it uses: `where: what is wrong, got X; write Y`."""

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class StudyFileError(ValueError):
    """What is wrong with a study file or a setting, in one line that names file and key."""


class UnknownKeyError(StudyFileError):
    """A key that its block does not have."""


def nearest(word: Any, known: Iterable[str]) -> str:
    """`write KNOWN` for a misspelt word, or `write one of: …` where nothing is near."""
    known = [str(name) for name in known]
    close = get_close_matches(str(word), known, n=1, cutoff=0.6)
    return f"write {close[0]}" if close else f"write one of: {', '.join(known)}"


def shown(value: Any) -> str:
    """A value as an error shows it: `the text 'x'`, `a block`, `null`, `3`."""
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, dict):
        return "a block"
    if isinstance(value, list | tuple):
        return f"the list {json.dumps(value, default=str)}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def number_in_text(value: Any) -> str | None:
    """How YAML would read this text as a number, if it is one: '1e-3' → '1.0e-3'."""
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if number is None:
        return None
    mantissa, e, exponent = value.strip().lower().partition("e")
    if not e:
        return repr(number)
    sign = exponent[0] if exponent[:1] in "+-" else "+"
    return f"{float(mantissa)!r}e{sign}{exponent.lstrip('+-')}"
