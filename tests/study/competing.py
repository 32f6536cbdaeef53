"""A study of two contestants whose trials take a blink, and what becomes of trials that are made up."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from search_spaces.schema import Contestant, SearchedParameter, Study, Tune, Uniform
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from tests.study.small_study import LEARNING_RATE, small_study

METHOD, WEIGHT = "training.method.name", "training.method.weight"
RATES, WEIGHTS = SearchedParameter(Uniform(1e-3, 1e-2, log=True)), SearchedParameter(Uniform(0.1, 10.0, log=True))

SOFT = Contestant({METHOD: "soft"}, {WEIGHT: WEIGHTS})
PLAIN = Contestant({METHOD: "unconstrained", "training.seed": 4})


def competing(*, trials: int = 6, tune: Mapping[str, Any] | None = None, **changes: Any) -> Study:
    """`heavy` and `plain` compete; both search the learning rate."""
    how: dict[str, Any] = {"trials": trials, "sampler": "random", "max_concurrent": 1, "seed": 3} | dict(tune or {})
    study = replace(small_study(), search={LEARNING_RATE: RATES}, tune=Tune(**how))
    return replace(study, **{"contestants": {"heavy": SOFT, "plain": PLAIN}} | changes)


def record(
    trial: str, values: Mapping[str, Any], *, data: float = 0.5, seconds: float | None = None, **more: Any
) -> TrialRecord:
    """A trial that ended; its method is its contestant."""
    metrics: dict[str, Any] = {"validation/data_mse": data, "validation/constraint_mse": 0.1, **more.pop("also", {})}
    if seconds is not None:
        metrics["time/cpu_s"] = seconds
    status = more.pop("status", TrialStatus.COMPLETED)
    return TrialRecord(trial, dict(values), str(values.get("contestant")), status, metrics=metrics, **more)
