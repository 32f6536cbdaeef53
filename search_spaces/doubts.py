"""What is no error in a study file and hardly meant: wrong solutions or units, what nothing finds, absent GPUs."""

import torch

from cnn_core.methods import Batch
from cnn_core.misfit import misfits
from cnn_core.problems import DATA, PointSet, Problem
from cnn_core.tasks import role_of
from search_spaces.contestants import plain_studies, searched
from search_spaces.measured import PROJECTED, is_observed, projected
from search_spaces.problems import build_problem
from search_spaces.schema import Choice, NetworkChoice, Study, Uniform
from search_spaces.splits import points_of

FAR, NOTHING = 100.0, 1e-12
"""Outputs so many times larger or smaller than 1 are in no unit for a network, which begins near 1; below: rounding."""


def doubts(study: Study) -> list[str]:
    """A line for each thing in a study that contradicts what it is for."""
    return [
        *_misfits(study),
        *_far_from_one(study),
        *_never_found(study),
        *_of_random_parameters(study),
        *_warm_up_alone(study),
        *_undamped(study),
    ]


def _misfits(study: Study) -> list[str]:
    """Of each residual that the exact solution does not satisfy at the points of the three splits."""
    problem = build_problem(study.problem)
    if not problem.has_solution:
        return []
    regions: dict[str, list[PointSet]] = {}
    for name in study.data.splits:
        for region, part in points_of(study, problem, name).items():
            regions.setdefault(region, []).append(part)
    found = [misfit for region, parts in regions.items() for misfit in misfits(problem.on(region), *parts)]
    return [f"problem {study.problem.name!r}: {misfit}" for misfit in found]


def _far_from_one(study: Study) -> list[str]:
    """Of each output whose training data are of another size than what a network returns that knows no values yet."""
    problem = build_problem(study.problem)
    networks = [plain.network for plain in plain_studies(study).values()]
    knowing = all(isinstance(network, NetworkChoice) or network.hard for network in networks)
    if knowing or not is_observed(problem, study.data.train):
        return []
    known = [part.known for part in points_of(study, problem, "train").values() if part.observed]
    sizes = torch.cat(known).square().nanmean(0).sqrt().tolist()
    return [
        f"data.train: {name} is about {size:.3g} (root mean square), and networks return numbers near 1 at first; "
        "write problem and data in units in which it is about 1"
        for name, size in zip(problem.outputs, sizes, strict=True)
        if size > FAR or NOTHING < size < 1 / FAR
    ]


def _never_found(study: Study) -> list[str]:
    """Of each unknown that some contestant neither trains nor searches the start of: a projection holds it fixed."""
    found = {
        name: unknown.start
        for plain in plain_studies(study).values()
        if not plain.trains
        for name, unknown in plain.problem.unknown.items()
        if f"problem.unknown.{name}.start" not in plain.search
    }
    return [
        f"problem.unknown.{name}: with training.epochs 0 nothing finds it, and the PDE is solved with its start, "
        f"{start:g}; train some epochs, or search problem.unknown.{name}.start"
        for name, start in found.items()
    ]


def _of_random_parameters(study: Study) -> list[str]:
    """Of each objective and bound that is measured before anything has moved the parameters, which nothing trains.

    Contestants that train nothing have theirs of projections by themselves.
    """
    if study.trains:
        return []
    return [
        f"{block}.{name} is measured of random parameters, since training.epochs is 0; write {projected(name)}"
        for block in ("objectives", "bounds")
        for name in getattr(study, block)
        if not name.startswith(PROJECTED)
    ]


def _warm_up_alone(study: Study) -> list[str]:
    """Of each warm-up that is as long as the training, or may be: the constraints never act."""
    problem, found = build_problem(study.problem), dict[str, str]()
    for plain in plain_studies(study).values():
        longest, path = getattr(plain.training.method, "warm_up", 0.0), "training.method.warm_up"
        if path in plain.search and isinstance(drawn := plain.search[path].distribution, Uniform):
            longest, path = drawn.high, f"search.{path}"
        if 0 < plain.training.epochs <= longest and _has_objective(plain, problem):
            found[path] = f"{path} is up to {longest:g}, and training.epochs {plain.training.epochs}"
    return [f"{line}: the constraints act after the warm-up alone; make it shorter" for line in found.values()]


def _has_objective(study: Study, problem: Problem) -> bool:
    roles = study.training.roles
    learns = role_of(DATA, roles) == "objective" and is_observed(problem, study.data.train)
    return learns or "objective" in [role for name, role in roles.items() if name != DATA]


def _undamped(study: Study) -> list[str]:
    """Of `batch` under another optimizer than gradient descent without damping, if nobody searches any."""
    found = [
        plain.training.optimizer.name
        for plain in plain_studies(study).values()
        if isinstance(method := plain.training.method, Batch)
        and plain.trains
        and method.damping == 0
        and plain.training.optimizer.name != "sgd"
        and "training.method.damping" not in plain.search
    ]
    return [
        f"training.method.damping is 0: under {name} undamped multipliers of batch hardly let a network learn; "
        "begin with damping: 0.01 and gain: 0.3"
        for name in dict.fromkeys(found)
    ]


def lacking(study: Study) -> list[str]:
    """A line if trials of this study need a GPU and this machine has none: it may be meant for another one."""
    found = searched(study).get("training.device")
    devices = found.values if isinstance(found, Choice) else ()
    fixed = [plain.training.device for plain in plain_studies(study).values()]
    if "cuda" not in (*fixed, *devices) or torch.cuda.is_available():
        return []
    return ["training.device is cuda, and torch sees no GPU on this machine: run the study on one that has a GPU"]
