"""New training points on the way: drawn anew every few epochs, or adaptively, where the residual is large.

A refinement keeps the first points of every wave as they were drawn, which cover the region evenly, and replaces the
others by some of many candidates, each of which is picked with a probability in proportion to

    |g| / mean |g| + 1,        |g| the norm of the residuals there,

so that points gather where the residual is large and none of the region is forgotten.

Reference: Wu, Zhu, Tan, Kartha & Lu 2023, "A comprehensive study of non-adaptive and residual-based adaptive sampling
for physics-informed neural networks" (RAD with k = c = 1).

Axis names: W waves, n points of each, a of them adaptive, m candidates of each, C constraints.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import measure
from cnn_core.problems import DATA, PointSet, ProblemError

Draw = Callable[[str, int, int], PointSet]
"""(region, times as many points, seed) → points of the same waves, drawn like those of a training."""

SEED_STEP = 49_979_687
"""Between the seeds of two epochs."""


@dataclass(frozen=True)
class Refinement:
    """Every so many epochs a `share` of the points is chosen anew among `candidates` times as many."""

    every: int = 20
    share: float = 0.5
    candidates: int = 10

    def __post_init__(self) -> None:
        if self.every < 1 or self.candidates < 1:
            raise ValueError(f"every and candidates must be at least 1, got {self.every} and {self.candidates}")
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {self.share}")


@dataclass(frozen=True)
class Renewal:
    """Which regions get new points: all of them every `resample` epochs, or each as often as is said by its name; and
    those that are refined.
    """

    draw: Draw
    resample: int | Mapping[str, int] = field(default_factory=dict)
    refine: Mapping[str, Refinement] = field(default_factory=dict)
    seed: int = 0

    def due(self, region: str, epoch: int) -> bool:
        """Whether a region has new points from this epoch on."""
        return self._drawn_anew(region, epoch) or self._refined(region, epoch)

    def points(self, region: str, epoch: int, model: ConstrainedNetwork, theta: Tensor, points: PointSet) -> PointSet:
        """The points of a region from this epoch on, for the network θ (P,) of now."""
        seed = self.seed + SEED_STEP * epoch
        if self._drawn_anew(region, epoch):
            points = self.draw(region, 1, seed)
        if self._refined(region, epoch):
            points = refined(self.refine[region], model.on(region), theta, points, self._candidates(region, seed), seed)
        return points

    def _candidates(self, region: str, seed: int) -> PointSet:
        return self.draw(region, self.refine[region].candidates, seed + 1)

    def _drawn_anew(self, region: str, epoch: int) -> bool:
        every = self.resample if isinstance(self.resample, int) else self.resample.get(region)
        return region != DATA and every is not None and epoch > 0 and epoch % every == 0

    def _refined(self, region: str, epoch: int) -> bool:
        return region in self.refine and epoch > 0 and epoch % self.refine[region].every == 0


def refined(
    refinement: Refinement,
    model: ConstrainedNetwork,
    theta: Tensor,
    points: PointSet,
    candidates: PointSet,
    seed: int,
) -> PointSet:
    """The first points of every wave, and some of its candidates, where the residual at θ (P,) is large."""
    size = len(points) // points.waves
    count = max(1, round(refinement.share * size))
    sizes = measure(model, theta, candidates).residuals.double().norm(dim=1).reshape(points.waves, -1)
    first = sizes.shape[1] * torch.arange(points.waves, device=sizes.device)[:, None]
    chosen = picked(sizes, count, seed) + first
    kept = torch.arange(len(points), device=points.x.device).reshape(points.waves, size)[:, : size - count]
    return points.merged(kept, candidates, chosen)


def picked(sizes: Tensor, count: int, seed: int) -> Tensor:
    """`count` different candidates of every wave, (W, count), for the sizes |g| (W, m) of their residuals."""
    weights = sizes / sizes.mean(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny) + 1
    weights = torch.nan_to_num(weights, nan=1.0, posinf=1.0).cpu()
    return torch.multinomial(weights, count, generator=torch.Generator().manual_seed(seed)).to(sizes.device)


def require_renewal(
    resample: int | Mapping[str, int], refine: Mapping[str, Refinement], regions: Collection[str], method: object
) -> None:
    """Raises ProblemError for regions whose points are not drawn, and for a method whose multipliers belong to them."""
    known = [region for region in regions if region != DATA]
    for what, named in (("resample", {} if isinstance(resample, int) else resample), ("refine", refine)):
        for region in named:
            if region not in known:
                raise ProblemError(f"{what}.{region} has no points that are drawn; write some of: {', '.join(known)}")
    if (resample or refine) and getattr(method, "per_point", False):
        raise ProblemError(
            f"method {getattr(method, 'name', '')} has a multiplier for each point, which must stay; write another "
            "method, or neither resample nor refine"
        )
