"""YAML text → mapping, more strictly than YAML: no key twice, no key that is not a text, and nothing but a mapping."""

from pathlib import Path
from typing import Any

import yaml

from search_spaces.errors import StudyFileError, shown
from search_spaces.plain import BLOCK


def text_of(path: Path) -> str:
    """A file's text. Raises StudyFileError where it has none."""
    try:
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
    """Whatever a YAML text says. Raises StudyFileError for what is not YAML, and for a key that stands there twice."""
    try:
        _check_keys(yaml.compose(text, Loader=yaml.SafeLoader), "")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StudyFileError(_complaint(error)) from None


def _check_keys(node: yaml.Node | None, path: str) -> None:
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                word = key.value if isinstance(key.value, str) else "there"
                raise StudyFileError(f"line {line}: the key {word} is not a text; put quotes around it")
            name = f"{path}.{key.value}" if path else key.value
            if key.value in lines:
                raise StudyFileError(f"{name} stands there twice, in lines {lines[key.value]} and {line}; remove one")
            lines[key.value] = line
            _check_keys(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _check_keys(item, f"{path}[{position}]")


def _complaint(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "this file"
    problem = getattr(error, "problem", None) or str(error)
    return f"{where}: this is not YAML ({problem}); mend the line".replace("\n", " ")
