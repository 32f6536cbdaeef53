"""Which metrics the trials of a study have, and whether what refers to them names one: objectives, bounds, schedulers.

What there is to measure depends on the problem (its residuals and conditions) and on the data (regions with points,
observations). Metrics of the test split are never selected by.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Literal, TypeVar

from cnn_core.metrics import METRICS, metric_names
from cnn_core.problems import DATA, INTERIOR, Problem
from cnn_core.solvers import seeks_data
from search_spaces.errors import StudyFileError, nearest
from search_spaces.problems import build_problem
from search_spaces.schema import USUAL, DataSplit, Study

T = TypeVar("T")

PROJECTED, VALIDATION = "projected/", "validation/"

FIT = f"{PROJECTED}train/data_mse"
"""How near a projection came to the data that it sought."""

EVERY_EPOCH = tuple(f"{split}/{metric}" for split in ("train", "validation") for metric in METRICS)
AFTER_PROJECTION = tuple(f"{PROJECTED}validation/{metric}" for metric in METRICS)
"""The names where there is data, and the PDE is one equation without conditions."""


def projected(metric: str) -> str:
    """The metric that tells of the validation's waves after a projection what this one tells before."""
    _, _, name = metric.removeprefix(PROJECTED).partition("/")
    return f"{PROJECTED}validation/{name}"


def of_projections(metrics: Mapping[str, T]) -> dict[str, T]:
    """What is asked of metrics, asked of projections: of training waves there are none, and what is asked of both
    stays what it was."""
    own = {name: asked for name, asked in metrics.items() if name.startswith(PROJECTED)}
    return {projected(name): asked for name, asked in metrics.items() if name.startswith(VALIDATION)} | own


def with_objectives(study: Study) -> Study:
    """The study with those of the usual objectives that are measured, if it has no others: as trained, or as projected
    where nothing is trained.

    Of what is solved to come near data, it is how near that is, where validation has none. Raises StudyFileError where
    there is none.
    """
    if dict(study.objectives) != dict.fromkeys(USUAL, "min"):
        return study
    known = every_epoch(study, build_problem(study.problem))
    usual: dict[str, Literal["min", "max"]] = {name: "min" for name in USUAL if name in known}
    if not usual:
        raise StudyFileError(
            "data.validation has neither points of a region where something holds nor observations, so that there is "
            "nothing to select by; write points, or a file"
        )
    if study.trains:
        return replace(study, objectives=usual)
    fit: dict[str, Literal["min", "max"]] = {FIT: "min"} if seeks_data(study.projection) else {}
    return replace(study, objectives=(fit if USUAL[0] not in usual else {}) | of_projections(usual))


def with_usual(study: Study) -> Study:
    """The study whose objectives are the usual ones again, if they are those of them that are measured: what is laid
    over it may measure others."""
    usual = replace(study, objectives=dict.fromkeys(USUAL, "min"))
    with suppress(StudyFileError):
        return usual if with_objectives(usual) == study else study
    return study


def check_metrics(study: Study) -> None:
    """Raises StudyFileError where an objective, a bound or a scheduler's metric is not measured."""
    problem = build_problem(study.problem)
    during, after = every_epoch(study, problem), after_projection(study, problem)
    projects = study.projection is not None or "projection.solver" in study.search
    for block in ("objectives", "bounds"):
        for metric in getattr(study, block):
            if metric not in (*during, *after):
                raise _unmeasured(metric, f"{block}.{metric}", (*during, *(after if projects else ())))
    metric = study.tune.scheduler.metric
    if metric is None:
        return
    if metric in after:
        raise StudyFileError(
            f"tune.scheduler.metric is {metric!r}, which is measured once, at the end of a trial; "
            f"write one that is known after every epoch, e.g. {metric.removeprefix(PROJECTED)}"
        )
    if metric not in during:
        raise _unmeasured(metric, f"tune.scheduler.metric is {metric!r}, which", during)


def every_epoch(study: Study, problem: Problem) -> tuple[str, ...]:
    """What is measured after every epoch and may be selected by."""
    return (*_names(problem, study.data.train, "train"), *_names(problem, study.data.validation, "validation"))


def after_projection(study: Study, problem: Problem) -> tuple[str, ...]:
    """What is measured once, after a projection."""
    fit = [FIT] if seeks_data(study.projection) else []
    return (*(f"{PROJECTED}{name}" for name in _names(problem, study.data.validation, "validation")), *fit)


def _names(problem: Problem, split: DataSplit, name: str) -> tuple[str, ...]:
    from_file = [] if split.file is None else [DATA]
    at_points = [key for key, one in problem.conditions.items() if one.at_points]
    regions, observed = {*split.drawn.counts, *at_points, *from_file}, is_observed(problem, split)
    return tuple(f"{name}/{metric}" for metric in metric_names(problem, regions, observed=observed))


def is_observed(problem: Problem, split: DataSplit) -> bool:
    """Whether a split has data: those of its file, or exact values at the interior's points."""
    return split.file is not None or (problem.has_solution and INTERIOR in split.drawn.counts)


def _unmeasured(metric: str, what: str, known: tuple[str, ...]) -> StudyFileError:
    """Of a metric that is none of the known ones."""
    if "test" in metric.split("/"):
        return StudyFileError(
            f"{what} is a test metric, and hyperparameters are selected on validation data; "
            f"write {metric.replace('test/', 'validation/')}"
        )
    return StudyFileError(f"{what} is not measured on training or validation data; {nearest(metric, known)}")
