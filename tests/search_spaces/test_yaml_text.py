"""Files that are no study file at all, or YAML that says something twice."""

import sys
from pathlib import Path

import pytest

from search_spaces.load import StudyFileError, load_study
from search_spaces.yaml_text import value_of

FILES = {
    "empty": ("", "this file is empty; write a study"),
    "comment only": ("# nothing\n", "this file is empty; write a study"),
    "a list": ("- 1\n- 2\n", "this file is [1, 2]; write a block of `key: value` lines"),
    "a text": ("hello\n", "this file is the text 'hello'; write a block"),
    "not YAML": (
        "study: a\n  b: [\n",
        "line 2, column 4: this is not YAML (mapping values are not allowed here); mend the line",
    ),
    "two documents": ("study: a\n---\nstudy: b\n", "line 2, column 1: this is not YAML (but found another document)"),
    "a tab": ("study: a\n\tb: 1\n", "line 2, column 1: this is not YAML"),
    "a key twice": (
        "training:\n  epochs: 1\n  epochs: 2\n",
        "training.epochs stands there twice, in lines 2 and 3; remove one",
    ),
    "a search path twice": (
        "search:\n  training.epochs: {int: [1, 2]}\n  training.epochs: {int: [1, 3]}\n",
        "search.training.epochs stands there twice, in lines 2 and 3",
    ),
    "a key twice in a list": ("a:\n  - {b: 1, b: 2}\n", "a[0].b stands there twice, in lines 2 and 2"),
    "a key that is a number": ("1: 2\n", "line 1: the key 1 is not a text; put quotes around it"),
    "a key that YAML reads as true": ("training: {on: 1}\n", "line 1: the key on is not a text; put quotes around it"),
    "a key that is a list": ("? [a]\n: 1\n", "line 1: the key there is not a text; put quotes around it"),
    "an object": ("study: !!python/object:os.system {}\n", "line 1, column 8: this is not YAML"),
}

CHR_REFUSES = "ValueError" if sys.version_info >= (3, 13) else "OverflowError"

TAGS = {
    '!!int ""': "x is '', which is no int; leave out the tag !!int",
    '!!int "-"': "x is '-', which is no int; leave out the tag !!int",
    "!!bool maybe": "x is 'maybe', which is no bool; leave out the tag !!bool",
    "!!float x": "x is x, which cannot be read (could not convert string to float: 'x'); put quotes around it",
    '!!float ""': "x is '', which is no float; leave out the tag !!float",
    "!!timestamp nope": "x is 'nope', which is no timestamp; leave out the tag !!timestamp",
    "!!binary aGk=": "x is binary data, which no setting is; write a text or a number",
    '!!python/object/apply:os.system ["true"]': "line 1, column 4: this is not YAML (could not determine a constructor",
    "!!python/name:os.system ''": "line 1, column 4: this is not YAML (could not determine a constructor",
    '"\\UFFFFFFFF"': f"this is not YAML ({CHR_REFUSES}: ",
    "{? !!str [a] : 1}": "this is not YAML (TypeError: unhashable type",
}


@pytest.mark.parametrize("text", TAGS)
def test_tags_and_escapes_that_do_not_fit_are_told(text: str) -> None:
    for what in (f"x: {text}", f"x: [{text}]"):
        with pytest.raises(StudyFileError) as caught:
            value_of(what)
        assert "\n" not in str(caught.value)
    with pytest.raises(StudyFileError) as caught:
        value_of(f"x: {text}")
    assert str(caught.value).startswith(TAGS[text])


@pytest.mark.parametrize("name", FILES)
def test_bad_files_are_named_with_the_line(tmp_path: Path, name: str) -> None:
    text, message = FILES[name]
    path = tmp_path / "quick.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyFileError) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"quick.yaml: {message}")
    assert "\n" not in str(caught.value)


def test_a_binary_file(tmp_path: Path) -> None:
    path = tmp_path / "quick.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(
        StudyFileError, match=r"^quick.yaml: this file cannot be read: it is not UTF-8 text; write a YAML file"
    ):
        load_study(path)
