"""The stratified rank test: by hand, exact, and no more often wrong than it says."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from study.statistics.strata import compare_together

INF = math.inf


def column(*values: float) -> list[list[float]]:
    return [[value] for value in values]


def test_one_problem_is_the_rank_sum_test() -> None:
    a, b = [1.0, 2.0, 5.0, 7.0], [3.0, 4.0, 6.0, 8.0, 9.0]
    exact = mannwhitneyu(a, b, method="exact")
    found = compare_together([(column(*a), column(*b))])
    assert found.p_value == pytest.approx(float(exact.pvalue))
    assert found.share == pytest.approx(1 - float(exact.statistic) / 20)


def test_one_search_each_is_the_sign_test() -> None:
    six = [(column(1.0), column(2.0))] * 6
    assert compare_together(six).p_value == pytest.approx(2 / 2**6)
    assert compare_together([*six[:5], (column(2.0), column(1.0))]).p_value == pytest.approx(2 * 7 / 2**6)
    assert compare_together(six[:5]).p_value > 0.05


def test_all_arrangements_by_hand() -> None:
    """Two problems with searches of other numbers, and ties."""
    first, second = (column(1.0, 2.0), column(2.0, 3.0, 4.0)), (column(5.0, 1.0), column(7.0, 5.0))
    ranks = [[1.0, 2.5, 2.5, 4.0, 5.0], [2.5, 1.0, 4.0, 2.5]]
    sums = [
        sum(one) / 6 + sum(two) / 5
        for one in itertools.combinations(ranks[0], 2)
        for two in itertools.combinations(ranks[1], 2)
    ]
    found, middle = 3.5 / 6 + 3.5 / 5, sum(sums) / len(sums)
    expected = np.mean([abs(one - middle) >= abs(found - middle) - 1e-12 for one in sums])
    assert compare_together([first, second]).p_value == pytest.approx(float(expected))


def test_failures_are_the_worst_and_tie() -> None:
    better = compare_together([(column(1.0, 2.0, 3.0), column(INF, INF, 4.0))] * 2)
    assert better.share == 1
    assert better.p_value < 0.01
    alike = compare_together([(column(INF, INF, INF), column(INF, INF, INF))] * 2)
    assert (alike.share, alike.p_value) == (0.5, 1.0)


def test_a_size_counts_no_more_than_a_rank() -> None:
    near = compare_together([(column(1.0, 1.1), column(1.2, 1.3))] * 3)
    assert compare_together([(column(1.0, 1.1), column(1e9, INF))] * 3) == near


def test_the_middle_of_seeds_counts() -> None:
    spread = compare_together([([[1.0, 2.0, INF]], [[3.0, 3.0, 3.0]])] * 6)
    assert spread.share == 1


def test_what_does_not_differ_is_told_apart_as_rarely_as_it_says() -> None:
    """Also where searches spread unevenly from problem to problem, and end in one of two places."""
    drawn = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        problems = []
        for problem in range(6):
            values = 10 ** (problem * drawn.normal(size=(2, 3, 1)) + 3 * drawn.integers(2, size=(2, 3, 1)))
            problems.append((values[0], values[1]))
        wrong += compare_together(problems).p_value <= 0.05
    assert wrong / 400 <= 0.075  # 5 %, and two and a half standard errors


def test_twice_the_error_on_six_problems_is_found() -> None:
    drawn = np.random.default_rng(1)
    found = 0
    for _ in range(100):
        problems = [(10 ** drawn.normal(-0.3, 0.2, (3, 1)), 10 ** drawn.normal(0, 0.2, (3, 1))) for _ in range(6)]
        found += compare_together(problems).p_value <= 0.001
    assert found >= 60


def test_no_problem_is_refused() -> None:
    with pytest.raises(ValueError, match="problems: there is none on which both took part"):
        compare_together([])
