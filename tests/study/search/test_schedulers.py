from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from search_spaces.schema import Scheduler
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.search import schedulers

METRIC = "validation/data_mse"


def result(epoch: int, error: float, seconds: float) -> dict[str, Any]:
    return {"epoch": epoch, f"metrics/{METRIC}": error, "metrics/time/train_s": seconds}


def record(
    ident: str, *errors: float, status: TrialStatus = TrialStatus.COMPLETED, values: dict[str, Any] | None = None
) -> TrialRecord:
    history = [
        (epoch, 0.0, {METRIC: error, "time/train_s": 1.0 * epoch}) for epoch, error in enumerate(errors, start=1)
    ]
    return TrialRecord(ident, values or {}, "soft", status, history=history)


def decisions(scheduler: Any, *results: dict[str, Any], values: dict[str, Any] | None = None) -> list[str]:
    """What becomes of a trial that reports these, one after the other."""
    trial = Trial("new", config={"values": values or {}}, stub=True)
    controller = SimpleNamespace(get_live_trials=list)
    scheduler.on_trial_add(controller, trial)
    return [scheduler.on_trial_result(controller, trial, one) for one in results]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("asha", AsyncHyperBandScheduler), ("median", MedianStoppingRule), ("none", FIFOScheduler)],
)
def test_schedulers_by_name(name: Any, kind: type) -> None:
    assert isinstance(schedulers.build(Scheduler(name, metric=METRIC, grace=2)), kind)


def test_a_resumed_asha_knows_the_trials_that_ended() -> None:
    asha = Scheduler("asha", metric=METRIC, reduction_factor=2.0)
    ended = [record("0000", 0.1, 0.1), record("0001", status=TrialStatus.FAILED)]
    assert decisions(schedulers.build(asha, ended), result(1, 0.2, 1.0)) == [TrialScheduler.STOP]


def test_asha_grants_seconds_as_well_as_epochs() -> None:
    asha = Scheduler("asha", metric=METRIC, reduction_factor=2.0, grace_seconds=5.0)
    slow = [result(epoch, 0.2, 3.0 * epoch) for epoch in (1, 2, 3, 4)]
    made = schedulers.build(asha, [record("0000", 0.1, 0.1, 0.1, 0.1)])
    assert decisions(made, *slow[:2]) == [TrialScheduler.CONTINUE, TrialScheduler.STOP]


def test_the_median_rule_grants_seconds_as_well_as_epochs() -> None:
    median = Scheduler("median", metric=METRIC, grace_seconds=5.0)
    ended = [record(f"000{index}", 0.1, 0.1, 0.1) for index in range(4)]
    slow = [result(epoch, 0.2, 2.0 * epoch) for epoch in (1, 2, 3)]
    expected = [TrialScheduler.CONTINUE, TrialScheduler.CONTINUE, TrialScheduler.STOP]
    assert decisions(schedulers.build(median, ended), *slow) == expected


def test_what_happened_is_not_judged_again() -> None:
    median = Scheduler("median", metric=METRIC)
    ended = [*(record(f"000{index}", 0.1, 0.1) for index in range(4)), record("0004", 0.9, 0.9, 0.9)]
    assert decisions(schedulers.build(median, ended), result(1, 0.05, 1.0)) == [TrialScheduler.CONTINUE]


def test_balanced_methods_are_judged_among_themselves() -> None:
    """A method that is far behind another goes on, if it is ahead of its own trials; after a resume, too."""
    asha, path = Scheduler("asha", metric=METRIC, reduction_factor=2.0), "training.method.name"
    soft, batch = {path: "soft"}, {path: "batch"}
    ended = [record("0000", 0.1, values=batch), record("0001", 0.1, values=batch), record("0002", 5.0, values=soft)]
    alone = schedulers.build(asha, ended)
    assert decisions(alone, result(1, 4.0, 1.0), values=soft) == [TrialScheduler.STOP]
    for known in (ended, []):
        made = schedulers.build(asha, known, balance=path)
        if not known:
            assert decisions(made, result(1, 0.1, 1.0), values=batch) == [TrialScheduler.CONTINUE]
            assert decisions(made, result(1, 5.0, 1.0), values=soft) == [TrialScheduler.CONTINUE]
        assert decisions(made, result(1, 4.0, 1.0), values=soft) == [TrialScheduler.CONTINUE]
        assert decisions(made, result(1, 4.9, 1.0), values=soft) == [TrialScheduler.STOP]
        assert decisions(made, result(1, 0.2, 1.0), values=batch) == [TrialScheduler.STOP]


def test_without_a_scheduler_nothing_is_judged() -> None:
    assert type(schedulers.build(Scheduler(), balance="training.method.name")) is FIFOScheduler
