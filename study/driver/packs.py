"""How many trials share a process: as many as the study file says, or as many as pay, by a measurement.

Packs are for those who have more trials than room. Where the nodes hold all at once, each is fastest by itself; and of
a search that learns from what has ended, no more than a quarter runs at the same time.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Any, cast
from uuid import uuid4

import ray
from ray.exceptions import GetTimeoutError, RayError

from search_spaces.counts import some
from search_spaces.errors import one_line
from search_spaces.kinds import trials_of
from search_spaces.load import dump_yaml
from search_spaces.schema import Resources, Study
from study.pack.office import PackOffice
from study.pack.rehearsal import MOST, Rehearsed, rehearsed, told_of

PAYS = 0.8
"""The fraction of a step's time below which a pack is worth it."""

SECONDS_TO_START = 1.1
"""What the small process of a member takes of a processor, once."""

LEARNERS, SHARE_AT_ONCE = ("tpe", "gp", "nsga2"), 4
SECONDS_TO_REHEARSE = 300.0

FINEST = 10_000
"""Ray counts resources in such parts of one."""


@dataclass(frozen=True)
class Packing:
    """How many trials are in a pack, 1 if there are none, and why."""

    size: int = 1
    reason: str | None = None

    @property
    def packs(self) -> bool:
        """Whether there are any."""
        return self.size > 1


def decided(study: Study, *, slots: int, trials: int, folders: Sequence[str]) -> Packing:
    """The packing of a study that has so many `trials` to run, of which the nodes hold `slots` at once.

    `folders` are those of the user's own modules, where trials run.
    """
    pack = study.resources.pack
    if pack != "auto":
        return Packing(pack or 1)
    if study.training.compile:
        return Packing(1, "no packs: training.compile compiles the steps of each trial")
    size = _worth_trying(study, slots=slots, trials=trials)
    if size == 1:
        return Packing(1, f"no packs: {some(slots, 'trial')} at once will do")
    try:
        return _judged(_rehearse(study, size, folders), size, each=trials / slots)
    except (RayError, GetTimeoutError) as error:
        return Packing(1, f"no packs: whether they pay could not be measured ({one_line(error)})")


def _worth_trying(study: Study, *, slots: int, trials: int) -> int:
    tune = study.tune
    if tune.sampler in LEARNERS:
        trials = trials // SHARE_AT_ONCE
    if tune.max_concurrent != "auto":
        trials = min(trials, tune.max_concurrent)
    return max(1, min(MOST, math.ceil(trials / slots)))


def _rehearse(study: Study, size: int, folders: Sequence[str]) -> Mapping[str, Rehearsed]:
    """Where a trial would run."""
    resources = study.resources
    task = ray.remote(num_cpus=resources.cpu, num_gpus=resources.gpu, max_retries=0)(cast(Any, rehearsed))
    trials = {name: dump_yaml(trial) for name, trial in trials_of(study).items()}
    return ray.get(task.remote(trials, folders, members=size), timeout=SECONDS_TO_REHEARSE)


def _judged(found: Mapping[str, Rehearsed], size: int, *, each: float) -> Packing:
    """Whether all kinds of trials together are done sooner, where each slot has so many of them."""
    ratio, saved = (fmean(getattr(one, name) for one in found.values()) for name in ("ratio", "saved"))
    told = f"in packs of {size} a step takes {ratio:.2f} of its time ({'; '.join(told_of(found))})"
    if ratio >= PAYS:
        return Packing(1, f"no packs: {told}")
    if each * saved < (start := SECONDS_TO_START * size):
        return Packing(1, f"no packs: {told}, but to start them takes {start:.0f} s, and saves {each * saved:.2g} s")
    return Packing(size, told)


def share(resources: Resources, packing: Packing) -> dict[str, float]:
    """What each trial asks Ray for; the members of a pack together ask for no more than one trial."""
    return {
        name: math.floor(FINEST * amount / packing.size + 1e-6) / FINEST
        for name, amount in (("cpu", resources.cpu), ("gpu", resources.gpu))
    }


@contextmanager
def office(resources: Resources, packing: Packing) -> Iterator[Mapping[str, Any]]:
    """While entered, packs can be joined; yields what members must know for that."""
    name = f"packs-{uuid4().hex}"
    actor = ray.remote(PackOffice).options(name=name, num_cpus=0, max_restarts=-1, max_task_retries=-1)
    opened: Any = actor.remote(packing.size, resources.cpu, resources.gpu)
    try:
        yield {"office": name}
    finally:
        ray.kill(opened)
