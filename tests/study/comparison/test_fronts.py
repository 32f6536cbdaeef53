import math
from dataclasses import replace

from study.comparison.fronts import front, hypervolumes, points
from tests.study.comparison.made_up import CONSTRAINT, entry, problem

ENTRIES = (
    entry("soft", [[0.1, 0.2, 0.3]], constraint=1e-2),
    entry("batch", [[1.0]], constraint=1e-4),
    entry("null-space", [[0.5]], constraint=1e-3),
    entry("sample", [[0.5]], constraint=1e-1),
    entry("reduction", [[math.inf]]),
)
WAVES = problem("waves", *ENTRIES)


def test_a_point_is_a_searchs_medians_over_its_seeds() -> None:
    first, *_ = points(WAVES)
    assert (first.label, first.number, first.errors) == ("soft", 1, (0.2, 1e-2))


def test_failed_searches_have_no_point() -> None:
    assert [point.label for point in points(WAVES)] == ["soft", "batch", "null-space", "sample"]


def test_the_front_is_what_nothing_beats() -> None:
    assert [point.label for point in front(points(WAVES))] == ["soft", "null-space", "batch"]


def test_hypervolumes_are_up_to_the_largest_errors() -> None:
    found = hypervolumes(points(WAVES))
    assert found["batch"] == 0.0  # at the border
    assert found["soft"] > found["null-space"] > found["sample"] == 0.0
    assert hypervolumes(()) == {}


def test_without_a_solution_nothing_trades_off() -> None:
    assert points(replace(WAVES, error=CONSTRAINT)) == ()
