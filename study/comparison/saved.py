"""A comparison as the text of a JSON file, and back, so that its page can be drawn anew without the studies.

inf, for which JSON has no number, is the text "Infinity".
"""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from study.comparison.result import Comparison

FILE = "comparison.json"
"""Its name in the folder of a comparison."""

ADAPTER = TypeAdapter(Comparison)


def to_json(comparison: Comparison) -> str:
    """The comparison as text; `from_json` is the inverse."""
    return json.dumps(_plain(asdict(comparison)), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return "Infinity" if value == math.inf else value


def from_json(text: str) -> Comparison:
    """The comparison that `to_json` wrote. Raises ValueError, one line, naming what is wrong."""
    try:
        return ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where or 'the file'}: {first['msg']}; write the comparison anew") from None


def read_comparison(folder: Path) -> Comparison:
    """The comparison in this folder. Raises OSError where there is none, ValueError where it cannot be read."""
    try:
        return from_json((folder / FILE).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{folder / FILE}: {error}") from None
