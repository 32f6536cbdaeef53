"""The benchmark of intervals and tests: its constructions by hand, and its table."""

import json

import numpy as np
import pytest

from benchmarks.coverage import PARTS, basins, main, pooled, resampled, runs
from study.statistics.middles import median


def test_what_is_drawn_spreads_as_it_should() -> None:
    errors = np.log10(runs(np.random.default_rng(0), 2000, 2.0))
    assert abs(np.median(errors)) < 0.05
    assert np.mean(np.var(errors, axis=1, ddof=1)) == pytest.approx(0.3**2, rel=0.05)
    assert np.var(np.mean(errors, axis=1)) == pytest.approx(0.6**2 + 0.3**2 / 10, rel=0.1)
    assert 0.4 < np.isinf(basins(np.random.default_rng(0), 1000, worse=np.inf)[:, 0]).mean() < 0.6


def test_equal_searches_have_an_interval_of_their_seeds_alone() -> None:
    errors, generator = np.array([[1.0, 10.0, 100.0]] * 3), np.random.default_rng(0)
    assert resampled(errors, median, generator) == pooled(errors, median, generator) == (1.0, 100.0)
    assert resampled(np.ones((3, 4)), median, generator) == (1.0, 1.0)


def test_the_table_and_its_json(capsys) -> None:
    main(["--repetitions", "2", "--json"])
    *table, last = capsys.readouterr().out.splitlines()
    rows = json.loads(last)
    assert len(rows) == len(table)
    assert {row["part"] for row in rows} == set(PARTS)
    assert all(0 <= row["ours"] <= 100 for row in rows)
