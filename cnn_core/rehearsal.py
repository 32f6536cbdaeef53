"""A rehearsal: a problem's own functions, run as a training will run them, before there is one.

A training evaluates scale, solution and residual at all points at once (`torch.vmap`), in its own precision and by the
path of its network, and differentiates in θ. Functions that work at one point may fail there: with a Python `if` on a
tensor, with numpy, in place. What fails, and what is not finite, is told in one line: which function, where, and what
to write instead.

Axis names: N points, D coordinates, K parameters, C constraints.
"""

import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.divergence import at, not_finite
from cnn_core.linearisation import batch_terms
from cnn_core.metrics import measure
from cnn_core.networks import Description, Network
from cnn_core.problems import (
    INTERIOR,
    PointSet,
    Problem,
    ProblemError,
    Split,
    collocation_points,
    require_scales,
    sample_regions,
)
from cnn_core.problems.points import IN_PLACE

REMEDIES: Sequence[tuple[str, str, str]] = (
    ("data-dependent control flow", "it branches on a tensor", "write torch.where(condition, a, b) instead of `if`"),
    (
        r"\.item\(\)|data pointer|numpy|Can't detach views|__array",
        "it takes numbers out of a tensor",
        "write torch.sin instead of numpy's or math's, and no .item(), float() or numpy()",
    ),
    (r"in-?place", "it changes a tensor in place", "make a new one, e.g. v + 1 instead of v += 1, or by torch.stack"),
    ("dynamic shape", "it picks entries by their values", "write torch.where(condition, a, b) instead of x[condition]"),
    ("random operation", "it draws random numbers", "make it a function of its arguments alone"),
    ("does not require grad", "nothing in it is trained", "let it read u, and without .detach()"),
    (
        "dtype|scalar type",
        "it mixes float32 and float64",
        "write plain numbers in place of tensors of your own, or make these by x.new_full(…) and torch.stack",
    ),
    (
        "can't allocate|out of memory|[Oo]verflow|MemoryError|storage size",
        "it needs more memory than there is",
        "make it smaller",
    ),
)
"""What torch says → what that means, and what to write."""

FEW = 3
"""Points at which the residual is differentiated in θ."""

NARROW = (8,)
"""Widths of the network that stands in for the trained one at all points."""

MOST_RESIDUALS = 1000
"""At one point."""

LONGEST_NAME = 100
"""Letters of a residual's."""

LONGEST_REASON = 300
"""Characters of an error that is repeated."""


@dataclass(frozen=True)
class Cast:
    """Who will play: the network of a training, its seed and precision, and whether residuals are scaled."""

    network: Description
    seed: int = 0
    dtype: str = "float32"
    scaled: bool = True

    def model(self, problem: Problem, *, narrow: bool = False) -> ConstrainedNetwork:
        """The network as a training begins with it; or a narrow one of ours, which takes the same path in no time."""
        network = fresh(_narrow(self.network) if narrow else self.network, problem, seed=self.seed)
        return ConstrainedNetwork(problem, network.to(dtype=getattr(torch, self.dtype)), scaled=self.scaled)


def require_residual(problem: Problem) -> None:
    """Raises ProblemError unless the residual, and each condition's, can be run at one point."""
    with _telling(problem, "residual"):
        names = problem.constraints
    if len(names) > MOST_RESIDUALS:
        raise ProblemError(
            f"problem {problem.name!r}: residual returned {len(names)} constraints; return at most {MOST_RESIDUALS}"
        )
    for name in (problem.name, *problem.axes, *problem.parameters, *problem.outputs):
        if not isinstance(name, str):
            raise ProblemError(
                f"problem {problem.name!s:.{LONGEST_NAME}}: a name of it is a {type(name).__name__}; write its own "
                "name, and those of coordinates, parameters and outputs, as texts"
            )
    for name in names:
        if not _is_name(name):
            raise ProblemError(
                f"problem {problem.name!r}: residual returned the name {name!r:.{LONGEST_NAME}}; write a text of 1 to "
                f"{LONGEST_NAME} letters in one line"
            )
    _require_conditions(problem)


def _is_name(name: object) -> bool:
    """Whether it can stand in tables, metrics and messages."""
    return isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST_NAME


def _require_conditions(problem: Problem) -> None:
    if len(problem.conditions) > MOST_RESIDUALS:
        raise ProblemError(
            f"problem {problem.name!r} has {len(problem.conditions)} conditions; write at most {MOST_RESIDUALS}"
        )
    for key in problem.conditions:
        if not _is_name(key):
            raise ProblemError(
                f"problem {problem.name!r}: a condition has the name {key!r:.{LONGEST_NAME}}; write a text of 1 to "
                f"{LONGEST_NAME} letters in one line"
            )
    for region in dict.fromkeys(problem.region_of.values()):
        with _telling(problem, f"condition on {region}"):
            problem.on(region)


