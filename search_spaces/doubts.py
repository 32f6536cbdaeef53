"""What is no error in a study file, but hardly meant: an exact solution that violates the residual."""

from cnn_core.misfit import misfits
from cnn_core.problems import sample
from search_spaces.checks import split_seed, splits
from search_spaces.problems import build_problem
from search_spaces.schema import Study


def doubts(study: Study) -> list[str]:
    """A line for each residual that the exact solution does not satisfy at the points of the three splits."""
    problem = build_problem(study.problem)
    drawn = [sample(problem, split, seed=split_seed(study, name)) for name, split in splits(study.data)]
    return [f"problem {study.problem.name!r}: {misfit}" for misfit in misfits(problem, *drawn)]
