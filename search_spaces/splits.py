"""The points of a study's splits, by region: drawn from their seeds, with the observations of their files."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from cnn_core.problems import PointSet, Problem, sample_regions
from search_spaces.data_files import observed, waves_of
from search_spaces.schema import Study

SPLIT_SEEDS = {"train": 0, "validation": 1_986_096_233, "test": 1_952_805_748}
"""Added to the seed, so that splits drawn at random do not share their points. Others would draw other points."""


class Source(NamedTuple):
    """What a split's points are made of: a seed, the data of its file, if it has one, and its waves (W, K)."""

    seed: int
    data: PointSet | None
    waves: Tensor


def source_of(study: Study, problem: Problem, name: str) -> Source:
    """The source of a split's points. Raises StudyFileError where its file holds no observations of the problem."""
    split = study.data.splits[name]
    data = observed(problem, split, seed=study.training.seed)
    return Source(study.training.seed + SPLIT_SEEDS[name], data, waves_of(problem, split, data))


def observations_in(points: Mapping[str, PointSet]) -> PointSet | None:
    """The data among a split's points by region, if there are some."""
    return next((part for part in points.values() if part.observed), None)


def points_of(study: Study, problem: Problem, name: str) -> dict[str, PointSet]:
    """The points of a split, by region, in float64 on the CPU."""
    return sample_regions(problem, study.data.splits[name].drawn, **source_of(study, problem, name)._asdict())
