"""What makes sense together: data without leaks, metrics that exist, schedulers that see their metric, resources."""

import math
import re
from bisect import bisect
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from cnn_core.construction import fresh
from cnn_core.methods.method import require_value
from cnn_core.optimizers import WITHOUT_METRIC
from cnn_core.problems import DATA, INTERIOR, PointSet, Problem, by_region
from cnn_core.rehearsal import Cast, parameter_count, rehearse, require_residual
from cnn_core.renewal import Refinement
from cnn_core.solvers import LeastSquaresSolver, seeks_data
from cnn_core.tasks import require_read, role_of
from search_spaces.blocks import write
from search_spaces.counts import some
from search_spaces.data_files import find_file
from search_spaces.errors import StudyFileError, naming, nearest
from search_spaces.forms import MOST_VALUES, OF_A_SPLIT
from search_spaces.measured import check_metrics, with_objectives
from search_spaces.networks import build_network
from search_spaces.problems import build_problem
from search_spaces.resource_checks import check_resources
from search_spaces.schema import USUAL, Choice, Data, DataSplit, NetworkChoice, Study
from search_spaces.shares import Order, Share, require_disjoint
from search_spaces.splits import source_of
from search_spaces.training_checks import check_projection, check_training

MOST_OBJECTIVES = 3
LONGEST_NAME = 100
"""Letters of a study's name: what is named after it (folders, MLflow's views) is longer, and has limits of its own."""

LEAKS: Mapping[tuple[str, str], str] = {
    ("validation", "train"): "training wave, so its errors say nothing about new waves",
    ("test", "train"): "training wave, so its errors say nothing about new waves",
    ("test", "validation"): "validation wave, by which hyperparameters are selected, so its errors look too good",
}
"""Which split must hold no wave of which other, and why."""

NO_FILE = DataSplit({}, 1)
"""A split that says nothing of a file."""

MOST_WAVES = 100_000
MOST_POINTS = 5_000_000
MOST_GIB = 1
"""Of one split."""

MOST_CHOICES = 1000
"""Of one searched parameter: each is tried."""

MOST_PARAMETERS = 100_000_000
"""Of a network."""

MOST_LAYERS = 100

MOST: Mapping[str, int] = {
    "training.epochs": 1_000_000,
    "tune.trials": 1_000_000,
    "projection.points": 100_000,
    "projection.max_steps": 10_000_000,
}
"""Counts that are asked for in a word, and take for ever, or all memory."""


def check_settings(study: Study) -> None:
    """Everything but data and search. Raises StudyFileError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", study.study):
        raise StudyFileError(
            f"study is {study.study!r}, which is no folder name; write letters, digits, '.', '_' and '-', e.g. my-study"
        )
    if len(study.study) > LONGEST_NAME:
        raise StudyFileError(f"study has {len(study.study)} letters; write at most {LONGEST_NAME}")
    check_sizes(study)
    _check_objectives(study)
    _check_scheduler(study)
    check_deed(study)
    _check_metric_of_optimizer(study)
    check_resources(study)


def check_deed(study: Study) -> None:
    """Something happens in a trial. Raises StudyFileError."""
    if study.training.epochs == 0 and study.projection is None:
        raise StudyFileError("training.epochs is 0 and projection is null, so that nothing happens; write one of them")


class Rehearsed:
    """The points at which a problem's functions ran last. Studies that differ in other things share them."""

    def __init__(self) -> None:
        self._key, self._points = "", dict[str, dict[str, PointSet]]()

    @staticmethod
    def key(study: Study) -> str:
        """What the points and the functions depend on."""
        return repr((study.problem, study.data, study.training.dtype))

    def points(self, study: Study, problem: Problem) -> dict[str, dict[str, PointSet]]:
        """Those of every split and region. Raises StudyFileError where a function does not run as in a trial."""
        if self._key != (key := self.key(study)):
            training = study.training
            cast = Cast(build_network(study.network), training.seed, training.dtype, study.problem.scaled)
            self._points = {
                name: _rehearsed(study, problem, name, split, cast) for name, split in study.data.splits.items()
            }
            self._key = key
        return self._points


def _rehearsed(study: Study, problem: Problem, name: str, split: DataSplit, cast: Cast) -> dict[str, PointSet]:
    _check_split(problem, split, f"data.{name}")
    with naming(f"data.{name}: "):
        return rehearse(problem, split.drawn, cast, **source_of(study, problem, name)._asdict())


def check_data(study: Study, rehearsed: Rehearsed | None = None) -> None:
    """The problem can be built, its functions run as in a trial, splits are complete, finite and of bounded size, and
    no wave belongs to two of them. Checks of several studies share what was `rehearsed`. Raises StudyFileError.
    """
    problem = build_problem(study.problem)
    with naming():
        require_residual(problem)
        require_read(problem)
    _check_shares(study.data)
    points = (rehearsed or Rehearsed()).points(study, problem)
    for name, used in LEAKS:
        if problem.given and problem.has_solution and _told_apart_by_waves(study, name, used):
            _check_leak(problem, study.data, name, used)
        else:
            _check_points(points, name, used)
    check_training(study, problem, points["train"])
    check_projection(study, problem, points)
    check_metrics(with_objectives(study))


