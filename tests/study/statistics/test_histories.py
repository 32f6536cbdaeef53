import math

import numpy as np
import pytest

from study.statistics.histories import course
from tests.study.statistics.drawn import INF


def test_the_best_value_so_far_in_the_order_of_time() -> None:
    found = course([(5.0, 2.0), (1.0, 3.0), (9.0, 4.0), (7.0, INF)])
    assert found.seconds.tolist() == [1.0, 5.0, 7.0, 9.0]
    assert found.best.tolist() == [3.0, 2.0, 2.0, 2.0]


def test_before_the_first_trial_there_is_nothing_and_after_the_last_it_stays() -> None:
    found = course([(1.0, 3.0), (5.0, 2.0)])
    assert found.at(np.array([0.0, 1.0, 4.9, 5.0, 100.0])).tolist() == [INF, 3.0, 3.0, 2.0, 2.0]
    assert course([]).at(np.array([1.0])).tolist() == [INF]


def test_when_a_target_is_reached() -> None:
    found = course([(1.0, 3.0), (5.0, 2.0)])
    assert [found.reached(target) for target in (4.0, 3.0, 2.5, 1.0)] == [1.0, 1.0, 5.0, INF]
    assert course([]).reached(1.0) == INF


@pytest.mark.parametrize("entry", [(1.0, math.nan), (math.nan, 1.0), (-1.0, 1.0), (INF, 1.0)])
def test_what_is_no_history_is_refused(entry: tuple[float, float]) -> None:
    with pytest.raises(
        ValueError, match=r"history: trial 1 is .*; write finite seconds from 0 on, and inf for a trial"
    ):
        course([(1.0, 1.0), entry])
