"""Input that never ends, or that no machine holds, is refused at once: a short text can ask for very much."""

import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cnn_core import rehearsal
from cnn_core.problems import Problem
from search_spaces import checks, forms, yaml_text
from search_spaces.errors import StudyFileError
from search_spaces.load import load_study
from search_spaces.overrides import parse_setting
from tests.search_spaces.files import WAVES, error_of, load

LETTERS = "abcdefghijkl"

BOMB = "a: &a {k: 1}\n" + "".join(
    f"{new}: &{new} {{{', '.join(f'k{index}: *{old}' for index in range(8))}}}\n" for old, new in pairwise(LETTERS)
)

TOO_MANY = "this file has more than 20000 keys and values, those behind an anchor counted wherever it is used; write"
TOO_DEEP = "more than 20 blocks inside each other; write fewer"

FILES = {
    "anchors that multiply": (BOMB, f"line 1: {TOO_MANY}"),
    "anchors that multiply by merging": (BOMB.replace("k0: *", "<<: *"), f"line 1: {TOO_MANY}"),
    "a list of itself": ("study: &a [*a]\n", f"line 1: {TOO_DEEP}"),
    "a block of itself": ("study: &a {b: *a}\n", f"line 1: {TOO_DEEP}"),
    "a block merged with itself": ("study: &a\n  <<: *a\n", f"line 1: {TOO_DEEP}"),
    "deep lists": ("x: " + "[" * 10_000, f"line 1: {TOO_DEEP}"),
    "deep blocks": ("\n".join(" " * depth + "a:" for depth in range(1000)), f"line 21: {TOO_DEEP}"),
    "a long list": ("x: [" + "1, " * 21_000 + "]", f"line 1: {TOO_MANY}"),
    "a long file": ("# " + "x" * 1_000_000, "this file has more than 1000000 characters; write fewer"),
    "a number of 5,000 digits": ("x: [" + "9" * 5000 + "]", "x[0] is a number of 5000 characters; write at most 60"),
    "a number of 5,000 hexadecimal digits": ("x: 0x" + "f" * 5000, "x is a number of 5002 characters; write at most"),
    "a number of 65 bits": (
        "x: 18446744073709551616",
        "x is 18446744073709551616; write a whole number of at most 9223",
    ),
    "a number to the base 60": ("x: {y: 1:30}", "x.y is 1:30, which YAML reads as 90 (to the base 60); write 90"),
    "a fraction to the base 60": ("x: 1:30.5", "x is 1:30.5, which YAML reads as 90.5 (to the base 60); write 90.5"),
    "a number to the base 8": ("x: 010", "x is 010, which YAML reads as 8 (to the base 8); write 8"),
    "a day that is none": (
        "x: 2024-13-45",
        "x is 2024-13-45, which cannot be read (month must be in 1..12); put quotes",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_end_is_refused(tmp_path: Path, name: str) -> None:
    text, message = FILES[name]
    path = tmp_path / "quick.yaml"
    path.write_text(text, encoding="utf-8")
    started = time.process_time()
    with pytest.raises(StudyFileError) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"quick.yaml: {message}")
    assert "\n" not in str(caught.value)
    assert time.process_time() - started < 5  # a second, on a machine that is not busy


@pytest.mark.parametrize(("text", "message"), [("x=1:30", "base 60"), ("x=" + "[" * 100, "more than 20 blocks")])
def test_settings_have_the_same_bounds(text: str, message: str) -> None:
    with pytest.raises(StudyFileError, match=message):
        parse_setting(text)


def test_numbers_that_look_like_what_they_are_remain() -> None:
    for text in ("0", "-0", "0.5", "1_000", "0x1F", "1.0e-3", ".5", "0b11", "9223372036854775807"):
        assert isinstance(parse_setting(f"x={text}")[1], int | float)
    assert parse_setting("x=&a [1, 2]")[1] == [1, 2]
    assert parse_setting("x='1:30'")[1] == "1:30"


def linspace(count: Any) -> dict[str, Any]:
    return {"linspace": [2.25, 2.5, count]}


BOUNDS: list[tuple[dict[str, Any], str]] = [
    ({"data.train.amplitude": linspace(10**6)}, "data.train.amplitude.linspace[2] is 1000000; write at most 10000 val"),
    ({"data.train.amplitude": linspace(True)}, "data.train.amplitude is {linspace: [2.25, 2.5, true]}; write a list"),
    (
        {"search:training.optimizer.learning_rate": {"choice": linspace(10**6)}},
        "search.training.optimizer.learning_rate.choice.linspace[2] is 1000000; write at most 10000 values",
    ),
    (
        {"search:training.optimizer.learning_rate": {"choice": linspace(1001)}},
        "search.training.optimizer.learning_rate.choice has 1001 values; write at most 1000",
    ),
    (
        {"data.train.amplitude": linspace(5001), "data.test.amplitude": linspace(5000)},
        "data and search list 10008 values; write at most 10000 altogether",
    ),
    ({"data.train.points": 10**8}, "data.train has 200000000 points (waves × points); write at most 5000000 alto"),
    (
        {"data.test": {"amplitude": linspace(400), "frequency": linspace(400), "phase": [0.0], "points": 1}},
        "data.test has 160000 waves; write at most 100000, i.e. fewer values",
    ),
    (
        {
            "problem": {"name": "synthetic", "constraints": 100},
            "data.test": {"amplitude": [1.5], **WAVES, "points": 10**7 // 5},
        },
        "data.test takes 1.5 GiB; write fewer points, 1 GiB is the most",
    ),
    ({"network.widths": [10**5, 10**5]}, "network has 10000800001 parameters; write smaller widths, 100000000 is the"),
    ({"network.widths": [10**12, 10**12]}, "network: it has too many parameters to count; write smaller widths"),
    ({"network.widths": [2] * 101}, "network.widths has 101 layers; write at most 100"),
    ({"training.epochs": 10**15}, "training.epochs is 1000000000000000; write at most 1000000"),
    ({"tune": {"trials": 10**12}}, "tune.trials is 1000000000000; write at most 1000000"),
    ({"projection": {"solver": "lm", "points": 10**9}}, "projection.points is 1000000000; write at most 100000"),
    ({"projection": {"solver": "adam", "max_steps": 10**15}}, "projection.max_steps is 1000000000000000; write at mo"),
    (
        {"search:training.epochs": {"int": [1, 10**9]}},
        "training.epochs is 1000000000; write at most 1000000",
    ),
    (
        {"search:network.widths": {"choice": [[5], [10**5, 10**5]]}},
        "network has 10000800001 parameters; write smaller widths",
    ),
]


@pytest.mark.parametrize(("changes", "message"), BOUNDS, ids=[message[:40] for _, message in BOUNDS])
def test_what_no_machine_holds_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert error_of(tmp_path, changes).startswith(message)


@pytest.mark.slow
def test_a_search_with_more_combinations_than_can_be_walked_through_is_checked_in_part(tmp_path: Path) -> None:
    many: dict[str, Any] = {
        "search:training.batch_size": {"choice": [*range(1, 300)]},
        "search:training.epochs": {"choice": [*range(1, 300)], "when": {"training.batch_size": [*range(1, 200)]}},
        "search:network.activation": {"choice": ["tanh", "swish"], "when": {"training.batch_size": [*range(1, 200)]}},
        "search:data.train.points": {"choice": [*range(1, 300)]},
    }
    started = time.process_time()
    load(tmp_path, many)
    assert time.process_time() - started < 15
    wrong = {"choice": [*range(1, 299), 10**9], "when": {"training.batch_size": [*range(1, 200)]}}
    assert "training.epochs is 1000000000" in error_of(tmp_path, many | {"search:training.epochs": wrong})


def problem_with(residual: Any, parameters: tuple[str, ...] = ()) -> Problem:
    return Problem("many", {"x": (0.0, 1.0)}, parameters, ("u",), residual, lambda x, p: x)


ODD_PROBLEMS = {
    "thousand": (
        problem_with(lambda u, x, p: {f"r{n}": u.value[0] for n in range(1001)}),
        "1001 constraints; return at",
    ),
    "long": (problem_with(lambda u, x, p: {"r" * 101: u.value[0]}), "write a text of 1 to 100 letters in one line"),
    "lines": (problem_with(lambda u, x, p: {"a\nb": u.value[0]}), "the name 'a\\nb'; write a text of 1 to 100 letters"),
    "empty": (problem_with(lambda u, x, p: {"": u.value[0]}), "the name ''; write a text"),
    "number": (problem_with(lambda u, x, p: {1: u.value[0]}), "the name 1; write a text"),
    **{
        key: (
            problem_with(lambda u, x, p: {"r": u.value[0]}, (key,)),
            f"has a parameter {key!r}, which means something else",
        )
        for key in forms.OF_A_SPLIT
    },
}


@pytest.mark.parametrize("name", ODD_PROBLEMS)
def test_names_that_no_table_or_file_could_have_are_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, message = ODD_PROBLEMS[name]
    monkeypatch.setattr(f"{__name__}.single", own)
    assert message in error_of(tmp_path, one_solution(uniform(9), uniform(8), uniform(10)))


def test_what_is_within_the_bounds_is_read(tmp_path: Path) -> None:
    study = load(tmp_path, {"data.train.amplitude": linspace(500), "data.train.points": 2})
    assert len(study.data.train.parameters["amplitude"]) == 500
    anchors = tmp_path / "anchors.yaml"
    text = (tmp_path / "quick.yaml").read_text(encoding="utf-8")
    anchors.write_text(text.replace("widths:", "widths: &wide").replace("  epochs: 5", "  epochs: 6"), encoding="utf-8")
    assert load_study(anchors).training.epochs == 6


single = Problem(
    "single", {"x": (0.0, 1.0)}, (), ("u",), lambda u, x, p: {"r": u.gradient[0, 0] - u.value[0]}, lambda x, p: x.exp()
)


def one_solution(train: dict[str, Any], validation: dict[str, Any], test: dict[str, Any]) -> dict[str, Any]:
    return {
        "problem": f"{__name__}:single",
        "data": {"train": train, "validation": validation, "test": test},
    }


def uniform(points: int) -> dict[str, Any]:
    return {"points": points, "sampling": "uniform"}


def test_splits_of_the_same_points_are_refused(tmp_path: Path) -> None:
    for splits, name, kind in (
        (({"points": 9}, uniform(9), uniform(9)), "test", "validation"),
        ((uniform(9), uniform(9), uniform(5)), "validation", "training"),
        ((uniform(9), {"points": 4}, uniform(5)), "test", "training"),  # every other one of them
    ):
        assert error_of(tmp_path, one_solution(*splits)).startswith(
            f"data.{name}: each of its points is also a {kind} point, "
        )
    load(tmp_path, one_solution({"points": 9}, {"points": 9}, {"points": 9}))
    load(tmp_path, one_solution(uniform(9), uniform(8), uniform(10)))


def test_the_bounds_are_written_down() -> None:
    text = (Path(__file__).parents[2] / "docs" / "study-file.md").read_text(encoding="utf-8")
    told = text.partition("| what | the most |")[2].partition("\n\n")[0]
    for bound in (
        yaml_text.MOST_CHARACTERS, yaml_text.MOST_NODES, yaml_text.MOST_DEPTH, yaml_text.LONGEST_NUMBER,
        forms.MOST_VALUES, checks.MOST_CHOICES, checks.MOST_WAVES, checks.MOST_POINTS, checks.MOST_GIB,
        checks.MOST_PARAMETERS, checks.MOST_LAYERS, *checks.MOST.values(), rehearsal.MOST_RESIDUALS,
    ):  # fmt: skip
        assert re.search(rf"(?<![\d,]){bound:,}(?![\d,])", told), bound