def check_network(study: Study) -> None:
    """The network can be built for the problem, and is none that no machine holds. Raises StudyFileError."""
    problem = build_problem(study.problem)
    try:
        module = fresh(build_network(study.network), problem, seed=study.training.seed)
    except StudyFileError:
        raise
    except ValueError as error:
        raise StudyFileError(f"network: {error}") from None
    _require_holdable(sum(tensor.numel() for tensor in module.parameters()))


def _check_split(problem: Problem, split: DataSplit, path: str) -> None:
    for key in problem.parameters:
        if key in OF_A_SPLIT:
            raise StudyFileError(
                f"problem {problem.name!r} has a parameter {key!r}, which means something else in a split; "
                f"give it another name, none of: {', '.join(OF_A_SPLIT)}"
            )
    for key in split.parameters:
        if key in problem.unknowns:
            raise StudyFileError(f"{path}.{key} is an unknown, which nobody gives; remove it, or problem.unknown.{key}")
        if key not in problem.given:
            known = (*problem.given, *OF_A_SPLIT)
            raise StudyFileError(f"{path}.{key} is not known for {problem.name}; {nearest(key, known)}")
    for key in problem.given:
        if key not in split.parameters and split.file is None:
            raise StudyFileError(f"{path}.{key} is missing; write a list of values or {{linspace: [low, high, count]}}")
    for key in ("share", "order", "columns", "bootstrap"):
        if split.file is None and getattr(split, key) != getattr(NO_FILE, key):
            raise StudyFileError(f"{path}.{key} belongs to a file; write file, too, or remove it")
    held = [region for region in dict.fromkeys(problem.region_of.values()) if region in problem.domain.regions]
    for region in split.drawn.counts:
        if region not in problem.domain.regions:
            raise StudyFileError(
                f"{path}.points.{region} is no region of {problem.name}; "
                f"{nearest(region, problem.domain.regions)} (something holds on {', '.join(held)})"
            )
        if region != INTERIOR and region not in held:
            raise StudyFileError(
                f"{path}.points.{region}: nothing holds on {region}, so that nobody reads these points; remove it, or "
                f"write another of: {', '.join(held)}"
            )
    waves = math.prod(map(len, split.parameters.values()))
    if waves > MOST_WAVES:
        raise StudyFileError(f"{path} has {waves} waves; write at most {MOST_WAVES}, i.e. fewer values")
    points = waves * sum(split.drawn.counts.values())
    if points > MOST_POINTS:
        raise StudyFileError(f"{path} has {points} points (waves × points); write at most {MOST_POINTS} altogether")
    columns = len(problem.axes) + len(problem.parameters) + len(problem.outputs)
    if (size := points * columns * 8 / 2**30) > MOST_GIB:
        raise StudyFileError(f"{path} takes {size:.1f} GiB; write fewer points, {MOST_GIB} GiB is the most")


def _told_apart_by_waves(study: Study, *names: str) -> bool:
    """Whether splits are parts of a family: not where observations have their shares, nor where no data teaches and all
    of it is one wave, which is solved.
    """
    parts = [study.data.splits[name] for name in names]
    one_wave = all(len(values) == 1 for part in parts for values in part.parameters.values())
    solved = one_wave and (role_of(DATA, study.training.roles) == "measured" or seeks_data(study.projection))
    return not solved and all(part.file is None for part in parts)


def _check_leak(problem: Problem, data: Data, name: str, used: str) -> None:
    """Splits are grids, so they share a wave where they share a value of every parameter."""
    own, others = (data.splits[split].parameters for split in (name, used))
    wave = {key: _first_shared(own[key], sorted(others[key])) for key in problem.given}
    if None not in wave.values():
        values = ", ".join(f"{key} {value:g}" for key, value in wave.items())
        raise StudyFileError(f"data.{name}: the wave {values} is also a {LEAKS[name, used]}; write other values")


def _first_shared(values: Sequence[float], others: Sequence[float]) -> float | None:
    """The first of these values that is among the others, which are sorted."""
    for value in values:
        place = bisect(others, value)
        if any(_same(value, other) for other in others[max(0, place - 1) : place + 1]):
            return value
    return None


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _check_shares(data: Data) -> None:
    """No row of a file belongs to two splits, and none that measures is drawn anew."""
    for name, split in data.splits.items():
        if name != "train" and split.bootstrap is not None:
            raise StudyFileError(
                f"data.{name}.bootstrap is {split.bootstrap}, and only what trains is drawn anew; remove it"
            )
    known = {name: split for name, split in data.splits.items() if split.file is not None}
    found: dict[str, tuple[Path, Share, Order]] = {}
    for name, split in known.items():
        with naming(f"data.{name}: "):
            found[f"data.{name}"] = find_file(str(split.file)), split.share, split.order
    require_disjoint(found)


