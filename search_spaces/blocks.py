"""A block of a study file ↔ a dataclass.

`read` follows the type hints: a union of dataclasses is chosen by its tag (`name` or `solver`), where a class without a
tag takes names that are none of ours, and unknown keys are refused with the nearest known one. `write` is its inverse,
with every default spelled out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from search_spaces.errors import StudyFileError, UnknownKeyError, near, nearest, shown
from search_spaces.forms import CONDENSE, EXPAND, INLINE
from search_spaces.plain import BLOCK, adapter_of, expected, read_plain

T = TypeVar("T")

TAGS = ("name", "solver")
"""The keys that choose a block's variant."""

MOST_PLACES = 3
"""Of a key that stands elsewhere; more would be a guess."""

OWN = "package.module:attribute"
"""What names a variant that is none of ours, where a block has one."""


def read(cls: type[T], raw: Any, path: str = "", *, expected: str = BLOCK) -> T:
    """The dataclass that the mapping `raw` describes. Raises StudyFileError naming the key under `path`."""
    raw = EXPAND[cls](raw, path) if cls in EXPAND else raw
    _require_block(raw, path or "the file", expected)
    slots = slots_of(cls)
    for key in raw:
        if key not in slots:
            raise UnknownKeyError(_join(path, key), _hint(cls, key, slots, path))
    for key, slot in slots.items():
        if slot.required and key not in raw:
            raise StudyFileError(f"{_join(path, key)} is missing; write {slot.expected}")
    paths = {key: path if key == INLINE.get(cls) else _join(path, key) for key in raw}
    values = {key: _read_slot(slots[key], value, paths[key]) for key, value in raw.items()}
    try:
        return cls(**values)
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
    """What may stand at a field: one of `classes`, or what `adapter` accepts; or, by free keys, what `many` says."""

    classes: tuple[type, ...]
    adapter: TypeAdapter[Any] | None
    required: bool
    many: "Slot | None" = None

    @property
    def expected(self) -> str:
        """What to write here, in words."""
        if self.classes:
            example = _example(self.classes)
            return f"a block such as {example}" if example else BLOCK
        return BLOCK if self.adapter is None else expected(self.adapter)


def _example(classes: tuple[type, ...]) -> str:
    """The first variant by its tag and what it must have; or by its first number. Empty for one of another form."""
    cls = next(filter(tag_of, classes), classes[0])
    if cls in EXPAND or cls in INLINE:
        return ""
    tag = [": ".join(tag)] if (tag := tag_of(cls)) else []
    needed = [f"{name}: …" for name, slot in slots_of(cls).items() if slot.required]
    numbers = [f"{one.name}: {one.default}" for one in fields(cls) if isinstance(one.default, int | float)]
    written = [*tag, *needed] or numbers[:1]
    return f"{{{', '.join(written)}}}" if written else ""


@cache
def slots_of(cls: type) -> dict[str, Slot]:
    """The fields of a dataclass, by name."""
    hints = get_type_hints(cls, include_extras=True)
    return {
        field.name: _slot(hints[field.name], required=field.default is MISSING and field.default_factory is MISSING)
        for field in fields(cls)
    }


@cache
def tag_of(cls: type) -> tuple[str, str] | None:
    """The tag's key and this class's value of it, where the class is one variant of a block."""
    hints = get_type_hints(cls)
    for key in TAGS:
        if get_origin(hints.get(key)) is Literal and len(values := get_args(hints[key])) == 1:
            return key, values[0]
    return None


@cache
def keys_below(cls: type) -> tuple[frozenset[str], frozenset[str]]:
    """All keys at any depth of a block, whichever variants are chosen; and those of them that hold a block."""
    keys, blocks = set[str](), set[str]()
    for name, slot in slots_of(cls).items():
        keys.add(name)
        if slot.classes:
            blocks.add(name)
        for found, held in map(keys_below, slot.classes):
            keys, blocks = keys | found, blocks | held
    return frozenset(keys), frozenset(blocks)


def _slot(hint: Any, *, required: bool) -> Slot:
    if get_origin(hint) is Mapping and any(map(is_dataclass, _members(get_args(hint)[1]))):
        return Slot((), None, required, many=_slot(get_args(hint)[1], required=True))
    members = _members(hint)
    classes: tuple[Any, ...] = tuple(member for member in members if is_dataclass(member))
    plain = tuple(member for member in members if not is_dataclass(member))
    if not classes:
        return Slot((), adapter_of(hint), required)
    return Slot(classes, adapter_of(Union[plain]) if plain else None, required)  # noqa: UP007


def _members(hint: Any) -> tuple[Any, ...]:
    """The members of a union of blocks and plain types; constraints on a plain type stay with it."""
    if get_origin(hint) in (Union, UnionType):
        return tuple(inner for member in get_args(hint) for inner in _members(member))
    if get_origin(hint) is Annotated and any(is_dataclass(member) for member in _members(get_args(hint)[0])):
        return _members(get_args(hint)[0])
    return (hint,)


def _read_slot(slot: Slot, raw: Any, path: str) -> Any:
    if slot.many is not None:
        _require_block(raw, path)
        return {key: _read_slot(slot.many, value, _join(path, key)) for key, value in raw.items()}
    if slot.adapter is not None and not (slot.classes and isinstance(raw, dict)):
        return read_plain(slot.adapter, raw, path, [slot.expected] if slot.classes else [])
    return read(_choose(slot, raw, path), raw, path, expected=slot.expected)


def _choose(slot: Slot, raw: Any, path: str) -> type:
    variants = {tag: cls for cls in slot.classes if (tag := tag_of(cls))}
    if not variants:
        return slot.classes[0]
    _require_block(raw, path, slot.expected)
    key = next(iter(variants))[0]
    names = [name for _, name in variants]
    if key not in raw:
        raise StudyFileError(f"{path}.{key} is missing; write one of: {', '.join(names)}")
    own = next((cls for cls in slot.classes if not tag_of(cls)), None)
    if own is not None and isinstance(raw[key], str) and ":" in raw[key]:
        return own
    if raw[key] not in names:
        others = f", or {OWN}" if own is not None else ""
        raise StudyFileError(f"{path}.{key} is {shown(raw[key])}; {nearest(raw[key], names)}{others}")
    return variants[key, raw[key]]


def _hint(cls: type, key: str, slots: Mapping[str, Slot], path: str) -> str:
    if not (tag := tag_of(cls)):
        below = [] if near(key, list(slots)) else [_join(path, one) for one in dict.fromkeys(_below(cls, key))]
        return f"; write {' or '.join(below)}" if 0 < len(below) <= MOST_PLACES else f"; {nearest(key, slots)}"
    known = [name for name in slots if name != tag[0]]
    return f" for {tag[1]}; {nearest(key, known, hidden=tag[:1])}"


def _below(cls: type, key: str, path: str = "") -> Iterator[str]:
    """Where a key stands that was written too high up."""
    for name, slot in slots_of(cls).items():
        for block in slot.classes:
            if key in slots_of(block):
                yield f"{path}{name}.{key}"
            elif not path:
                yield from _below(block, key, f"{name}.")


def _require_block(raw: Any, path: str, expected: str = BLOCK) -> None:
    if not isinstance(raw, dict):
        raise StudyFileError(f"{path} is {shown(raw)}; write {expected}")


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
