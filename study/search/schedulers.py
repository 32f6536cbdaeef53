"""Which trials end early: Tune's schedulers, which judge by epochs, with a grace time in seconds of training, too.

A costly method looks bad epoch by epoch at first, even if it is the better one per second. With `grace_seconds` no
trial is stopped before it has trained for so long; it is then judged at the next epoch at which the rule judges.

Where contestants, or values of a choice, share the trials equally, each one's trials are judged among themselves:
methods that compete for trials would otherwise end each other's, and the slower starters would never be tuned.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from search_spaces.schema import Scheduler
from study.journal.record import TrialRecord

NO_LIMIT = 10**9
EPOCH, SECONDS = "epoch", "time/train_s"

Controller = Any
"""Tune's own."""


class PatientASHA(ASHAScheduler):
    """Successive halving that stops nothing within its grace time."""

    grace_seconds = 0.0

    def on_trial_result(self, tune_controller: Controller, trial: Trial, result: dict[str, Any]) -> str:
        decision = super().on_trial_result(tune_controller, trial, result)
        return self.CONTINUE if decision == self.STOP and _is_early(result, self.grace_seconds) else decision


class PatientMedian(MedianStoppingRule):
    """The median rule that stops nothing within its grace time."""

    grace_seconds = 0.0

    def on_trial_result(self, tune_controller: Controller, trial: Trial, result: dict[str, Any]) -> str:
        decision = super().on_trial_result(tune_controller, trial, result)
        if decision == self.STOP and _is_early(result, self.grace_seconds):
            self._stopped_trials.discard(trial)
            return self.CONTINUE
        return decision


class AmongThemselves(FIFOScheduler):
    """A scheduler of its own, made by `make`, for the trials of every value of the setting `path`."""

    def __init__(self, path: str, make: Callable[[], TrialScheduler]) -> None:
        super().__init__()
        self.path, self.make = path, make
        self.schedulers: dict[str, TrialScheduler] = {}

    def of(self, values: Mapping[str, Any]) -> TrialScheduler:
        """The scheduler of a trial with these searched values."""
        value = str(values.get(self.path))
        if value not in self.schedulers:
            self.schedulers[value] = self.make()
        return self.schedulers[value]

    def on_trial_add(self, tune_controller: Controller, trial: Trial) -> None:
        self._of(trial).on_trial_add(tune_controller, trial)

    def on_trial_error(self, tune_controller: Controller, trial: Trial) -> None:
        self._of(trial).on_trial_error(tune_controller, trial)

    def on_trial_result(self, tune_controller: Controller, trial: Trial, result: dict[str, Any]) -> str:
        return self._of(trial).on_trial_result(tune_controller, trial, result)

    def on_trial_complete(self, tune_controller: Controller, trial: Trial, result: dict[str, Any]) -> None:
        self._of(trial).on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Controller, trial: Trial) -> None:
        self._of(trial).on_trial_remove(tune_controller, trial)

    def debug_string(self) -> str:
        return "; ".join(f"{value}: {one.debug_string()}" for value, one in self.schedulers.items())

    def _of(self, trial: Trial) -> TrialScheduler:
        return self.of(trial.config.get("values", {}))


def build(scheduler: Scheduler, records: Iterable[TrialRecord] = (), *, balance: str | None = None) -> TrialScheduler:
    """The scheduler of a study file, as it was after the epochs in `records`; values of `balance` have one each.

    `balance` names what trials are told apart by: a setting that is searched, or their contestants.
    """
    records = list(records)
    if balance is None or scheduler.name == "none":
        return _build(scheduler, records)
    made = AmongThemselves(balance, lambda: _build(scheduler, []))
    for value in {str(record.values.get(balance)) for record in records}:
        made.schedulers[value] = _build(scheduler, [one for one in records if str(one.values.get(balance)) == value])
    return made


def _build(scheduler: Scheduler, records: Iterable[TrialRecord]) -> TrialScheduler:
    metric, mode, grace = f"metrics/{scheduler.metric}", scheduler.mode, scheduler.grace
    match scheduler.name:
        case "asha":
            factor = scheduler.reduction_factor
            made = PatientASHA(EPOCH, metric, mode, max_t=NO_LIMIT, grace_period=grace, reduction_factor=factor)
        case "median":
            made = PatientMedian(EPOCH, metric, mode, grace_period=grace)
        case _:
            return FIFOScheduler()
    made.grace_seconds = math.inf  # what happened is not judged again
    for record in records:
        if record.status.final and record.history:
            _tell(made, record)
    made.grace_seconds = scheduler.grace_seconds
    return made


def _tell(scheduler: TrialScheduler, record: TrialRecord) -> None:
    ended: Any = Trial("ended", stub=True, trial_id=record.trial)
    controller: Controller = SimpleNamespace(get_live_trials=list)  # all that these rules ask it for
    results = [_result(epoch, metrics) for epoch, _, metrics in record.history]
    scheduler.on_trial_add(controller, ended)
    for result in results:
        scheduler.on_trial_result(controller, ended, result)
    scheduler.on_trial_complete(controller, ended, results[-1])


def _result(epoch: int, metrics: Mapping[str, float]) -> dict[str, Any]:
    return {EPOCH: epoch, **{f"metrics/{name}": value for name, value in metrics.items()}}


def _is_early(result: Mapping[str, Any], grace_seconds: float) -> bool:
    return result.get(f"metrics/{SECONDS}", 0.0) < grace_seconds
