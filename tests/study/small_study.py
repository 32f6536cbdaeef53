"""A study whose trials take a blink: a dense network of eight units on two waves, in float64."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from cnn_core.methods import Unconstrained
from cnn_core.networks import Dense
from cnn_core.optimizers import Adam
from search_spaces.schema import (
    Choice,
    Data,
    DataSplit,
    ProblemChoice,
    Scheduler,
    SearchedParameter,
    Study,
    Training,
    Tune,
)
from study.trial.trial import Trial

LEARNING_RATE = "training.optimizer.learning_rate"

COMPLETES, FAILS, DIVERGES, STANDS_STILL = 1e-2, -1.0, 1e300, 1e-30
"""Learning rates, and what becomes of a trial that has them."""


def small_study(*rates: float, epochs: int = 3, scheduler: Scheduler | None = None, **changes: Any) -> Study:
    """One trial for each learning rate, in this order."""
    wave = {"amplitude": (1.0,), "frequency": (1.0,), "phase": (0.0,)}
    study = Study(
        study="small",
        problem=ProblemChoice("helmholtz"),
        data=Data(
            train=DataSplit(wave | {"amplitude": (0.5, 2.0)}, points=20),
            validation=DataSplit(wave | {"amplitude": (1.5,)}, points=15, sampling="uniform"),
            test=DataSplit(wave, points=15, sampling="uniform"),
        ),
        network=Dense(widths=(8,)),
        training=Training(Unconstrained(), Adam(COMPLETES), batch_size=10, epochs=epochs, dtype="float64"),
        search={LEARNING_RATE: SearchedParameter(Choice(rates))} if rates else {},
        tune=Tune(trials=max(1, len(rates)), sampler="grid", scheduler=scheduler or Scheduler(), max_concurrent=1),
    )
    return replace(study, **changes)


def solve_and_save(study: Study, folder: Path) -> Trial:
    """A trial of this study that trains nothing, projected to its end and saved."""
    trial = Trial(replace(study, training=replace(study.training, epochs=0)))
    trial.step()
    trial.finish()
    trial.save(folder)
    return trial
