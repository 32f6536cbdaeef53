"""YAML text → mapping, more strictly than YAML: no key twice, no key that is not a text, and nothing but a mapping.

Nor more than a study needs: a short text can stand for billions of values, by anchors, or for some that never end. And
no number that is another one than what it looks like: YAML 1.1 reads 1:30 as 90, and 010 as 8.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from search_spaces.errors import StudyFileError, one_line, shown
from search_spaces.plain import BLOCK
from search_spaces.regular import regular

MOST_CHARACTERS = 1_000_000
"""Of a file."""

MOST_NODES = 20_000
"""Keys and values of a file, those behind an anchor counted wherever it is used."""

MOST_DEPTH = 20
"""Blocks and lists inside each other."""

LARGEST = 2**63 - 1
"""Of whole numbers."""

LONGEST_NUMBER = 60
"""Characters of a number; longer ones are not even converted."""

TAG = "tag:yaml.org,2002:"
NUMBERS = (f"{TAG}int", f"{TAG}float")


def text_of(path: Path) -> str:
    """A file's text. Raises StudyFileError where it has none."""
    try:
        _require(
            regular(path).stat().st_size <= MOST_CHARACTERS, f"this file has more than {MOST_CHARACTERS} characters"
        )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise StudyFileError(f"this file cannot be read: {reason}; write a YAML file") from None


def parse(text: str) -> dict[str, Any]:
    """The mapping in a YAML text. Raises StudyFileError with the line or the key that is wrong."""
    raw = value_of(text)
    if raw is None:
        raise StudyFileError("this file is empty; write a study, e.g. as helmholtz-quick.yaml has it")
    if not isinstance(raw, dict):
        raise StudyFileError(f"this file is {shown(raw)}; write {BLOCK}, e.g. as helmholtz-quick.yaml has it")
    return raw


def value_of(text: str) -> Any:
    """Whatever a YAML text says. Raises StudyFileError for what is not YAML, says something twice, or says too much."""
    _require(len(text) <= MOST_CHARACTERS, f"this text has more than {MOST_CHARACTERS} characters")
    try:
        _bound(text)
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            _Walk(loader).visit(node, "", 0)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise StudyFileError(_complaint(error)) from None
    except StudyFileError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:  # of a tag, or an escape
        raise StudyFileError(f"this is not YAML ({one_line(error)}); mend it") from None


def _bound(text: str) -> None:
    """Stop before what is nested deeper than a composer can follow, or goes on for minutes."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        _require_depth(depth, event)
        _require_count(count, event)


class _Walk:
    """Visits every node as often as it is used; `count` says how many those were."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.loader, self.count = loader, 0

    def visit(self, node: yaml.Node | None, path: str, depth: int) -> None:
        self.count += 1
        _require_count(self.count, node)
        _require_depth(depth, node)
        if isinstance(node, yaml.MappingNode):
            self._visit_block(node, path, depth)
        elif isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                self.visit(item, f"{path}[{position}]", depth + 1)
        elif isinstance(node, yaml.ScalarNode):
            self._visit_scalar(node, path)

    def _visit_block(self, node: yaml.MappingNode, path: str, depth: int) -> None:
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = _line(key)
            if key.tag not in (f"{TAG}str", f"{TAG}merge"):
                word = key.value if isinstance(key.value, str) else "there"
                raise StudyFileError(f"line {line}: the key {word} is not a text; put quotes around it")
            name = f"{path}.{key.value}" if path else key.value
            if key.value in lines:
                raise StudyFileError(f"{name} stands there twice, in lines {lines[key.value]} and {line}; remove one")
            lines[key.value] = line
            self.visit(value, name, depth + 1)

    def _visit_scalar(self, node: yaml.ScalarNode, path: str) -> None:
        text, where = node.value, path or f"line {_line(node)}"
        if node.tag in NUMBERS and len(text) > LONGEST_NUMBER:
            raise StudyFileError(f"{where} is a number of {len(text)} characters; write at most {LONGEST_NUMBER}")
        if node.tag not in (*NUMBERS, *(f"{TAG}{kind}" for kind in ("timestamp", "bool", "binary"))):
            return
        try:
            value = self.loader.construct_object(node)
        except yaml.YAMLError:
            raise
        except ValueError as error:
            raise StudyFileError(f"{where} is {text}, which cannot be read ({error}); put quotes around it") from None
        except (LookupError, TypeError, AttributeError, OverflowError):  # the tag says that it is what it is not
            kind = node.tag.removeprefix(TAG)
            raise StudyFileError(f"{where} is {text!r}, which is no {kind}; leave out the tag !!{kind}") from None
        if isinstance(value, int) and abs(value) > LARGEST:
            raise StudyFileError(f"{where} is {text}; write a whole number of at most {LARGEST}, or one like 1.0e+20")
        if base := _hidden_base(node):
            raise StudyFileError(f"{where} is {text}, which YAML reads as {value} (to the base {base}); write {value}")


def _hidden_base(node: yaml.ScalarNode) -> int | None:
    """The base of a number that looks like a decimal one, or like none."""
    if node.tag in NUMBERS and ":" in node.value:
        return 60
    return 8 if node.tag == f"{TAG}int" and re.fullmatch(r"[-+]?0[0-9_]+", node.value) else None


def _line(node: Any) -> int:
    return node.start_mark.line + 1


def _require_count(count: int, node: Any) -> None:
    if count > MOST_NODES:
        raise StudyFileError(
            f"line {_line(node)}: this file has more than {MOST_NODES} keys and values, those behind an anchor "
            "counted wherever it is used; write fewer"
        )


def _require_depth(depth: int, node: Any) -> None:
    if depth > MOST_DEPTH:
        raise StudyFileError(f"line {_line(node)}: more than {MOST_DEPTH} blocks inside each other; write fewer")


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise StudyFileError(f"{otherwise}; write fewer")


def _complaint(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "this file"
    problem = getattr(error, "problem", None) or str(error)
    return f"{where}: this is not YAML ({problem}); mend the line".replace("\n", " ")
