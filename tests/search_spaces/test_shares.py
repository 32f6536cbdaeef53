"""Shares of rows: every row in one of them, the rows of a point together, and the same in every order of the file."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import StudyFileError
from search_spaces.shares import keys_of, part, require_disjoint

few = st.integers(0, 3).map(float)
POINTS = st.lists(st.tuples(few, few), min_size=1, max_size=40).map(np.array)
FRACTION = st.floats(0.0, 1.0)
ORDERS = st.sampled_from(["random", "file"])


def sorted_keys(points: np.ndarray, order: Any = "random") -> np.ndarray:
    return np.sort(keys_of(points, order))


def size(keys: np.ndarray, low: float, high: float) -> slice:
    """The rows of a share, also where there are none."""
    try:
        return part(keys, (low, high))
    except StudyFileError:
        return slice(0, 0)


@given(POINTS, st.lists(FRACTION, max_size=4), ORDERS)
def test_shares_that_touch_leave_no_row_out_and_have_none_in_common(
    points: np.ndarray, ends: list[float], order: Any
) -> None:
    keys = sorted_keys(points, order)
    cuts = sorted({0.0, *ends, 1.0})
    rows = [row for low, high in pairwise(cuts) for row in range(len(keys))[size(keys, low, high)]]
    assert rows == list(range(len(keys)))


@given(POINTS, FRACTION)
def test_the_rows_of_a_point_stay_together(points: np.ndarray, end: float) -> None:
    keys = keys_of(points, "random")
    at = np.argsort(keys, kind="stable")
    first, second = (points[at][size(keys[at], *share)] for share in ((0.0, end), (end, 1.0)))
    assert not {tuple(point) for point in first} & {tuple(point) for point in second}


@given(POINTS, st.randoms(use_true_random=False))
def test_the_order_is_the_points_own(points: np.ndarray, random: Any) -> None:
    moved = list(range(len(points)))
    random.shuffle(moved)
    assert keys_of(points[moved], "random").tolist() == keys_of(points, "random")[moved].tolist()


@given(st.integers(1, 200), FRACTION, FRACTION)
def test_different_points_are_cut_where_the_share_says(count: int, low: float, high: float) -> None:
    low, high = min(low, high), max(low, high)
    points = np.arange(count, dtype=np.float64)[:, None]
    found = size(sorted_keys(points), low, high)
    start, stop = round(low * count), round(high * count)
    assert found == slice(start, stop) or (found == slice(0, 0) and start == stop)


def test_a_cut_moves_to_the_nearer_end_of_a_points_rows() -> None:
    keys = np.array([1, 2, 2, 2, 2, 2, 9, 9], dtype=np.uint64)
    assert [part(keys, (0.0, end / 8)).stop for end in (2, 3, 4, 5, 6)] == [1, 1, 6, 6, 6]


def test_the_order_is_the_same_on_every_machine() -> None:
    points = np.array([[0.0, 0.5], [1.0, -2.0], [1e-3, 7.0]])
    assert keys_of(points, "random").tolist() == [
        9887607082451845555,
        2942544876307637804,
        6305567855765449784,
    ]


def test_the_order_is_as_if_drawn() -> None:
    """A grid's points, in its order, end up anywhere; and a share's mean is that of all."""
    grid = np.stack(np.meshgrid(*[np.linspace(0.0, 1.0, 100)] * 2), axis=-1).reshape(-1, 2)
    places = np.argsort(np.argsort(keys_of(grid, "random")))
    assert abs(np.corrcoef(places, np.arange(len(grid)))[0, 1]) < 0.03
    half = grid[places < len(grid) // 2]
    assert half.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.015)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        ((0.5, 0.2), "[0.5, 0.2]"),
        ((0.5, 0.5), "[0.5, 0.5]"),
        ((-0.1, 0.5), "[-0.1, 0.5]"),
        ((0, 2), "[0.0, 2.0]"),
        ((float("nan"), 1.0), "[nan, 1.0]"),
        ((0.0, float("inf")), "[0.0, inf]"),
    ],
)
def test_a_share_is_a_part_of_the_whole(share: tuple[float, float], shown: str) -> None:
    with pytest.raises(StudyFileError) as caught:
        part(np.arange(10), share)
    assert str(caught.value) == f"share is {shown}; write two numbers from 0 to 1, the smaller one first"


@pytest.mark.parametrize(("count", "points"), [(3, 3), (3, 1), (1, 1)])
def test_a_share_without_rows_is_refused(count: int, points: int) -> None:
    keys = np.sort(np.arange(count, dtype=np.uint64) % points)
    words = (
        f"share \\[0.4, 0.45\\] holds none of the {count} rows \\({points} different points\\); write a larger share"
    )
    with pytest.raises(StudyFileError, match=words):
        part(keys, (0.4, 0.45))


A, B = Path("a.csv"), Path("b.csv")


@pytest.mark.parametrize(
    "shares",
    [
        {},
        {
            "train": (A, (0.0, 0.6), "random"),
            "validation": (A, (0.6, 0.8), "random"),
            "test": (A, (0.8, 1.0), "random"),
        },
        {"train": (A, (0.6, 1.0), "file"), "validation": (A, (0.0, 0.6), "file")},
        {"train": (A, (0.0, 1.0), "random"), "validation": (B, (0.0, 1.0), "file")},
    ],
    ids=["none", "they touch", "the later rows first", "other files"],
)
def test_shares_that_only_touch_are_taken(shares: Mapping[str, Any]) -> None:
    require_disjoint(shares)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (
            (A, (0.0, 0.6), "random"),
            (A, (0.5, 0.8), "random"),
            "train and test have rows of a.csv in common: the shares [0.0, 0.6] and [0.5, 0.8] overlap; "
            "write shares that only touch, as [0.0, 0.6] and [0.6, 1.0]",
        ),
        ((A, (0.0, 1.0), "file"), (A, (0.2, 0.3), "file"), "train and test have rows of a.csv in common"),
        ((A, (0.0, 1.0), "random"), (Path("down/../a.csv"), (0, 1), "random"), "train and test have rows of a.csv in"),
        (
            (A, (0.0, 0.5), "random"),
            (A, (0.5, 1.0), "file"),
            "train and test read a.csv in the orders random and file, so that they may have rows in common; "
            "write the same order for both",
        ),
    ],
    ids=["overlap", "inside", "another path", "another order"],
)
def test_shares_that_overlap_are_refused(one: Any, other: Any, words: str) -> None:
    with pytest.raises(StudyFileError) as caught:
        require_disjoint({"train": one, "validation": (B, (0.0, 1.0), "random"), "test": other})
    assert str(caught.value).startswith(words)
