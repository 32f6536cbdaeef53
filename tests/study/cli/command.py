"""What tests say to the command line, and what they expect of its answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from search_spaces.load import dump
from tests.study.small_study import small_study


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Answer]
"""`cnn-study` with the arguments given."""


def write_file(changes: dict[str, Any], name: str = "small.yaml") -> None:
    """A study file of two epochs in the working directory, with whole blocks changed by dotted path."""
    content = dump(small_study(epochs=2))
    content["tune"]["sampler"] = "tpe"
    for path, value in changes.items():
        *outer, last = path.split(".")
        block = content
        for key in outer:
            block = block[key]
        block[last] = value
    Path(name).write_text(yaml.safe_dump(content), encoding="utf-8")


def last_object(answer: Answer) -> dict[str, Any]:
    assert answer.code == 0, answer.err
    return json.loads(answer.out.splitlines()[-1])


def assert_refused(answer: Answer, *parts: str) -> None:
    """Exit code 2, nothing of a result, and one line on stderr that holds all parts."""
    assert answer.code == 2, answer
    assert answer.out in ("", "small: starting Ray, some seconds\n")
    assert len(answer.err.splitlines()) == 1, answer.err
    assert answer.err.startswith("error: ")
    for part in parts:
        assert part in answer.err