def rehearse(
    problem: Problem, split: Split, cast: Cast, *, seed: int, data: PointSet | None = None, waves: Tensor | None = None
) -> dict[str, PointSet]:
    """Run scale, solution, residual and conditions at all points that `sample_regions` draws, and return these.

    Raises ProblemError, whatever the problem's functions raise.
    """
    waves = split.waves(problem) if waves is None else waves
    with _telling(problem, "scale", p=waves[0]):
        require_scales(problem, waves)
        require_scales(problem, waves.to(getattr(torch, cast.dtype)))
    for region in dict.fromkeys(problem.region_of.values()):
        with _telling(problem, f"scale of a condition on {region}", p=waves[0]):
            require_scales(problem.on(region), waves)
    first = _first(problem, split, seed)
    with _telling(problem, "solution", first, waves[0]):
        points = sample_regions(problem, split, seed=seed, data=data, waves=waves)
    model, narrow = cast.model(problem), cast.model(problem, narrow=True)
    for region, part in points.items():
        what = "residual" if region == INTERIOR else f"condition on {region}"
        with _telling(problem, what, part.x[0], part.p[0]):
            if model.on(region).problem.constraints:
                _differentiate(model.on(region), _to(part.at(slice(FEW)), cast))
                _require_finite(model.on(region), narrow.on(region), part, cast)
    return points


def _first(problem: Problem, split: Split, seed: int) -> Tensor | None:
    """The first point of the interior, if it has any."""
    if (count := split.counts.get(INTERIOR)) is None:
        return None
    return collocation_points(problem, count, split.sampling_of(INTERIOR), seed=seed)[0]


@lru_cache
def parameter_count(network: Network) -> int:
    """How many parameters a network has at least, without making it. Raises ValueError for too many to count."""
    try:
        with torch.device("meta"):
            bare = replace(network, periodic=(), hard={})  # which name coordinates, and train nothing
            return sum(tensor.numel() for tensor in bare.build(inputs=1, parameters=1, outputs=1, seed=0).parameters())
    except (RuntimeError, TypeError, OverflowError):
        raise ValueError("it has too many parameters to count; write smaller widths") from None


def _narrow(network: Description) -> Description:
    """A network of one's own stays as it is: nobody knows what makes it narrow."""
    return replace(network, widths=NARROW) if isinstance(network, Network) else network


def _differentiate(model: ConstrainedNetwork, few: PointSet) -> None:
    """As every method does in one of these two ways."""
    theta, x, p = model.begin.requires_grad_(), few.x, few.constants
    before = x.clone(), p.clone()
    model.gradient(theta, x, p, _sum_of_squares)
    batch_terms(model, theta, x, p, few.u)
    if not all(torch.equal(now.nan_to_num(), was.nan_to_num()) for now, was in zip((x, p), before, strict=True)):
        raise ProblemError(f"problem {model.problem.name!r}: the residual {IN_PLACE}")


def _sum_of_squares(prediction: Tensor, residuals: Tensor) -> Tensor:
    return prediction.square().sum() + residuals.square().sum()


def _require_finite(model: ConstrainedNetwork, narrow: ConstrainedNetwork, points: PointSet, cast: Cast) -> None:
    """A narrow network looks at all points, the trained one where that finds something."""
    seen = _not_finite(narrow, _to(points, cast))
    suspects = points.at(seen.any(dim=1))
    if told := not_finite(model, model.begin, _to(suspects, cast), shown=suspects):
        raise ProblemError(
            f"problem {model.problem.name!r}: {told}; choose points where it is finite, or write it without what is not"
        )


def _not_finite(model: ConstrainedNetwork, points: PointSet) -> Tensor:
    return ~torch.isfinite(measure(model, model.begin, points).residuals)


def _to(points: PointSet, cast: Cast) -> PointSet:
    return points.to(dtype=getattr(torch, cast.dtype), device="cpu")


@contextmanager
def _telling(problem: Problem, function: str, x: Tensor | None = None, p: Tensor | None = None) -> Iterator[None]:
    """Around a user's function, whose errors become one line; what we ourselves say about it stays as it is."""
    try:
        yield
    except ProblemError:
        raise
    except (Exception, SystemExit, GeneratorExit) as error:  # sys.exit in a user's code must not end the program
        what = f"the {function} of problem {problem.name!r} fails{at(x, p)}"
        raise ProblemError(f"{what} ({_words(error)}") from error


def _words(error: BaseException) -> str:
    """`what is wrong, in file, line); what to write instead`."""
    try:
        said = str(error)
    except Exception:  # of a user's class
        said = ""
    message = next((line.strip() for line in said.splitlines() if line.strip()), "")
    kind = type(error).__name__
    for pattern, means, remedy in REMEDIES:
        if isinstance(error, RuntimeError | TypeError | MemoryError) and re.search(pattern, f"{kind}: {message}"):
            return f"{means}{_line_of(error)}); {remedy}"
    told = f"{kind}: {message[:LONGEST_REASON]}" if message else kind
    return f"{told}{_line_of(error)}); mend it"


def _line_of(error: BaseException) -> str:
    """`, in file.py, line 3`: the last line of the user's own that the error came through."""
    ours = (Path(__file__).parent, Path(torch.__file__).parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not any(path.is_relative_to(folder) for folder in ours):
            return f", in {path.name}, line {frame.lineno}"
    return ""
