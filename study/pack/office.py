"""Which pack a trial joins: a Ray actor that opens packs where trials come to, and knows who is in which.

Packs live as long as it does, since they are its own. It knows no torch.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.pack.server import PackServer

SEED = "training.seed"
MORE_CALLS = 4
"""A pack answers so many calls besides those of its members' steps."""


@dataclass(frozen=True)
class Place:
    """Where a trial is: a node, by Ray's id, and its GPUs, as CUDA_VISIBLE_DEVICES has them."""

    node: str
    gpus: str


@dataclass
class OpenPack:
    """A pack, and the shape of each of its members."""

    server: Any
    members: dict[str, str] = field(default_factory=dict)

    def alike(self, shape: str) -> int:
        """How many of its members have this shape."""
        return Counter(self.members.values())[shape]


class PackOffice:
    """Opens packs of up to `size` trials, each pack with the cores `cpu` and the share `gpu` of a GPU."""

    def __init__(self, size: int, cpu: float, gpu: float) -> None:
        self.size, self.cpu, self.gpu = size, cpu, gpu
        self.packs: dict[Place, list[OpenPack]] = {}
        self.members: dict[str, tuple[str, OpenPack]] = {}

    def join(self, trial: str, member: str, shape: str, place: Place) -> Any:
        """The process that trains a trial from now on, for a member of this name."""
        self.leave(trial, lost=True)  # whoever asked for it before
        packs = [pack for pack in self.packs.get(place, []) if _lives(pack)]
        pack = best(packs, shape, size=self.size, most=self._most(place))
        if pack is None:
            pack = OpenPack(self._opened(place))
            packs.append(pack)
        self.packs[place] = packs
        pack.members[member] = shape
        self.members[trial] = member, pack
        return pack.server

    def leave(self, trial: str, *, lost: bool = False) -> None:
        """A trial is no longer in a pack; where its process was lost, the pack does not know."""
        if trial not in self.members:
            return
        member, pack = self.members.pop(trial)
        del pack.members[member]
        if lost:
            pack.server.leave.remote(member, save=False)

    def _most(self, place: Place) -> int:
        """How many packs a place has room for."""
        if place.gpus:
            return max(1, int(1 / self.gpu + 1e-9))
        cores = next((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["NodeID"] == place.node), 1)
        return max(1, int(cores / self.cpu + 1e-9))

    def _opened(self, place: Place) -> Any:
        there = NodeAffinitySchedulingStrategy(place.node, soft=False)
        calls = self.size + MORE_CALLS
        server = ray.remote(PackServer).options(num_cpus=0, max_concurrency=calls, scheduling_strategy=there)
        return server.remote(place.gpus)


def best(packs: list[OpenPack], shape: str, *, size: int, most: int) -> OpenPack | None:
    """The pack with a free place and the most members of this shape, of which only those are stacked.

    Where none has any, a new one (None) while there may be more than `most`, and then the emptiest.
    """
    free = [pack for pack in packs if len(pack.members) < size]
    alike = max(free, key=lambda pack: pack.alike(shape), default=None)
    if alike is not None and alike.alike(shape):
        return alike
    empty = [pack for pack in free if not pack.members]
    if empty or (free and len(packs) >= most):
        return min(free, key=lambda pack: len(pack.members))
    return None


def shape_of(values: Mapping[str, Any]) -> str:
    """What two trials of a study with these searched values have in common if their steps can be stacked, as a guess:
    all but their seeds, and numbers that are not whole, which are rates.
    """
    others = {name: value for name, value in values.items() if name != SEED and not isinstance(value, float)}
    return repr(sorted(others.items(), key=lambda item: item[0]))


def _lives(pack: OpenPack) -> bool:
    try:
        return ray.get(pack.server.is_there.remote())
    except RayActorError:
        return False
