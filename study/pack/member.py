"""A trial as a Ray Tune actor whose pack trains it: a process that loads no torch, and only asks and tells.

To Tune it is what `study.trial.actor` is. Its config has the name of the `office` of packs, too. If the pack's process
is lost, so is this one: Tune then starts the trial again, from its checkpoint, in another pack.
"""

import sys
from contextlib import suppress
from typing import Any
from uuid import uuid4

import ray
from ray import tune
from ray.exceptions import RayActorError

from study.pack.office import Place, shape_of

PACK_LOST = 76
"""The exit code of a member whose pack's process was lost."""


class PackMember(tune.Trainable):
    """Has one trial after another trained by a pack; a new one starts with a new config."""

    pack: Any = None

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self.request = new_config
        return True

    def step(self) -> dict[str, Any]:
        try:
            self.pack = self.pack or self._join()
            return ray.get(self.pack.step.remote(self.member, self.request))
        except RayActorError:
            sys.exit(PACK_LOST)

    def cleanup(self) -> None:
        """Called when a trial was stopped before its end, too."""
        if self.pack is None:
            return
        with suppress(RayActorError):  # whose trial is started again
            ray.get(self.pack.leave.remote(self.member))
            self.office.leave.remote(self.request["trial"])
        self.pack = None

    def _join(self) -> Any:
        self.office = ray.get_actor(self.request["office"])
        self.member, trial = uuid4().hex, self.request["trial"]
        place = Place(ray.get_runtime_context().get_node_id(), ",".join(map(str, ray.get_gpu_ids())))
        return ray.get(self.office.join.remote(trial, self.member, shape_of(self.request["values"]), place))
