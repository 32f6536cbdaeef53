"""Plain values of a study file: numbers, texts, lists.

pydantic checks them, strictly; an error is one line that says what to write instead.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from search_spaces.errors import StudyFileError, nearest, number_hint, shown
from search_spaces.schema import CONFIG

BLOCK = "a block of `key: value` lines"

WORDS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "dict_type": BLOCK,
    "none_required": "null",
    "finite_number": "a finite number",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "missing": "a longer list",
    "too_long": "a list of {max_length} values",
    "literal_error": "",
}
"""pydantic's error types, in the words of `write …`."""


def adapter_of(hint: Any) -> TypeAdapter[Any]:
    """pydantic's checker of a type: strict, and without infinities."""
    return TypeAdapter(hint, config=CONFIG)


def read_plain(adapter: TypeAdapter[Any], raw: Any, path: str, others: Iterable[str] = ()) -> Any:
    """The value, checked; `others` says what else may stand there. Raises StudyFileError naming `path`."""
    try:
        return adapter.validate_json(json.dumps(raw, default=str))
    except ValidationError as error:
        raise StudyFileError(_explain(error.errors(), raw, path, others)) from None


def expected(adapter: TypeAdapter[Any]) -> str:
    """What the adapter accepts, in words."""
    for value in ("{}", "null"):  # what hardly any type accepts
        try:
            adapter.validate_json(value)
        except ValidationError as error:
            return " or ".join(_words(error.errors()))
    return BLOCK


def _explain(problems: Sequence[Any], raw: Any, path: str, others: Iterable[str]) -> str:
    if isinstance(raw, dict):  # among a union's members, it is meant for the one that takes a block
        depth = max(len(problem["loc"]) for problem in problems)
        problems = [problem for problem in problems if len(problem["loc"]) == depth]
    for step in problems[0]["loc"]:
        if isinstance(step, int) and isinstance(raw, list) and step < len(raw):
            raw, path = raw[step], f"{path}[{step}]"
        elif isinstance(raw, dict) and step in raw:
            raw, path = raw[step], f"{path}.{step}"
        elif not isinstance(raw, dict):  # the name of a union's member
            break
    types = {problem["type"] for problem in problems}
    if types & {"float_type", "int_type"} and (hint := number_hint(raw, whole="float_type" not in types)):
        return f"{path} is {shown(raw)}; {hint}"
    if types == {"literal_error"}:
        return f"{path} is {shown(raw)}; {nearest(raw, _literals(problems))}"
    return f"{path} is {shown(raw)}; write {' or '.join([*_words(problems), *others])}"


def _words(problems: Sequence[Any]) -> list[str]:
    words = [str(WORDS.get(problem["type"], problem["msg"])).format(**problem.get("ctx", {})) for problem in problems]
    return [*dict.fromkeys(word for word in words if word), *_literals(problems)]


def _literals(problems: Sequence[Any]) -> list[str]:
    expected = [problem["ctx"]["expected"] for problem in problems if problem["type"] == "literal_error"]
    return [literal.strip("'") for text in expected for literal in text.replace(" or ", ", ").split(", ")]
