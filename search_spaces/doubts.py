"""What is no error in a study file and hardly meant: wrong solutions or units, what nothing finds, absent GPUs."""

import math

import torch

from cnn_core.construction import fresh
from cnn_core.methods import Batch
from cnn_core.misfit import misfits
from cnn_core.problems import DATA, PointSet, Problem, by_region
from cnn_core.solvers import seeks_data
from cnn_core.tasks import role_of
from search_spaces.contestants import plain_studies, searched
from search_spaces.drawn import Drawn
from search_spaces.measured import PROJECTED, is_observed, projected
from search_spaces.networks import build_network
from search_spaces.schema import Choice, Integer, NetworkChoice, Study, Uniform

FAR, NOTHING = 100.0, 1e-12
"""Outputs so many times larger or smaller than 1 are in no unit for a network, which begins near 1; below: rounding."""

FEW_STEPS, ENOUGH_STEPS = 500, 1000
"""Of a warm-up before an unknown is found. The width of a boundary layer, 0.05, was found from 15 noisy values as 0.11
to 0.43 after 80 steps, 0.12 to 0.13 after 200, 0.080 to 0.089 after 500, 0.052 to 0.064 after 1000, 0.049 after 2000.
"""


def doubts(study: Study) -> list[str]:
    """A line for each thing in a study that contradicts what it is for."""
    drawn = Drawn(study)
    return [
        *_misfits(drawn),
        *_far_from_one(drawn),
        *never_found(study),
        *_of_random_parameters(study),
        *_warm_up_alone(drawn),
        *_short_warm_up(drawn),
        *_undamped(study),
        *_few_rows(drawn),
    ]


def _misfits(drawn: Drawn) -> list[str]:
    """Of each residual that the exact solution does not satisfy at the points of the three splits."""
    study, problem = drawn.study, drawn.problem
    if not problem.has_solution:
        return []
    regions: dict[str, list[PointSet]] = {}
    for name in study.data.splits:
        for region, part in drawn.points(name).items():
            regions.setdefault(region, []).append(part)
    found = [misfit for region, parts in regions.items() for misfit in misfits(problem.on(region), *parts)]
    return [f"problem {study.problem.name!r}: {misfit}" for misfit in found]


def _far_from_one(drawn: Drawn) -> list[str]:
    """Of each output whose training data are of another size than what a network returns that knows no values yet."""
    study, problem = drawn.study, drawn.problem
    networks = [plain.network for plain in drawn.plain.values()]
    knowing = all(isinstance(network, NetworkChoice) or network.hard for network in networks)
    if knowing or not is_observed(problem, study.data.train):
        return []
    known = [part.known for part in drawn.points("train").values() if part.observed]
    sizes = torch.cat(known).square().nanmean(0).sqrt().tolist()
    return [
        f"data.train: {name} is about {size:.3g} (root mean square), and networks return numbers near 1 at first; "
        "write problem and data in units in which it is about 1"
        for name, size in zip(problem.outputs, sizes, strict=True)
        if size > FAR or NOTHING < size < 1 / FAR
    ]


def never_found(study: Study) -> list[str]:
    """Of each unknown that some contestant does not train, nor search the start of, nor solve for: it is held fixed."""
    found = {
        name: unknown.start
        for plain in plain_studies(study).values()
        if not plain.trains and not _always_seeks(plain)
        for name, unknown in plain.problem.unknown.items()
        if f"problem.unknown.{name}.start" not in plain.search
    }
    return [
        f"problem.unknown.{name}: with training.epochs 0 nothing finds it, and the PDE is solved with its start, "
        f"{start:g}; write projection: {{solver: lm, nearest: data, …}}, train some epochs, or search "
        f"problem.unknown.{name}.start"
        for name, start in found.items()
    ]


def _always_seeks(plain: Study) -> bool:
    """Whether all projections bring networks near data, whichever are searched."""
    searched = [
        plain.search[path].distribution for path in ("projection.solver", "projection.nearest") if path in plain.search
    ]
    others = [
        one for found in searched if isinstance(found, Choice) for one in found.values if one not in ("lm", "data")
    ]
    return seeks_data(plain.projection) and not others


def _few_rows(drawn: Drawn) -> list[str]:
    """Of each network with more parameters than there are rows to enforce, where nothing keeps it near a smooth one."""
    found: list[str] = []
    for name, plain in drawn.plain.items():
        if not seeks_data(plain.projection):
            continue
        problem, counts = drawn.problem, by_region(plain.projection.points)
        rows = sum(count * len(problem.on(region).constraints) for region, count in counts.items())
        size = sum(one.numel() for one in fresh(build_network(plain.network), problem, seed=0).parameters())
        if rows < size:
            found.append(
                f"{'' if name is None else f'{name}: '}projection.points make {rows} rows, and the network has {size} "
                "parameters: it may obey the PDE at these points alone; write more points, or smaller network.widths"
            )
    return found


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


def _warm_up_alone(drawn: Drawn) -> list[str]:
    """Of each warm-up that is as long as the training, or may be: the constraints never act."""
    found = dict[str, str]()
    for plain in drawn.plain.values():
        path, longest = _longest_warm_up(plain)
        if 0 < plain.training.epochs <= longest and _has_objective(plain, drawn.problem):
            found[path] = f"{path} is up to {longest:g}, and training.epochs {plain.training.epochs}"
    return [f"{line}: the constraints act after the warm-up alone; make it shorter" for line in found.values()]


def _short_warm_up(drawn: Drawn) -> list[str]:
    """Of each warm-up that is too short for the network to learn the data, by which the constraints find an unknown."""
    found: list[str] = []
    for name, plain in drawn.plain.items() if drawn.problem.unknowns else ():
        path, longest = _longest_warm_up(plain)
        if not hasattr(plain.training.method, "warm_up") or not _has_objective(plain, drawn.problem):
            continue
        if plain.trains and (steps := longest * (each := drawn.steps(plain))) < FEW_STEPS:
            whose, most = "" if name is None else f"{name}: ", " at most" * path.startswith("search.")
            found.append(
                f"{whose}{path} is{most} {longest:g}, {steps:g} steps at {each} an epoch: few to learn data in, before "
                f"constraints act and find {', '.join(drawn.problem.unknowns)}; write {math.ceil(ENOUGH_STEPS / each)} "
                "or more, and as many epochs after it, or smaller batches"
            )
    return found


def _longest_warm_up(plain: Study) -> tuple[str, float]:
    """Where it stands, and the epochs that it has, or may have; 0 for methods without."""
    path = "training.method.warm_up"
    match plain.search[path].distribution if path in plain.search else None:
        case Uniform() | Integer() as drawn:
            return f"search.{path}", drawn.high
        case Choice(values):
            return f"search.{path}", max((one for one in values if isinstance(one, int | float)), default=0.0)
    return path, getattr(plain.training.method, "warm_up", 0.0)


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
