"""Batches: what the steps of an epoch take of every region's points, in random orders."""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from cnn_core.methods.method import MiniBatch, Part
from cnn_core.problems import PointSet
from cnn_core.tasks import Task


class Batches:
    """The steps of an epoch, each with a batch of every region that teaches; whoever iterates shuffles anew.

    There are as many as the region needs whose batches are the most; the others go round again, in another order.
    `size` is one for all regions, or one for each. `points` by region may be exchanged by as many others.
    """

    def __init__(
        self, points: Mapping[str, PointSet], tasks: Sequence[Task], size: int | Mapping[str, int], seed: int
    ) -> None:
        self.points, self.tasks = dict(points), tasks
        self.sizes = _sizes(size, [task.region for task in tasks], list(points))
        self.shuffler = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return max(math.ceil(len(self.points[task.region]) / self.sizes[task.region]) for task in self.tasks)

    def __iter__(self) -> Iterator[list[Part]]:
        for step in zip(*map(self.indices, self.tasks), strict=True):
            yield [
                Part(task, _batch(self.points[task.region], index))
                for task, index in zip(self.tasks, step, strict=True)
            ]

    def indices(self, task: Task) -> list[Tensor]:
        """Which of its region's points each step of an epoch takes."""
        points, count = self.points[task.region], len(self)
        found: list[Tensor] = []
        while len(found) < count:
            order = torch.randperm(len(points), generator=self.shuffler).to(points.x.device)
            found += order.split(self.sizes[task.region])
        return found[:count]


def _sizes(size: int | Mapping[str, int], teaching: Sequence[str], regions: Sequence[str]) -> dict[str, int]:
    """One for each region that teaches."""
    sizes = size if isinstance(size, Mapping) else dict.fromkeys(teaching, size)
    for region in sizes:
        if region not in regions:
            raise ValueError(f"batch_size: {region!r} is none of the regions with points, {', '.join(regions)}")
    if missing := [region for region in teaching if region not in sizes]:
        raise ValueError(f"batch_size: there is none for {', '.join(missing)}; write one for each region")
    taken = {region: sizes[region] for region in teaching}
    if any(one < 1 for one in taken.values()):
        raise ValueError(f"batch_size must be at least 1, got {size}")
    return taken


def _batch(points: PointSet, index: Tensor) -> MiniBatch:
    weight = None if points.weight is None else points.weight[index]
    return MiniBatch(points.x[index], points.constants[index], points.u[index], index, weight)
