"""What is no error in a study file, but hardly meant: an exact solution that violates the residual."""

from cnn_core.misfit import misfits
from cnn_core.problems import PointSet, sample_regions
from search_spaces.checks import split_seed, splits
from search_spaces.data_files import observed, waves_of
from search_spaces.problems import build_problem
from search_spaces.schema import Study


def doubts(study: Study) -> list[str]:
    """A line for each residual that the exact solution does not satisfy at the points of the three splits."""
    problem = build_problem(study.problem)
    if not problem.has_solution:
        return []
    regions: dict[str, list[PointSet]] = {}
    for name, split in splits(study.data):
        data = observed(problem, split)
        waves = waves_of(problem, split, data)
        points = sample_regions(problem, split.drawn, seed=split_seed(study, name), data=data, waves=waves)
        for region, part in points.items():
            regions.setdefault(region, []).append(part)
    found = [misfit for region, parts in regions.items() for misfit in misfits(problem.on(region), *parts)]
    return [f"problem {study.problem.name!r}: {misfit}" for misfit in found]
