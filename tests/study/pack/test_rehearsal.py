"""Whether a pack pays is measured by some steps."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cnn_core.methods import METHODS, Batch, Reduction, Soft
from cnn_core.optimizers import Adam
from search_spaces.load import dump_yaml
from search_spaces.schema import ProblemChoice, Study
from study.pack import rehearsal
from study.pack.rehearsal import Rehearsed, rehearsed, told_of
from tests.cnn_core.graphs import pretend
from tests.cnn_core.test_capture import training_with
from tests.study.small_study import small_study


def one(study: Study) -> Rehearsed:
    return rehearsed({"it": dump_yaml(study)}, [], members=3)["it"]


def test_steps_of_small_batches_are_faster_stacked() -> None:
    found = one(small_study())
    assert found.reason is None and found.alone > 0
    assert 0 < found.ratio < 1.5  # on a machine that others use, too


@pytest.mark.parametrize("method", [Batch(warm_up=2.0, damping=1e-3), Reduction(warm_up=2.0, damping=1e-3)])
def test_methods_that_warm_up_are_measured_after_it(method: Batch | Reduction) -> None:
    study = small_study()
    study = replace(study, training=replace(study.training, method=method))
    assert one(study).reason is None


def test_what_is_not_stacked_says_why() -> None:
    study = small_study()
    found = one(replace(study, training=replace(study.training, method=METHODS["sample"]())))
    assert found == Rehearsed(reason="steps of sample are not stacked") and found.ratio == 1.0


def test_a_trial_that_cannot_begin_says_why() -> None:
    found = one(replace(small_study(), problem=ProblemChoice("tests.study.own_problems:missing")))
    assert found.reason is not None and "missing" in found.reason


def test_long_steps_are_not_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "LONG", 0.0)
    assert str(one(small_study()).reason).endswith(" s by itself")


def test_on_a_gpu_all_kinds_of_steps_are_recorded_before_they_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last batch of an epoch is smaller."""
    training = training_with(Soft(), Adam(1e-4), record=True, epochs=8)
    on_gpu: Any = SimpleNamespace(is_cuda=True)
    graphs, timed = pretend(monkeypatch, [training]), []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: timed.append(len(graphs)))
    rehearsal._seconds(training.run_epoch, on_gpu)
    assert timed == [2, 2]


def test_what_was_measured_in_words() -> None:
    found = {"soft": Rehearsed(alone=2.0, stacked=0.5), "sample": Rehearsed(reason="it is not")}
    assert told_of(found) == ["soft 0.25", "sample not stacked: it is not"]
