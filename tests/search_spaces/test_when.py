"""Order and activity of searched parameters, and what is left when some are fixed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.solvers import AdamProjection
from search_spaces.errors import StudyFileError
from search_spaces.load import load_study
from search_spaces.schema import Choice, SearchedParameter, Study
from search_spaces.when import assignments, ordered, release, setting
from tests.search_spaces.files import load

NAMES = [f"training.p{index}" for index in range(5)]


QUICK = load_study("helmholtz-quick")


def searching(search: dict[str, SearchedParameter]) -> Study:
    return replace(QUICK, search=search)


@st.composite
def conditional_searches(draw: st.DrawFn) -> dict[str, SearchedParameter]:
    """Parameters with two values each, every one conditional on some of those before it, in any order."""
    search: dict[str, SearchedParameter] = {}
    for index, name in enumerate(NAMES):
        others = draw(st.sets(st.sampled_from(NAMES[:index]), max_size=2)) if index else set()
        when: dict[str, Any] = {other: (draw(st.sampled_from([0, 1])),) for other in sorted(others)}
        search[name] = SearchedParameter(Choice((0, 1)), when)
    return {name: search[name] for name in draw(st.permutations(NAMES))}


@given(conditional_searches())
def test_parameters_stand_behind_their_conditions(search: dict[str, SearchedParameter]) -> None:
    order = ordered(searching(search))
    assert sorted(order) == sorted(search)
    for path, parameter in search.items():
        assert all(order.index(other) < order.index(path) for other in parameter.when)


@given(conditional_searches())
def test_assignments_are_distinct_and_hold_what_is_active(search: dict[str, SearchedParameter]) -> None:
    found = list(assignments(searching(search), lambda path: (0, 1)))
    assert len({tuple(sorted(values.items())) for values in found}) == len(found)
    for values in found:
        for path, parameter in search.items():
            active = all(values.get(other) in allowed for other, allowed in parameter.when.items())
            assert active == (path in values)


def test_the_order_of_the_file_is_kept_otherwise() -> None:
    assert ordered(QUICK) == list(QUICK.search)


def test_conditions_in_a_circle() -> None:
    search = {
        "a": SearchedParameter(Choice((0, 1)), {"b": (0,)}),
        "b": SearchedParameter(Choice((0, 1)), {"a": (0,)}),
    }
    with pytest.raises(StudyFileError, match=r"^search: the conditions of a and b form a circle; remove one `when`$"):
        ordered(searching(search))


def test_fixing_a_parameter_drops_what_it_excludes(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "training.method": {"name": "batch"},
        "search:training.method.name": {"choice": ["soft", "batch"]},
        "search:training.method.weight.name": {"choice": ["constant"], "when": {"training.method.name": "soft"}},
        "search:training.method.weight.value": {
            "uniform": [0.0, 1.0],
            "when": {"training.method.weight.name": "constant"},
        },
        "search:training.method.gain": {"uniform": [0.1, 1.0], "when": {"training.method.name": "batch"}},
        "tune.balance": "training.method.name",
    }
    study = load(tmp_path, changes)
    released = release(study, ["training.method.name"])
    assert list(released.search) == ["training.method.gain"]
    assert released.tune.balance is None
    assert release(study, ["training.epochs"]) == study


def test_fixing_a_block_or_a_part_releases_the_parameter() -> None:
    study = replace(load_study("helmholtz-projection"), projection=AdamProjection())
    assert not any(path.startswith("projection") for path in release(study, ["projection"]).search)
    assert "training.method.weight" not in release(study, ["training.method.weight.name"]).search
    fixed = release(study, ["projection.error.name"])  # lp, as the study has it
    assert "projection.error.exponent" in fixed.search and "projection.error.delta" not in fixed.search


def test_settings_are_found_by_path() -> None:
    settings = {"a": {"b": [1, 2]}, "objectives": {"validation/data_mse": "min"}}
    assert setting(settings, "a.b") == (1, 2)
    assert setting(settings, "objectives.validation/data_mse") == "min"
    for path in ("a.c", "a.b.c", "z"):
        with pytest.raises(KeyError):
            setting(settings, path)