def _check_points(points: Mapping[str, Mapping[str, PointSet]], name: str, used: str) -> None:
    """Where there is one wave, or nothing to learn but what holds at points, these are all there is to separate."""
    if INTERIOR not in points[name] or INTERIOR not in points[used]:
        return
    own, others = (_points_of_waves(points[split][INTERIOR]) for split in (name, used))
    if (others == own[0]).all(dim=1).any() and {*map(tuple, own.tolist())} <= {*map(tuple, others.tolist())}:
        raise StudyFileError(
            f"data.{name}: each of its points is also a {LEAKS[name, used].replace('wave', 'point')}; "
            "write sampling: random, or another number of points"
        )


def _points_of_waves(points: PointSet) -> Tensor:
    """Coordinates and parameters of all points, (N, D + K)."""
    return torch.cat([points.x, points.p], dim=1)


def check_sizes(study: Study) -> None:
    """Lists and networks are none that no machine holds. Raises StudyFileError."""
    searched = [(path, found.distribution) for path, found in study.search.items()]
    choices = {path: found.values for path, found in searched if isinstance(found, Choice)}
    for path, values in choices.items():
        if len(values) > MOST_CHOICES:
            raise StudyFileError(f"search.{path}.choice has {len(values)} values; write at most {MOST_CHOICES}")
    listed = sum(len(values) for split in study.data.splits.values() for values in split.parameters.values())
    if (count := listed + sum(map(len, choices.values()))) > MOST_VALUES:
        raise StudyFileError(f"data and search list {count} values; write at most {MOST_VALUES} altogether")
    settings = write(study)
    for path, most in MOST.items():
        block, _, key = path.partition(".")
        counts = (settings[block] or {}).get(key, 0)
        for count in counts.values() if isinstance(counts, Mapping) else (counts,):
            if count > most:
                raise StudyFileError(f"{path} is {count}; write at most {most}")
    _check_candidates(study)
    if (layers := len(getattr(study.network, "widths", ()))) > MOST_LAYERS:
        raise StudyFileError(f"network.widths has {layers} layers; write at most {MOST_LAYERS}")
    if isinstance(study.network, NetworkChoice):  # is counted when it is built
        return
    with naming("network: "):
        parameters = parameter_count(study.network)
    _require_holdable(parameters)


def _check_candidates(study: Study) -> None:
    """A refinement draws no more points at once than a split may have."""
    train = study.data.train
    waves = math.prod(map(len, train.parameters.values()))
    for region, refinement in study.training.refine.items():
        _require_few(f"training.refine.{region}", refinement, waves * train.drawn.counts.get(region, 1))
    if isinstance(study.projection, LeastSquaresSolver) and study.projection.refine is not None:
        _require_few("projection.refine", study.projection.refine, by_region(study.projection.points)[INTERIOR])


def _require_few(where: str, refinement: Refinement, points: int) -> None:
    if (candidates := points * refinement.candidates) > MOST_POINTS:
        raise StudyFileError(
            f"{where}.candidates is {refinement.candidates}, which makes {candidates} points; write fewer, "
            f"{MOST_POINTS} is the most"
        )


def _require_holdable(parameters: int) -> None:
    if parameters > MOST_PARAMETERS:
        raise StudyFileError(
            f"network has {parameters} parameters; write smaller widths, {MOST_PARAMETERS} is the most"
        )


def _check_metric_of_optimizer(study: Study) -> None:
    with naming("training."):
        require_value(study.training.optimizer, study.training.method)
    optimizer, method = study.training.optimizer.name, study.training.method
    if optimizer in WITHOUT_METRIC and getattr(method, "preconditioner", None) == "optimizer":
        raise StudyFileError(
            f"training.method.preconditioner is optimizer, but {optimizer} has no diagonal metric; write "
            "preconditioner: identity, or optimizer: {name: adam}"
        )
    if optimizer in WITHOUT_METRIC and getattr(method, "project", None) == "update":
        raise StudyFileError(
            f"training.method.project is update, but {optimizer} has no diagonal metric; write project: gradient, or "
            "optimizer: {name: adam}"
        )


def _check_objectives(study: Study) -> None:
    if not 1 <= len(study.objectives) <= MOST_OBJECTIVES:
        raise StudyFileError(f"objectives: write 1 to {MOST_OBJECTIVES} metrics, got {len(study.objectives)}")


def _check_scheduler(study: Study) -> None:
    scheduler = study.tune.scheduler
    if scheduler.name == "none":
        return
    if scheduler.metric is None:
        raise StudyFileError(f"tune.scheduler.metric is missing; write what {scheduler.name} compares, e.g. {USUAL[0]}")
    if scheduler.grace >= study.training.epochs:
        raise StudyFileError(
            f"tune.scheduler.grace is {scheduler.grace}, but a trial has {some(study.training.epochs, 'epoch')}, so "
            f"{scheduler.name} would never stop one; write fewer, or scheduler: {{name: none}}"
        )
