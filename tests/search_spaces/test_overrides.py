"""The rule of names first, on bare mappings."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import StudyFileError
from search_spaces.overrides import apply, blocks_set, parse_setting, together

RAW = {"a": {"name": "x", "p": 1, "b": {"name": "y", "q": 2}}, "n": None, "v": 3, "search": {"a.p": {"int": [1, 2]}}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a.p": 5}, {"a": {"name": "x", "p": 5, "b": {"name": "y", "q": 2}}}),
        ({"a.name": "z"}, {"a": {"name": "z"}}),
        ({"a.name": "x"}, {"a": RAW["a"]}),
        ({"a.p": 5, "a.name": "z"}, {"a": {"name": "z", "p": 5}}),
        ({"a.b.name": "w", "a.name": "z"}, {"a": {"name": "z", "b": {"name": "w"}}}),
        ({"a.b.q": 7, "a.b.name": "w", "a.name": "z"}, {"a": {"name": "z", "b": {"name": "w", "q": 7}}}),
        ({"a": {"name": "z"}, "a.p": 4}, {"a": {"name": "z", "p": 4}}),
        ({"a": {"name": "z", "p": 1}, "a.b.name": "w"}, {"a": {"name": "z", "p": 1, "b": {"name": "w"}}}),
        ({"n.solver": "s"}, {"n": {"solver": "s"}}),
        ({"n.p": 1}, {"n": {"p": 1}}),
        ({"n.p": 1, "n.solver": "s"}, {"n": {"solver": "s", "p": 1}}),
        ({"a.b.name": None}, {"a": {"name": "x", "p": 1, "b": None}}),
        ({"a.name": None}, {"a": None}),
        ({"a.p": None}, {"a": {"name": "x", "p": None, "b": {"name": "y", "q": 2}}}),
        ({"name": "top"}, {"name": "top"}),
        ({"search.a.p": None}, {"search": {}}),
        ({"search.a.b.q": {"int": [1, 3]}}, {"search": {"a.p": {"int": [1, 2]}, "a.b.q": {"int": [1, 3]}}}),
    ],
    ids=str,
)
def test_values_are_applied(values: dict[str, Any], expected: dict[str, Any]) -> None:
    assert apply(RAW, values) == {**RAW, **expected}


TOGETHER: list[list[tuple[str, Any]]] = [
    [],
    [("a.p", 1), ("a.p", 1)],
    [("a", {"name": "z"}), ("a.p", 4), ("a.b.name", "w")],
    [("a.b.name", "w"), ("a.name", "z")],
    [("n.p", 1), ("n.solver", "s")],
    [("search", {}), ("search.a.p", {"int": [1, 3]})],
    [("search.a.p", None), ("a.p", 2)],
    [("projection.solver", None), ("a.p", None)],
]


@pytest.mark.parametrize("settings", TOGETHER, ids=str)
def test_settings_that_agree_are_all_kept(settings: list[tuple[str, Any]]) -> None:
    assert together(settings) == dict(settings)


CONTRADICTING: list[tuple[list[tuple[str, Any]], str]] = [
    ([("n", None), ("v", 1), ("n.p", 1)], "n is set to null, and n.p undoes that; leave one of them out"),
    ([("n.solver", None), ("n.p", 1)], "n.solver is set to null, and n.p undoes that"),
    ([("n", {"p": 1}), ("n.p", 2)], "n is set to {p: 1}, and n.p undoes that; leave one of them out"),
    ([("a.name", "z"), ("a", {"p": 1})], "a.name is set to the text 'z', and a undoes that"),
    ([("n.solver", "s"), ("n", None)], "n.solver is set to the text 's', and n undoes that"),
    ([("search.a.p", {"int": [1, 2]}), ("search", {"a.p": {"int": [1, 3]}})], "search is set to"),
    ([("v", 3), ("v.p", 1)], "v.p cannot be set: v is 3"),
]


@pytest.mark.parametrize(("settings", "said"), CONTRADICTING, ids=str)
def test_settings_that_undo_each_other_are_refused(settings: list[tuple[str, Any]], said: str) -> None:
    for order in (settings, settings[::-1]):
        with pytest.raises(StudyFileError) as caught:
            together(order)
        assert str(caught.value).startswith(said)


def test_a_setting_has_one_value() -> None:
    with pytest.raises(StudyFileError, match=r"^a\.p is set twice, to 1 and to 2; leave one out$"):
        together([("a.p", 1), ("b.q", 3), ("a.p", 2)])


VALUES = {"a.name": "z", "a.b.name": "w", "a.b.q": 7, "a.p": None, "n.solver": "s", "n.p.name": "t", "n.p.r": 1, "v": 4}


@given(st.permutations(list(VALUES)))
def test_their_order_does_not_matter(order: list[str]) -> None:
    before = copy.deepcopy(RAW)
    assert apply(RAW, {path: VALUES[path] for path in order}) == apply(RAW, VALUES)
    assert before == RAW


def test_a_plain_value_that_may_be_a_block_by_region_says_so() -> None:
    with pytest.raises(StudyFileError, match=r"batch_size is 6; write a block by region, or t.batch_size alone$"):
        apply({"t": {"batch_size": 6}}, {"t.batch_size.interior": 3})


def test_a_plain_value_holds_no_keys() -> None:
    with pytest.raises(StudyFileError, match=r"^v\.p cannot be set: v is 3; set v\.name, too, or v alone$"):
        apply(RAW, {"v.p": 1})


def test_a_removed_block_counts_as_a_whole() -> None:
    assert blocks_set({"projection.solver": None, "training.epochs": 1}) == ["projection", "training.epochs"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("training.epochs=5", ("training.epochs", 5)),
        ("a.b = 1.0e-3", ("a.b", 1.0e-3)),
        ("a=1e-3", ("a", "1e-3")),
        ("projection=null", ("projection", None)),
        ("a=", ("a", None)),
        ("a=[1, 2]", ("a", [1, 2])),
        ("a={name: soft, weight: 2}", ("a", {"name": "soft", "weight": 2})),
        ("problem.name=package.module:attribute", ("problem.name", "package.module:attribute")),
        ("a=b=c", ("a", "b=c")),
    ],
)
def test_a_setting_is_a_path_and_a_yaml_value(text: str, expected: tuple[str, Any]) -> None:
    assert parse_setting(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training.epochs", "--set training.epochs: there is no value; write PATH=VALUE, e.g. training.epochs=5"),
        ("=5", "--set =5: there is no value; write PATH=VALUE"),
        ("a=[1", "--set a=[1: the value cannot be read: line 1, column 3: this is not YAML"),
        (
            "a={b: 1, b: 2}",
            "--set a={b: 1, b: 2}: the value cannot be read: b stands there twice, in lines 1 and 1; remove one",
        ),
    ],
)
def test_a_setting_that_is_none(text: str, message: str) -> None:
    with pytest.raises(StudyFileError) as caught:
        parse_setting(text)
    assert str(caught.value).startswith(message)


COMPETING = {"contestants": {"a.1": {"set": {"b.name": "x", "b.p": None}, "search": {"b.q": {"int": [1, 2]}}}}}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "contestants.a.1.set.b.name",
            "y",
            {"a.1": {"set": {"b.name": "y", "b.p": None}, "search": {"b.q": {"int": [1, 2]}}}},
        ),
        ("contestants.a.1.set.b.name", None, {"a.1": {"set": {"b.p": None}, "search": {"b.q": {"int": [1, 2]}}}}),
        ("contestants.a.1.search.b.q", None, {"a.1": {"set": {"b.name": "x", "b.p": None}, "search": {}}}),
        ("contestants.a.1.set", {}, {"a.1": {"set": {}, "search": {"b.q": {"int": [1, 2]}}}}),
        ("contestants.a.1", None, {}),
        ("contestants.name", {"set": {}}, {**COMPETING["contestants"], "name": {"set": {}}}),
        ("contestants.solver.set.b.solver", "s", {**COMPETING["contestants"], "solver": {"set": {"b.solver": "s"}}}),
        ("contestants", {}, {}),
    ],
    ids=str,
)
def test_contestants_have_names_with_dots_and_one_key_after_them(path: str, value: Any, expected: Any) -> None:
    assert apply(COMPETING, {path: value}) == {"contestants": expected}
    assert together([(path, value)]) == {path: value}
    assert blocks_set({path: value}) == [path]
