import time

import pytest

from cnn_core.clock import SECTIONS, Clock


def test_seconds_add_up_per_section() -> None:
    clock = Clock()
    for _ in range(2):
        with clock.section("gram"):
            time.sleep(0.01)
    with clock.section("step"):
        pass
    assert 0.02 <= clock.seconds["gram"] < 1
    assert clock.seconds["step"] < 0.01
    assert clock.seconds["jacobian"] == 0


def test_a_section_that_fails_counts_too() -> None:
    clock = Clock()
    with pytest.raises(RuntimeError, match="oops"), clock.section("residual"):
        time.sleep(0.01)
        raise RuntimeError("oops")
    assert clock.seconds["residual"] >= 0.01


def test_the_sections_are_the_workbooks() -> None:
    assert SECTIONS == ("forward", "residual", "jacobian", "gram", "factorisation", "step")
