import math

import pytest

from study.statistics.runs import FAILED, NOTHING, decades, undone
from tests.study.statistics.drawn import INF


def test_errors_count_in_decades_and_back() -> None:
    assert decades([[0.001, 10.0]]).tolist() == [[-3.0, 1.0]]
    for error in (1e-300, 1e-6, 1.0, 1e308, 0.0, INF):
        assert undone(float(decades([[error]])[0, 0])) == pytest.approx(error)


def test_what_lies_beyond_every_float_is_inf_or_0() -> None:
    assert undone(308.5) == undone(FAILED / 1000) == INF
    assert undone(-400.5) == undone(NOTHING / 1000) == 0.0


def test_a_failed_run_outweighs_an_exact_one() -> None:
    assert undone((FAILED + NOTHING) / 2) == INF


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        (
            [[1.0, math.nan]],
            "errors: search 0, seed 1 is nan; an error is a number from 0 on, and a run without one is inf",
        ),
        ([[1.0], [-2.0]], "errors: search 1, seed 0 is -2.0; an error is"),
        ([1.0, 2.0], r"errors: have the shape \(2,\); write a table of searches × seeds, with at least one of each"),
        ([[]], r"errors: have the shape \(1, 0\); write a table"),
        ([[1.0, 2.0], [3.0]], "errors: no table of numbers, searches × seeds; write inf for a run that is missing"),
        ([["many"]], "errors: no table of numbers"),
    ],
)
def test_what_is_no_table_of_errors_is_refused(errors: list, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        decades(errors)
