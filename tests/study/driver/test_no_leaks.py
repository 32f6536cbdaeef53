"""A study whose test data are others tries the same, prunes the same, and keeps the same projections."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cnn_core.solvers import AdamProjection
from search_spaces.contestants import CONTESTANT
from search_spaces.schema import Scheduler, Study
from study.driver.runner import run
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from tests.study.competing import WEIGHT, competing
from tests.study.small_study import LEARNING_RATE

ACCEPTED = "projection/accepted"

OF_WAVES_TOO = ("projection/steps", "projection/residual", "projection/distance", "projection/status")
"""What is said of all projections, those of the test waves among them."""


def judged_by(amplitude: float) -> Study:
    """Contestants whose trials are pruned, and whose projections are kept or not, by validation data."""
    asha = Scheduler("asha", metric="validation/data_mse", reduction_factor=2.0)
    first = (
        {CONTESTANT: "heavy", LEARNING_RATE: 0.001, WEIGHT: 0.3},  # whose projection is better
        {CONTESTANT: "plain", LEARNING_RATE: 0.009},  # and whose is worse
    )
    study = competing(trials=10, tune={"sampler": "tpe", "scheduler": asha, "first": first})
    test = replace(study.data.test, parameters={**study.data.test.parameters, "amplitude": (amplitude,)})
    projection: Any = AdamProjection(learning_rate=0.001, max_steps=4, points=20, accept="if-better-on-validation")
    return replace(study, data=replace(study.data, test=test), projection=projection)


def chosen(directory: Path) -> list[dict[str, Any]]:
    """Of every trial all but its costs and what was measured of test waves."""
    others = ("time/", "memory/", "test/", "projected/test/", *OF_WAVES_TOO)

    def without(metrics: Any) -> dict[str, Any]:
        return {name: value for name, value in metrics.items() if not name.startswith(others)}

    return [
        {
            "values": record.values, "method": record.method, "status": record.status,
            "history": [without(metrics) for _, _, metrics in record.history], "metrics": without(record.metrics),
        }
        for record in Journal(directory).trials().values()
    ]  # fmt: skip


@pytest.mark.ray
@pytest.mark.slow
def test_test_data_choose_nothing(tmp_path: Path) -> None:
    for name, amplitude in (("one", 1.0), ("other", 50.0)):
        assert run(judged_by(amplitude), directory=tmp_path / name).error is None
    one, other = chosen(tmp_path / "one"), chosen(tmp_path / "other")
    assert one == other
    errors = [
        {trial: record.metrics.get("test/data_mse") for trial, record in Journal(tmp_path / name).trials().items()}
        for name in ("one", "other")
    ]
    done = [trial for trial, error in errors[0].items() if error is not None]
    assert done and all(errors[0][trial] != errors[1][trial] for trial in done)
    # it is seen only where there was something to choose
    assert {trial["status"] for trial in one} == {TrialStatus.COMPLETED, TrialStatus.PRUNED}
    assert {trial["metrics"].get(ACCEPTED) for trial in one if ACCEPTED in trial["metrics"]} == {0.0, 1.0}
    assert (
        [trial["method"] for trial in one] == [trial["values"][CONTESTANT] for trial in one] == ["heavy", "plain"] * 5
    )
