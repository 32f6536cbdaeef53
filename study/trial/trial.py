"""One resolved trial in this process: train, measure, project, measure again. No Ray, no MLflow.

`cnn-study trial` runs it whole; the Ray trainable steps through the same object, so both give the same numbers.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cnn_core import checkpoint
from cnn_core.clock import SECTIONS
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.divergence import not_finite
from cnn_core.metrics import WORST, Measurement, finite, measure_regions, metric_names, percentiles
from cnn_core.problems import PointSet, Problem, by_region, redrawn
from cnn_core.projection import ProjectionResult
from cnn_core.renewal import Renewal
from cnn_core.solvers import Solver, seeks_data
from cnn_core.training import Training, TrainingStatus
from search_spaces.errors import one_line
from search_spaces.load import build_network, build_problem, dump_yaml
from search_spaces.schema import Study
from search_spaces.splits import observations_in, points_of, source_of
from study.trial import saved
from study.trial.files import CHECKPOINT, PERCENTILES, PREDICTIONS, SETTINGS
from study.trial.identity import code_changes, differences_in_kind, settings_of
from study.trial.machine import choose_device, peak_memory_mib, threads
from study.trial.measuring import named, noise_of, some_of, unknowns_of, worst_of
from study.trial.predictions import predictions
from study.trial.projecting import PROJECTED, PROJECTION_SECONDS, Projected, project_splits
from study.trial.saved import Wave
from study.trial.seconds import BOTH, PROJECTION, TRAINING, Seconds, most

Metrics = dict[str, float | str]

DIFFERENCE = "projection_parameter_difference"

NOTHING: Sequence[Mapping[str, Measurement]] = ({}, {})
"""Of the points that are measured after an epoch."""


class Trial:
    """A trial in progress: `step` an epoch until `done`, then `finish`. `history` holds the metrics of every epoch.

    `problem` is the study's, where it is built already.
    """

    def __init__(self, study: Study, problem: Problem | None = None) -> None:
        settings = study.training
        torch.set_num_threads(threads(study))
        self.study = study
        self.device = choose_device(settings.device)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)  # a process may run several trials
        self.dtype = getattr(torch, settings.dtype)
        problem = problem or build_problem(study.problem)
        self.splits = {name: self._held(points_of(study, problem, name)) for name in study.data.splits}
        network = fresh(build_network(study.network), problem, seed=settings.seed)
        if study.projection is not None:
            study.projection.require(problem)
        network.to(dtype=self.dtype, device=self.device)
        self.model = ConstrainedNetwork(problem, network, scaled=study.problem.scaled)
        self.training = Training(
            replace(self.model, compile=settings.compile),  # measuring stays as it is: its shapes are met only rarely
            self.splits["train"],
            settings.method,
            settings.optimizer,
            settings.batch_size,
            settings.epochs,
            settings.seed,
            settings.roles,
            self._renewal(),
            record=self.device.type == "cuda",
        )
        trained = bool(settings.epochs) and any(task.learns for task in self.training.tasks)
        learns = trained or seeks_data(study.projection)
        self.noise = noise_of(study.data, problem, seed=settings.seed, learns=learns)  # now: files may be gone later
        self.compiling = self.training.compile() if settings.compile else 0.0
        self.measured_train = some_of(self.splits["train"])
        self.projected: Projected | None = None
        self.starts: Mapping[Wave, torch.Tensor] = {}
        self.percentiles: list[tuple[int, str, list[float]]] = []
        self.history: list[Metrics] = []
        self.seconds, self.projection_seconds = Seconds(), Seconds()
        self.reused = 0.0

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.training.epoch

    @property
    def done(self) -> bool:
        """Whether training has ended, by its epochs or by divergence, and was measured."""
        return self.training.status is not TrainingStatus.RUNNING and bool(self.history)

    @property
    def reason(self) -> str | None:
        """Why it diverged, if it did."""
        return self.training.reason

    @property
    def measured_points(self) -> Sequence[Mapping[str, PointSet]]:
        """The points that are measured after an epoch, by region: those of training, and those of validation."""
        return self.measured_train, self.splits["validation"]

    def step(self, trained: Seconds | None = None, measured: Sequence[Mapping[str, Measurement]] = NOTHING) -> Metrics:
        """Train one epoch, if there is one, and measure: train/…, validation/…, time/…, memory/peak_mib, diverged.

        Where `projection.every` says so, also project the validation waves: projected/validation/…, projection/….
        With `trained` the epoch was trained already, in a pack, and its share were so many seconds; what was `measured`
        there of the `measured_points` is not measured again.
        """
        if trained is not None:
            self.seconds += trained
        elif self.training.status is TrainingStatus.RUNNING:
            with self.seconds.counting():
                self.training.run_epoch()
        training, validation = map(self._measure, self.measured_points, measured)
        self._watch(training)
        metrics = named("train", training, self.measured_train)
        metrics |= named("validation", validation, self.splits["validation"])
        if self.training.status is not TrainingStatus.DIVERGED and (worst := worst_of(metrics)):
            self.training.diverge(f"after epoch {self.epoch} {self._why(worst)}")
        diverged = self.training.status is TrainingStatus.DIVERGED
        if diverged:
            metrics = dict.fromkeys(metrics, WORST)
        watched = {f"method/{key}": finite(value) for key, value in self.training.watched.items()}
        watched["method/taylor_mode"] = float(self.training.model.path == "layers")
        if self.training.record:
            watched["method/recorded_steps"] = float(self.training.recorded)
        metrics |= unknowns_of(self.model, self.training.theta) | watched | {"diverged": float(diverged)}
        metrics |= self._project_on_the_way()
        self.history.append(metrics | self._costs())
        return self.history[-1]

    def finish(self) -> Metrics:
        """Measure the test split, project the waves of validation and test, and measure those: call when `done`.

        A diverged trial is neither measured nor projected: all its errors are `WORST`.
        """
        if self.training.status is TrainingStatus.DIVERGED:
            names = {"test": "test"}
            if self.study.projection is not None:
                names |= {f"projected/{name}": name for name in PROJECTED}
            metrics: Metrics = {
                f"{told}/{metric}": WORST for told, name in names.items() for metric in self._metric_names(name)
            }
            return metrics | self._costs() | {"diverged": 1.0, "status": "diverged"}
        test = self.splits["test"]
        metrics = named("test", self._measure(test), test) | self.noise
        if self.study.projection is not None:
            metrics |= self._project(self.study.projection)
        return metrics | self._costs() | {"diverged": 0.0, "status": "completed"}

    def save(self, directory: Path) -> None:
        """Write checkpoint.pt and trial.yaml, and once finished predictions.npz and percentiles.csv."""
        directory.mkdir(parents=True, exist_ok=True)
        checkpoint.save(self._state(), directory / CHECKPOINT)
        (directory / SETTINGS).write_text(dump_yaml(self.study), encoding="utf-8")
        if self.done:
            np.savez(directory / PREDICTIONS, allow_pickle=False, **self._predictions())
            self._write_percentiles(directory / PERCENTILES)

    def load(self, directory: Path) -> list[str]:
        """Go on from what `save` wrote in a folder; returns what the user should know of it, a line for each thing.

        Raises CheckpointError if that was another trial. Its projection may be another one, and its training longer,
        with other rates; a solve, without training, goes on from what was solved.
        """
        state = saved.read(directory / CHECKPOINT, device=self.device)
        own = settings_of(self.study)
        if others := differences_in_kind(state["settings"], own):
            raise checkpoint.CheckpointError(
                directory,
                f"the trial that was saved there differs in {', '.join(others)}; begin a new one, or write its "
                f"settings (they are in {directory / SETTINGS})",
            )
        self.restore(state)
        if not self.study.training.epochs:
            self._go_on_from(saved.solutions_in(state))
        return [f"{directory}: {change}" for change in code_changes(state["settings"], own)]

    def _go_on_from(self, solved: Mapping[Wave, ProjectionResult]) -> None:
        """What is projected next begins where these ended."""
        self.starts = {wave: result.theta.to(self.training.theta) for wave, result in solved.items()}
        before = sum(result.seconds for result in solved.values())
        self.projection_seconds += Seconds(before, before)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from the state in a checkpoint. Raises ValueError if this network cannot."""
        try:
            self.training.load_state_dict(state["training"])
        except (LookupError, TypeError, AttributeError, RuntimeError) as error:
            raise ValueError(
                f"the checkpoint does not fit this training ({one_line(error)}); begin a new one"
            ) from error
        if self.epoch and not state["history"]:
            raise ValueError("the checkpoint has lost its history; begin a new trial")
        clock, self.history, self.reused = state["seconds"], state["history"], state[saved.REUSED]
        self.seconds = Seconds(clock, most(self.history, TRAINING, clock))
        clock = most(self.history, PROJECTION_SECONDS)
        self.projection_seconds = Seconds(clock, most(self.history, PROJECTION, clock))
        self.percentiles = [(epoch, quantity, values) for epoch, quantity, values in state["percentiles"]]

    def take_over(self, state: dict[str, Any]) -> None:
        """Be as another trial with the same training was before it projected. Raises ValueError if this one cannot."""
        self.restore({**state, saved.REUSED: state["seconds"]})

    def _state(self) -> dict[str, Any]:
        return {
            "settings": settings_of(self.study),
            "training": self.training.state_dict(),
            "seconds": self.seconds.clock,
            saved.REUSED: self.reused,
            "history": self.history,
            "percentiles": self.percentiles,
            saved.SOLVED: self._solved(),
        }

    def _solved(self) -> list[dict[str, Any]]:
        """What was found where nothing is trained: θ itself says nothing then."""
        if self.projected is None or self.study.training.epochs:
            return []
        return saved.solutions_of(self.projected.by_wave)

    def _project(self, solver: Solver, splits: Sequence[str] = PROJECTED) -> Metrics:
        """Project the waves of these splits; `projected` holds them from now on."""
        points, seed = {name: by_region(self.splits[name]) for name in splits}, self.study.training.seed
        theta, data = self.training.theta.detach(), observations_in(self.splits["train"])
        self.projected = projected = project_splits(
            self.model, theta, points, solver, seed=seed, data=data, starts=self.starts
        )
        now = (self.epoch, DIFFERENCE)
        others = [entry for entry in self.percentiles if entry[:2] != now]  # finished before it was resumed
        self.percentiles = [*others, (*now, projected.difference)]
        self.projection_seconds += projected.seconds
        return {**projected.metrics, PROJECTION_SECONDS: self.projection_seconds.clock}

    def _project_on_the_way(self) -> Metrics:
        """What projections of the validation waves would give after this epoch, if the study asks for them now."""
        solver = self.study.projection
        over = self.training.status is not TrainingStatus.RUNNING
        if solver is None or solver.every is None or self.epoch % solver.every or over:
            return {}
        metrics = self._project(solver, ("validation",))
        return {name: value for name, value in metrics.items() if not isinstance(value, str)}

    def _why(self, worst: str) -> str:
        """What made this error the worst."""
        points = self.measured_train if worst.startswith("train/") else self.splits["validation"]
        told = (not_finite(self.model.on(region), self.training.theta, part) for region, part in points.items())
        return next((one for one in told if one is not None), f"{worst} is {WORST:g} or more")

    def _measure(
        self, points: Mapping[str, PointSet], known: Mapping[str, Measurement] = NOTHING[0]
    ) -> dict[str, Measurement]:
        """Measurements by region; those that are `known` are."""
        left = {region: part for region, part in points.items() if region not in known}
        found = {**known, **measure_regions(self.model, self.training.theta, left)}
        return {region: found[region] for region in points}

    def _metric_names(self, split: str) -> tuple[str, ...]:
        points = self.splits[split]
        observed = any(part.observed for part in points.values())
        return metric_names(self.model.problem, points.keys(), observed=observed)

    def _held(self, points: Mapping[str, PointSet]) -> dict[str, PointSet]:
        """Points as this trial computes with them."""
        return {region: part.to(dtype=self.dtype, device=self.device) for region, part in points.items()}

    def _renewal(self) -> Renewal | None:
        """How training points are drawn anew, if the study asks for it."""
        settings, split, problem = self.study.training, self.study.data.train, self.model.problem
        if not (settings.resample or settings.refine):
            return None
        source, training = source_of(self.study, problem, "train"), self.splits["train"]
        dtype, device = self.dtype, self.device

        def draw(region: str, times: int, seed: int) -> PointSet:  # holds no trial, which holds it
            data = training[region].observed
            points = redrawn(problem, split.drawn, region, times=times, seed=seed, data=data, waves=source.waves)
            return points.to(dtype=dtype, device=device)

        return Renewal(draw, settings.resample, settings.refine, seed=source.seed)

    def _watch(self, measurements: Mapping[str, Measurement]) -> None:
        residuals = torch.cat([part.residuals.flatten() for part in measurements.values()])
        for quantity, values in (
            ("residual", residuals),
            ("residual_abs", residuals.abs()),
            ("parameter", self.training.theta),
            ("gradient", self.training.gradient),
        ):
            if len(values):  # data alone have no residuals
                self.percentiles.append((self.epoch, quantity, percentiles(values)))

    def _costs(self) -> Metrics:
        sections: Metrics = {f"time/{name}_s": self.training.clock.seconds[name] for name in SECTIONS}
        cpu = (self.seconds + self.projection_seconds).cpu
        seconds: Metrics = {"time/train_s": self.seconds.clock, TRAINING: self.seconds.cpu, BOTH: cpu}
        if self.study.projection is not None:
            seconds[PROJECTION] = self.projection_seconds.cpu
        if self.reused:
            seconds["time/reused_s"] = self.reused
        if self.study.training.compile:
            seconds["time/compile_s"] = self.compiling
        return sections | seconds | {"memory/peak_mib": peak_memory_mib(self.device)}

    def _predictions(self) -> dict[str, Any]:
        theta, test, train = self.training.theta.detach(), self.splits["test"], self.training.regions
        trained = bool(self.study.training.epochs)
        return predictions(self.model, theta, test=test, train=train, projected=self.projected, trained=trained)

    def _write_percentiles(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "quantity", *(f"p{index}" for index in range(101))])
            writer.writerows([epoch, quantity, *values] for epoch, quantity, values in self.percentiles)


def run_trial(study: Study, on_step: Callable[[Trial, Metrics], Any] | None = None) -> Metrics:
    """A whole trial; returns the last epoch's metrics and those measured at the end."""
    trial = Trial(study)
    metrics: Metrics = {}
    while not trial.done:
        metrics = trial.step()
        if on_step is not None:
            on_step(trial, metrics)
    return metrics | trial.finish()
