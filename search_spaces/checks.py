"""What makes sense together: data without leaks, metrics that exist, schedulers that see their metric, resources."""

import math
import re
from collections.abc import Iterator, Mapping

from cnn_core.metrics import METRICS
from cnn_core.problems import Problem, Split, sample
from search_spaces.errors import USERS_ERRORS, StudyFileError, nearest, one_line
from search_spaces.problems import build_problem
from search_spaces.schema import Data, Study

EVERY_EPOCH = tuple(f"{split}/{metric}" for split in ("train", "validation") for metric in METRICS)
AFTER_PROJECTION = tuple(f"projected/validation/{metric}" for metric in METRICS)
USUAL = "validation/data_mse"

MOST_OBJECTIVES = 3
LONGEST_NAME = 100
"""Letters of a study's name: what is named after it (folders, MLflow's views) is longer, and has limits of its own."""

LEAKS: Mapping[tuple[str, str], str] = {
    ("validation", "train"): "training wave, so its errors say nothing about new waves",
    ("test", "train"): "training wave, so its errors say nothing about new waves",
    ("test", "validation"): "validation wave, by which hyperparameters are selected, so its errors look too good",
}
"""Which split must hold no wave of which other, and why."""

Waves = list[list[float]]
"""Waves by their parameters' values, in the problem's order."""


def check_settings(study: Study) -> None:
    """Everything but data and search. Raises StudyFileError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", study.study):
        raise StudyFileError(
            f"study is {study.study!r}, which is no folder name; write letters, digits, '.', '_' and '-', e.g. my-study"
        )
    if len(study.study) > LONGEST_NAME:
        raise StudyFileError(f"study has {len(study.study)} letters; write at most {LONGEST_NAME}")
    _check_objectives(study)
    _check_scheduler(study)
    if study.resources.gpu > 0 and study.training.device == "cpu":
        raise StudyFileError(
            f"resources.gpu is {study.resources.gpu}, but training.device is cpu; write device: auto, or gpu: 0"
        )
    gpu = study.resources.gpu
    if gpu > 1 and gpu != int(gpu):
        raise StudyFileError(f"resources.gpu is {gpu}; write a whole number, or a fraction below 1")


def check_data(study: Study) -> None:
    """The problem can be built, its splits are complete and finite, and no wave belongs to two of them."""
    problem = build_problem(study.problem)
    _check_residual(problem)
    waves = {name: _check_split(problem, split, f"data.{name}") for name, split in splits(study.data)}
    for name, used in LEAKS:
        _check_leak(problem, waves, name, used)


def splits(data: Data) -> Iterator[tuple[str, Split]]:
    """The three splits by name."""
    return ((name, getattr(data, name)) for name in ("train", "validation", "test"))


def _check_residual(problem: Problem) -> None:
    try:
        _ = problem.constraints
    except ValueError as error:
        raise StudyFileError(str(error)) from None
    except USERS_ERRORS as error:
        raise StudyFileError(f"the residual of problem {problem.name!r} fails ({one_line(error)}); mend it") from None


def _check_split(problem: Problem, split: Split, path: str) -> Waves:
    for key in split.parameters:
        if key not in problem.parameters:
            known = (*problem.parameters, "points", "sampling")
            raise StudyFileError(f"{path}.{key} is not known for {problem.name}; {nearest(key, known)}")
    for key in problem.parameters:
        if key not in split.parameters:
            raise StudyFileError(f"{path}.{key} is missing; write a list of values or {{linspace: [low, high, count]}}")
    try:
        sample(problem, split)
        return split.waves(problem).tolist()
    except ValueError as error:
        raise StudyFileError(f"{path}: {error}") from None
    except USERS_ERRORS as error:
        raise StudyFileError(
            f"{path}: the solution of problem {problem.name!r} fails ({one_line(error)}); mend it"
        ) from None


def _check_leak(problem: Problem, waves: Mapping[str, Waves], name: str, used: str) -> None:
    if not problem.parameters:  # a single solution: its points are all there is to separate
        return
    for wave in waves[name]:
        if any(all(map(_same, wave, other)) for other in waves[used]):
            pairs = zip(problem.parameters, wave, strict=True)
            values = ", ".join(f"{name} {value:g}" for name, value in pairs)
            raise StudyFileError(f"data.{name}: the wave {values} is also a {LEAKS[name, used]}; write other values")


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _check_objectives(study: Study) -> None:
    if not 1 <= len(study.objectives) <= MOST_OBJECTIVES:
        raise StudyFileError(f"objectives: write 1 to {MOST_OBJECTIVES} metrics, got {len(study.objectives)}")
    for metric in study.objectives:
        _check_metric(metric, f"objectives.{metric}", (*EVERY_EPOCH, *AFTER_PROJECTION))
    for metric in study.bounds:
        _check_metric(metric, f"bounds.{metric}", (*EVERY_EPOCH, *AFTER_PROJECTION))


def _check_scheduler(study: Study) -> None:
    scheduler = study.tune.scheduler
    if scheduler.metric is not None:
        if scheduler.metric in AFTER_PROJECTION:
            raise StudyFileError(
                f"tune.scheduler.metric is {scheduler.metric!r}, which is measured once, at the end of a trial; "
                f"write one that is known after every epoch, e.g. {scheduler.metric.removeprefix('projected/')}"
            )
        _check_metric(scheduler.metric, f"tune.scheduler.metric is {scheduler.metric!r}, which", EVERY_EPOCH)
    if scheduler.name == "none":
        return
    if scheduler.metric is None:
        raise StudyFileError(f"tune.scheduler.metric is missing; write what {scheduler.name} compares, e.g. {USUAL}")
    if scheduler.grace >= study.training.epochs:
        raise StudyFileError(
            f"tune.scheduler.grace is {scheduler.grace}, but a trial has {study.training.epochs} epochs, so "
            f"{scheduler.name} would never stop one; write fewer, or scheduler: {{name: none}}"
        )


def _check_metric(metric: str, what: str, known: tuple[str, ...]) -> None:
    if metric in known:
        return
    if "test" in metric.split("/"):
        raise StudyFileError(
            f"{what} is a test metric, and hyperparameters are selected on validation data; "
            f"write {metric.replace('test/', 'validation/')}"
        )
    raise StudyFileError(f"{what} is not measured on training or validation data; {nearest(metric, known)}")
