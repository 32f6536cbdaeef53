"""Whether what a training asks for is there: points where something holds, roles and weights of what there is, and what
the method needs.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import Literal

from cnn_core.problems import DATA, PointSet, Problem
from cnn_core.rehearsal import Cast
from cnn_core.renewal import require_renewal
from cnn_core.solvers import seeks_data
from cnn_core.tasks import Points, require_need, require_roles, role_of, tasks
from search_spaces.errors import StudyFileError, naming, nearest
from search_spaces.networks import build_network
from search_spaces.schema import Study
from search_spaces.splits import observations_in


def check_training(study: Study, problem: Problem, points: Mapping[str, PointSet]) -> None:
    """Raises StudyFileError for a training that cannot run on these points, by region."""
    with naming("training."):
        require_roles(problem, study.training.roles)
    if study.training.roles.get(DATA) == "objective" and not any(part.observed for part in points.values()):
        raise StudyFileError(
            "training.roles.data is objective, but data.train has no data; write a file, points on the interior of a "
            "problem with a solution, or remove it"
        )
    _check_weights(study, problem)
    _check_regions(study, problem, points)
    with naming("training."):
        model = Cast(build_network(study.network), 0, study.training.dtype).model(problem, narrow=True)
        method = study.training.method
        if study.training.epochs:
            found = tasks(model, points, study.training.roles)
            require_need(method.name, method.needs, found)
            method.start(found, points)  # which refuses what cannot be
        drawn = [region for region in points if region in problem.domain.regions]
        require_renewal(study.training.resample, study.training.refine, drawn, method)
    if isinstance(study.training.batch_size, Mapping):
        _check_batch_sizes(study.training.batch_size, points)


def _check_weights(study: Study, problem: Problem) -> None:
    known = tuple(problem.region_of)
    for name in getattr(study.training.method, "weights", ()):
        if name not in known:
            raise StudyFileError(
                f"training.method.weights.{name} weighs nothing that {problem.name} has; {nearest(name, known)}"
            )


def _check_regions(study: Study, problem: Problem, points: Mapping[str, PointSet]) -> None:
    """No condition without points, where something is trained."""
    if not study.trains:
        return
    for key, region in problem.region_of.items():
        if region not in points and role_of(key, study.training.roles) != "measured":
            raise StudyFileError(
                f"data.train.points has none on {region}, where {key!r} should hold; write points: {{{region}: 100, "
                f"…}}, or training.roles: {{{key}: measured}}"
            )


def _check_batch_sizes(sizes: Mapping[str, int], points: Mapping[str, PointSet]) -> None:
    for region in sizes:
        if region not in points:
            raise StudyFileError(
                f"training.batch_size.{region} is no region with training points; {nearest(region, tuple(points))}"
            )
    for region in points:
        if region not in sizes:
            raise StudyFileError(f"training.batch_size.{region} is missing; write a whole number")


def check_projection(study: Study, problem: Problem, splits: Mapping[str, Points]) -> None:
    """Raises StudyFileError where a solver lacks what it needs: points wherever conditions are to be enforced, and
    observations of every wave that it brings near them.
    """
    if study.projection is None:
        return
    with naming("projection."):
        study.projection.require(problem)
    if not seeks_data(study.projection):
        return
    seen = observations_in(splits["train"])
    if seen is None:
        raise StudyFileError(
            "projection.nearest is data, and data.train has none; give it a file, or write nearest: function"
        )
    waves = [wave for name in ("validation", "test") for wave in _waves(splits[name], study.projection.waves)]
    for wave in waves:
        if not len(seen.of(seen.p.new_tensor(wave))):
            named = ", ".join(f"{name} {value:g}" for name, value in zip(problem.given, wave, strict=True))
            raise StudyFileError(
                f"projection.nearest is data, and data.train has none of the wave {named}, which is to be projected; "
                "validate and test on waves that have some, or write nearest: function"
            )
    if problem.unknowns and len({*waves}) > 1:
        raise StudyFileError(
            f"projection.nearest is data, which solves each of {len({*waves})} waves by itself, and "
            f"{', '.join(problem.unknowns)} is the same for all; write one wave, or nearest: function"
        )


def _waves(points: Points, most: int | Literal["all"]) -> list[tuple[float, ...]]:
    """The parameters of the waves of a split, by region, that are projected, as far as they have points."""
    found = dict[int, tuple[float, ...]]()
    for part in points.values():
        first = accumulate(part.wave_sizes, initial=0)
        for index, (at, size) in enumerate(zip(first, part.wave_sizes, strict=False)):
            if size and (most == "all" or index < most):
                found[index] = tuple(part.p[at].tolist())
    return [found[index] for index in sorted(found)]
