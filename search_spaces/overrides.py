"""Settings laid over a study file: dotted path → value.

Setting a `name` (or `solver`) starts its block afresh with the new variant's defaults; a block that has that name
already keeps its settings. Outer blocks are set before inner ones, and a block's name before its other keys, whatever
order they were written in. A path under null creates the block; `solver: null` removes it. What stands after `search.`,
`objectives.` or `bounds.` is one key, which null removes; so is what stands after `contestants.NAME.set.` and
`contestants.NAME.search.`, and NAME, which may hold dots.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from search_spaces.blocks import TAGS, write
from search_spaces.editions import read_study
from search_spaces.errors import StudyFileError, shown
from search_spaces.schema import Study
from search_spaces.yaml_text import value_of

ONE_KEY = ("search", "objectives", "bounds")
"""Blocks whose keys hold dots or slashes themselves."""

CONTESTANTS, OF_A_CONTESTANT = "contestants", ("set", "search")
"""The block whose blocks have such keys in these two."""

BY_REGION = ("points", "sampling", "batch_size", "resample")
"""What stands alone, or is a block by region."""


def parse_setting(text: str) -> tuple[str, Any]:
    """`path=value` → (path, value), the value read as YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise StudyFileError(f"--set {text}: there is no value; write PATH=VALUE, e.g. training.epochs=5")
    try:
        return path.strip(), value_of(value)
    except StudyFileError as error:
        raise StudyFileError(f"--set {text}: the value cannot be read: {error}") from None


def together(settings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Several (path, value) as one mapping. Raises StudyFileError where one of them undoes another."""
    values: dict[str, Any] = {}
    for path, value in settings:
        if path in values and values[path] != value:
            raise StudyFileError(f"{path} is set twice, to {shown(values[path])} and to {shown(value)}; leave one out")
        values[path] = value
    result = apply({}, values)
    for path, value in values.items():
        if not _holds(result, path, value):
            others = (
                other for other in values if not _holds(apply({}, {path: value, other: values[other]}), path, value)
            )
            other = next(others, "the others")
            raise StudyFileError(f"{path} is set to {shown(value)}, and {other} undoes that; leave one of them out")
    return values


def applied(study: Study, values: Mapping[str, Any]) -> Study:
    """The study with the values set. Raises StudyFileError where it cannot be."""
    return read_study(apply(write(study), values))


def apply(raw: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a study file's mapping with the values set. Raises StudyFileError for a path through a plain value."""
    result = copy.deepcopy(dict(raw))
    for path in sorted(values, key=_turn):
        _set(result, keys_of(path), copy.deepcopy(values[path]), path)
    return result


def blocks_set(values: Mapping[str, Any]) -> list[str]:
    """The paths that the values decide; a block that is removed or replaced counts as a whole."""
    removed = {path for path, value in values.items() if value is None and _names_block(keys_of(path))}
    return [path.rpartition(".")[0] if path in removed else path for path in values]


def keys_of(path: str) -> list[str]:
    """The keys that a dotted path goes through."""
    first, _, rest = path.partition(".")
    if first == CONTESTANTS and rest:
        return [first, *_keys_of_contestant(rest.split("."))]
    return [first, rest] if first in ONE_KEY and rest else path.split(".")


def _keys_of_contestant(words: list[str]) -> list[str]:
    """A contestant's name, which may hold dots but neither of these two words, the block in it, and the one key."""
    place = next((place for place, word in enumerate(words) if word in OF_A_CONTESTANT), len(words))
    name, block, key = words[:place], words[place : place + 1], words[place + 1 :]
    return [*filter(None, (".".join(name), *block, ".".join(key)))]


def _names_block(keys: list[str]) -> bool:
    """Whether the value at these keys chooses a block's variant."""
    return keys[-1] in TAGS and keys[0] not in (*ONE_KEY, CONTESTANTS)


def _holds(raw: Mapping[str, Any], path: str, value: Any) -> bool:
    """Whether a mapping says at this path what was set there, and maybe more inside it."""
    keys = keys_of(path)
    if value is None and _names_block(keys):
        keys = keys[:-1] or keys
    node: Any = raw
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return _is_within(value, node)


def _is_within(value: Any, node: Any) -> bool:
    if isinstance(value, Mapping) and isinstance(node, Mapping):
        return all(key in node and _is_within(item, node[key]) for key, item in value.items())
    return value == node


def _turn(path: str) -> tuple[int, bool, str]:
    keys = keys_of(path)
    names_block = _names_block(keys)
    return len(keys) - names_block, not names_block, path


def _set(node: dict[str, Any], keys: list[str], value: Any, path: str) -> None:
    *outer, last = keys
    if outer and _names_block(keys):
        return _start_afresh(node, keys, value, path)
    block = _descend(node, outer, path)
    if value is None and outer and outer[0] in (*ONE_KEY, CONTESTANTS):
        block.pop(last, None)
    else:
        block[last] = value
    return None


def _start_afresh(node: dict[str, Any], keys: list[str], value: Any, path: str) -> None:
    *outer, key, tag = keys
    parent = _descend(node, outer, path)
    present = parent.get(key)
    if value is None:
        parent[key] = None
    elif not (isinstance(present, dict) and present.get(tag) == value):
        parent[key] = {tag: value}


def _descend(node: dict[str, Any], keys: list[str], path: str) -> dict[str, Any]:
    for depth, key in enumerate(keys, start=1):
        inner = node.get(key)
        if inner is None:
            inner = node[key] = {}
        if not isinstance(inner, dict):
            block = ".".join(keys[:depth])
            instead = "write a block by region" if keys[depth - 1] in BY_REGION else f"set {block}.name, too"
            raise StudyFileError(f"{path} cannot be set: {block} is {shown(inner)}; {instead}, or {block} alone")
        node = inner
    return node
