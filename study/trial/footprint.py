"""What a trial takes of a machine, before a study: memory as estimated and as measured, and seconds of a step.

The estimate counts what a step holds at once, in numbers of the trial's dtype:

    PASSES · N·S·A  +  GRAMS · R²   (`layers`, Taylor mode)
    PASSES · N·S·A  +  ROWS · R·P   (`general`)

N points of a batch, S = 1 + 2·D streams (the value, first and second derivatives by D coordinates), A outputs of all
layers of the network, P parameters, R rows of the Jacobian whose Gram matrix the method factorises. The factors were
chosen on one machine, on whose CPU six trials (tensors of 5 to 290 MiB) were between 0.5 and 1.5 times what was
measured, or at most 15 MiB off; no GPU has confirmed them.
"""

import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

import torch

from cnn_core.capture import TAKEN_FIRST
from cnn_core.methods.method import Part
from cnn_core.metrics import measure_regions
from cnn_core.training import Training
from search_spaces import modules as own_modules
from search_spaces.load import dump_yaml, load_text
from search_spaces.schema import Study
from study.trial.machine import forget_peak_memory, peak_memory_mib, with_device
from study.trial.trial import Trial

PASSES, GRAMS, ROWS = 3, 6, 2
LOADED_MIB = 75.0
"""What torch loads for the first step of any trial."""

MIB = 2**20

ALL_ROWS = "all constraints of a batch"
ONE_ROW = "one for each condition"

GRAM_ROWS: Mapping[str, str] = {
    "batch": ALL_ROWS,
    "no-loss": ALL_ROWS,
    "non-projecting": ALL_ROWS,
    "null-space": ALL_ROWS,
    "reduction": ONE_ROW,
    "broyden": ONE_ROW,
}
"""Method → the rows of the matrix that it factorises; others factorise none of the whole batch."""

STEPS, SECONDS = 20, 5.0
"""At most so many steps are taken to time one, and for no longer."""


@dataclass(frozen=True)
class Footprint:
    """A trial's sizes; MiB of its tensors, estimated and measured, above what its process holds without them."""

    parameters: int
    rows: int
    estimated_mib: float
    measured_mib: float
    process_mib: float
    step_seconds: float
    steps: int

    @property
    def mib(self) -> float:
        """What to count with: the larger of both, and the process."""
        return self.process_mib + self.tensors_mib

    @property
    def tensors_mib(self) -> float:
        """The same without the process, as on a GPU."""
        return max(self.estimated_mib, self.measured_mib)


def footprints(trials: Mapping[str, Study]) -> dict[str, Footprint]:
    """Of trials (studies with nothing to search), by name; each in a process of its own, which holds what an actor
    holds. Raises what a trial raises that cannot begin.
    """
    apart = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=apart, max_tasks_per_child=1) as processes:
        asked = {
            name: processes.submit(_in_this_process, dump_yaml(one), own_modules.folders)
            for name, one in trials.items()
        }
        return {name: answer.result() for name, answer in asked.items()}


def _in_this_process(study: str, folders: Sequence[str]) -> Footprint:
    from study.trial import actor  # and with it Ray, which its process holds, too

    del actor
    own_modules.look_in(*folders, seen=True)
    return footprint(with_device(load_text(study)))


def footprint(study: Study) -> Footprint:
    """Take some steps of a trial and measure its validation points."""
    forget_peak_memory()
    before = _held_mib()
    trial = Trial(study)
    seconds = _seconds_of_a_step(trial)
    measure_regions(trial.model, trial.training.theta, trial.splits["validation"])
    on_gpu = trial.device.type == "cuda"
    measured = peak_memory_mib(trial.device) - (0.0 if on_gpu else before + LOADED_MIB)
    process = before + LOADED_MIB
    steps = len(trial.training.batches) * study.training.epochs
    rows = _rows(trial)
    return Footprint(
        parameters=len(trial.training.theta),
        rows=rows,
        estimated_mib=_estimated(trial, rows),
        measured_mib=max(0.0, measured),
        process_mib=process,
        step_seconds=seconds,
        steps=steps,
    )


def _seconds_of_a_step(trial: Trial) -> float:
    """The mean, as at the end of training, when no method warms up any more, once steps of each kind were taken; on a
    GPU so often that they are recorded.
    """
    training, on_gpu = trial.training, trial.device.type == "cuda"
    first = [*islice(training.batches, STEPS)]
    batches = cycle(first)
    _taken(training, batches, len(first) * (TAKEN_FIRST + 1) if on_gpu else 1)
    if on_gpu:
        torch.cuda.synchronize()
    began = time.perf_counter()
    taken = _taken(training, batches, STEPS)
    if on_gpu:
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / taken


def _taken(training: Training, batches: Iterator[list[Part]], most: int) -> int:
    """How many steps were taken, in as many seconds as there are for them."""
    began = time.perf_counter()
    for taken in range(most):
        if taken and time.perf_counter() - began >= SECONDS:
            return taken
        training.take_step(next(batches), training.epochs)
    return most


def _rows(trial: Trial) -> int:
    """How many rows the method's matrix has; 0 if it has none."""
    training = trial.training
    match GRAM_ROWS.get(trial.study.training.method.name):
        case "all constraints of a batch":
            return sum(training.batches.sizes[task.region] * len(task.constraints) for task in training.tasks)
        case "one for each condition":
            return sum(len(set(task.constraints)) for task in training.tasks)
    return 0


def _estimated(trial: Trial, rows: int) -> float:
    training, model = trial.training, trial.model
    points = sum(min(size, len(training.regions[region])) for region, size in training.batches.sizes.items())
    points = max(points, *map(len, trial.splits["validation"].values()))
    streams = 1 + 2 * next(iter(training.regions.values())).x.shape[-1]
    outputs = sum(shape[0] for shape in model.layout.shapes if len(shape) == 2)
    matrix = GRAMS * rows**2 if model.path == "layers" else ROWS * rows * len(training.theta)
    entries = PASSES * points * streams * outputs + matrix
    return entries * training.theta.element_size() / MIB


def _held_mib() -> float:
    """What this process holds now."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / MIB
    except (OSError, ValueError):  # not Linux: the most so far
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
