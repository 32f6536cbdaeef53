"""Whether a pack pays: some steps of a trial by itself, and stacked with others like it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from cnn_core.capture import TAKEN_FIRST
from cnn_core.pack import StackRecordings, run_stacked, why_alone
from cnn_core.training import Training
from search_spaces import modules
from search_spaces.errors import USERS_ERRORS, one_line
from search_spaces.load import load_text
from study.trial.machine import with_device
from study.trial.trial import Trial

MOST = 16
"""The size of a pack that is tried where nobody says another."""

STEPS, EPOCHS = 8, 6
LONG = 1.0
"""Where so many steps take so many seconds, arithmetic is what takes them, and nothing is stacked."""


@dataclass(frozen=True)
class Rehearsed:
    """Seconds of each of a trial's steps, by itself and as a share of a stacked one; or why they are not stacked."""

    alone: float = 0.0
    stacked: float = 0.0
    steps: int = 0
    reason: str | None = None

    @property
    def ratio(self) -> float:
        """A stacked step's seconds, as a fraction of those by itself."""
        return self.stacked / self.alone if self.reason is None else 1.0

    @property
    def saved(self) -> float:
        """Seconds of a trial that a pack saves."""
        return self.steps * (self.alone - self.stacked)


def rehearsed(trials: Mapping[str, str], folders: Sequence[str], *, members: int) -> dict[str, Rehearsed]:
    """Of trials (texts of studies with nothing to search), by name, in packs of so many members."""
    modules.look_in(*folders, seen=True)
    return {name: _rehearsed(text, members) for name, text in trials.items()}


def told_of(found: Mapping[str, Rehearsed]) -> list[str]:
    """What was measured of each kind of trial."""
    return [
        f"{name} {one.ratio:.2f}" if one.reason is None else f"{name} not stacked: {one.reason}"
        for name, one in found.items()
    ]


def _rehearsed(text: str, members: int) -> Rehearsed:
    try:
        trial = Trial(with_device(load_text(text)))
        return _measured(trial.training, members)
    except USERS_ERRORS as error:
        return Rehearsed(reason=one_line(error))


def _measured(training: Training, members: int) -> Rehearsed:
    if (reason := why_alone(training)) is not None:
        return Rehearsed(reason=reason)
    single, *others = [_short(training, seed) for seed in range(members + 1)]
    steps = len(single.batches)
    alone = _seconds(single.run_epoch, training.theta) / steps
    if alone * STEPS > LONG:
        return Rehearsed(reason=f"a step takes {alone:.2g} s by itself")
    together = partial(run_stacked, others, StackRecordings())
    stacked = _seconds(together, training.theta) / steps / members
    return Rehearsed(alone, stacked, len(training.batches) * training.epochs)


def _short(training: Training, seed: int) -> Training:
    """One like it whose epochs have few steps, as at the end of training, when no method warms up any more."""
    points = {
        name: held.at(torch.arange(min(len(held), STEPS * training.batches.sizes.get(name, 1)), device=held.x.device))
        for name, held in training.regions.items()
    }
    short = replace(training, points=points, seed=seed, epochs=training.epochs + EPOCHS, renewal=None)
    short.epoch = training.epochs
    return short


def _seconds(epoch: Callable[[], object], theta: Tensor) -> float:
    """What an epoch takes, of the CPU, or by the clock where a GPU computes, whose steps of each kind are recorded."""
    for _ in range(TAKEN_FIRST + 1 if theta.is_cuda else 1):
        epoch()
    clock = time.process_time
    if theta.is_cuda:
        torch.cuda.synchronize()
        clock = time.perf_counter
    began = clock()
    epoch()
    if theta.is_cuda:
        torch.cuda.synchronize()
    return clock() - began
