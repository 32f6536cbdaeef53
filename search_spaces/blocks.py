"""A block of a study file ↔ a dataclass.

`read` follows the type hints: a union of dataclasses is chosen by its tag (`name` or `solver`), unknown keys are refused with the
nearest known one, and pydantic checks every plain value, strictly. `write` is its inverse, with every default spelled out.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from search_spaces.errors import StudyFileError, UnknownKeyError, nearest, number_in_text, shown
from search_spaces.forms import CONDENSE, EXPAND
from search_spaces.schema import CONFIG

T = TypeVar("T")

TAGS = ("name", "solver")


def read(cls: type[T], raw: Any, path: str = "") -> T:
    """The dataclass that the mapping `raw` describes. Raises StudyFileError naming the key under `path`."""
    if not isinstance(raw, dict):
        raise StudyFileError(f"{path or 'the file'} is {shown(raw)}; write a block of `key: value` lines")
    raw = EXPAND[cls](raw, path) if cls in EXPAND else raw
    slots = slots_of(cls)
    for key in raw:
        if key not in slots:
            raise UnknownKeyError(f"{_join(path, key)} is not known{_variant(cls)}; {nearest(key, slots)}")
    for name, slot in slots.items():
        if slot.required and name not in raw:
            raise StudyFileError(f"{_join(path, name)} is missing; write {slot.expected}")
    values = {key: _read_value(slots[key], value, _join(path, key)) for key, value in raw.items()}
    try:
        return cls(**values)
    except StudyFileError:
        raise
    except ValueError as error:
        raise StudyFileError(f"{path}: {error}") from None


def write(value: Any) -> Any:
    """The inverse of `read`: mappings, lists and plain values."""
    if type(value) in CONDENSE:
        return CONDENSE[type(value)](value)
    if is_dataclass(value):
        names = sorted((field.name for field in fields(value)), key=lambda name: name not in TAGS)
        return {name: write(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: write(item) for key, item in value.items()}
    return [write(item) for item in value] if isinstance(value, tuple | list) else value


@dataclass(frozen=True)
class Slot:
    """What may stand at a field: blocks of these classes, or a value that the adapter accepts; a mapping holds many."""

    classes: tuple[type, ...]
    adapter: TypeAdapter[Any] | None
    required: bool
    mapping: bool

    @property
    def expected(self) -> str:
        """What to write here, in words."""
        tags = [tag for cls in self.classes if (tag := tag_of(cls))]
        if tags:
            return f"a block such as {{{tags[0][0]}: {tags[0][1]}}}"
        return "a block of `key: value` lines" if self.classes else "a value"


@cache
def slots_of(cls: type) -> dict[str, Slot]:
    """The fields of a dataclass, by name."""
    hints = get_type_hints(cls, include_extras=True)
    return {
        field.name: _slot(hints[field.name], required=field.default is MISSING and field.default_factory is MISSING)
        for field in fields(cls)
        if field.init
    }


@cache
def tag_of(cls: type) -> tuple[str, str] | None:
    """The tag's key and this class's value of it, where the class is one variant of a block."""
    hints = get_type_hints(cls)
    for key in TAGS:
        if get_origin(hints.get(key)) is Literal and len(values := get_args(hints[key])) == 1:
            return key, values[0]
    return None


def _slot(hint: Any, *, required: bool) -> Slot:
    if get_origin(hint) is Mapping or get_origin(hint) is get_origin(Mapping[str, int]):
        item = get_args(hint)[1]
        if is_dataclass(item):
            return Slot((item,), None, required, mapping=True)
    members = _members(hint)
    classes = tuple(member for member in members if is_dataclass(member))
    plain = tuple(member for member in members if not is_dataclass(member))
    accepted = hint if not classes else Union[plain] if plain else None  # noqa: UP007
    adapter = None if accepted is None else TypeAdapter(accepted, config=CONFIG)
    return Slot(classes, adapter, required, mapping=False)


def _members(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Annotated and any(is_dataclass(member) for member in _members(get_args(hint)[0])):
        return _members(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return tuple(inner for member in get_args(hint) for inner in _members(member))
    return (hint,)


def _read_value(slot: Slot, raw: Any, path: str) -> Any:
    if slot.mapping:
        if not isinstance(raw, dict):
            raise StudyFileError(f"{path} is {shown(raw)}; write a block of `key: value` lines")
        return {key: read(slot.classes[0], value, _join(path, key)) for key, value in raw.items()}
    if slot.classes and (isinstance(raw, dict) or slot.adapter is None):
        return read(_choose(slot.classes, raw, path), raw, path)
    try:
        return slot.adapter.validate_json(json.dumps(raw, default=str))
    except ValidationError as error:
        raise StudyFileError(_explain(error, raw, path, slot)) from None


def _choose(classes: tuple[type, ...], raw: Any, path: str) -> type:
    variants = {tag: cls for cls in classes if (tag := tag_of(cls))}
    if not variants or not isinstance(raw, dict):
        return classes[0]
    key = next(iter(variants))[0]
    if key not in raw:
        names = ", ".join(name for _, name in variants)
        raise StudyFileError(f"{path}.{key} is missing; write one of: {names}")
    if (key, raw[key]) not in variants:
        raise StudyFileError(f"{path}.{key} is {shown(raw[key])}; {nearest(raw[key], [name for _, name in variants])}")
    return variants[key, raw[key]]


def _explain(error: ValidationError, raw: Any, path: str, slot: Slot) -> str:
    problems = error.errors()
    for step in problems[0]["loc"]:
        if isinstance(step, int) and isinstance(raw, list) and step < len(raw):
            raw, path = raw[step], f"{path}[{step}]"
        elif isinstance(raw, dict) and step in raw:
            raw, path = raw[step], _join(path, str(step))
        else:
            break
    types = {problem["type"] for problem in problems}
    if types & {"float_type", "int_type"} and (number := number_in_text(raw)):
        return f"{path} is {shown(raw)}; YAML reads numbers like this only with a dot, write {number}"
    literals = [text for problem in problems if problem["type"] == "literal_error" for text in _literals(problem)]
    if types == {"literal_error"}:
        return f"{path} is {shown(raw)}; {nearest(raw, literals)}"
    words = [WORDS.get(problem["type"], problem["msg"]).format(**problem.get("ctx", {})) for problem in problems]
    words = [word for word in dict.fromkeys(words) if word] + [f"the text {literal!r}" for literal in literals]
    if slot.classes:
        words.append(slot.expected)
    return f"{path} is {shown(raw)}; write {' or '.join(words)}"


WORDS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "dict_type": "a block of `key: value` lines",
    "none_required": "null",
    "finite_number": "a finite number",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "missing": "a longer list",
    "too_long": "a list of {max_length} values",
    "literal_error": "",
}
"""pydantic's error types, in the words of `write …`."""


def _literals(problem: Any) -> list[str]:
    return [part for part in problem["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ") if part]


def _variant(cls: type) -> str:
    tag = tag_of(cls)
    return f" for {tag[1]}" if tag else ""


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
