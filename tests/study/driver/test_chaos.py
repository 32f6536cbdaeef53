"""One process of every kind is killed while a study runs; `make chaos` kills many, at other moments every time."""

from pathlib import Path

import pytest

from tests.study.driver.chaos import KINDS, Outcome, run, study


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_survives_whatever_is_killed(tmp_path: Path) -> None:
    outcome = run(tmp_path, study(3, epochs=10, seconds=0.1, at_once=2), each=1, seed=0, between=1.0)
    asked = outcome.trials_asked  # a study that ends before the last kill is made longer
    assert outcome == Outcome(
        kills=dict.fromkeys(KINDS, 1),
        trials_asked=asked,
        trials_ended=asked,
        mlflow_runs=asked,
        duplicate_steps=0,
        missing_steps=0,
        left_running=0,
    )
