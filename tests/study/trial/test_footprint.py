"""What a trial takes: its sizes are exact; what it is measured to take is of the right kind."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cnn_core.methods import Batch, Reduction, Soft, Unconstrained
from cnn_core.methods.method import Method
from cnn_core.optimizers import Adam
from search_spaces.schema import Study
from study.trial.footprint import _seconds_of_a_step, footprint, footprints
from tests.cnn_core.graphs import pretend
from tests.cnn_core.test_capture import training_with
from tests.study.small_study import small_study


def trial(method: Method) -> Study:
    study = small_study(epochs=3)
    return replace(study, training=replace(study.training, method=method))


def test_a_trial_has_the_rows_that_its_method_factorises() -> None:
    found = {method.name: footprint(trial(method)) for method in (Unconstrained(), Batch(), Reduction())}
    assert {name: one.rows for name, one in found.items()} == {"unconstrained": 0, "batch": 10, "reduction": 1}
    for one in found.values():
        assert one.parameters == 8 * (1 + 3) + 8 + 8 + 1  # one coordinate and three parameters, eight units, one output
        assert one.steps == 3 * 4  # 40 points in batches of 10
        assert 0 < one.step_seconds < 5
        assert 0 < one.estimated_mib < 0.1
        assert one.mib == one.process_mib + max(one.estimated_mib, one.measured_mib)
    assert found["batch"].estimated_mib > found["reduction"].estimated_mib > found["unconstrained"].estimated_mib


def test_on_a_gpu_all_kinds_of_steps_are_recorded_before_they_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last batch of an epoch is smaller."""
    training = training_with(Soft(), Adam(1e-4), record=True)
    on_gpu: Any = SimpleNamespace(training=training, device=torch.device("cuda"))
    graphs, timed = pretend(monkeypatch, [training]), []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: timed.append(len(graphs)))
    assert _seconds_of_a_step(on_gpu) > 0
    assert timed == [2, 2]


@pytest.mark.slow
def test_each_is_measured_in_a_process_of_its_own() -> None:
    found = footprints({"one": trial(Unconstrained()), "other": trial(Batch())})
    assert [(name, one.rows) for name, one in found.items()] == [("one", 0), ("other", 10)]
    assert all(50 < one.process_mib < 2000 for one in found.values())
