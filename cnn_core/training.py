"""Constrained training: θ ← optimizer(θ, method's direction), over shuffled batches, epoch by epoch.

`train` is the whole of it; `Training` is the same, one epoch at a time, for callers that report, prune or checkpoint.
"""

import copy
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from cnn_core.batches import Batches
from cnn_core.capture import Recorder
from cnn_core.clock import Clock
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.decisions import host_decides
from cnn_core.divergence import UNEXPLAINED, cause
from cnn_core.methods.method import Direction, Method, MiniBatch, Part, State, Step, Watch, require_value
from cnn_core.optimizers import Adam, Optimizer, searches_at
from cnn_core.problems import PointSet, by_region
from cnn_core.rates import in_training
from cnn_core.renewal import Renewal, require_renewal
from cnn_core.schedules import value_at
from cnn_core.tasks import Roles, require_need, tasks


class TrainingStatus(StrEnum):
    """Where a training stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    DIVERGED = "diverged"  # a direction or θ was not finite; θ is the last finite one


@dataclass
class Training:
    """A training in progress on points by region, or of the interior alone, whose dtype and device are those of θ.

    `batch_size` is one for all regions, or one for each. `roles` say what teaches how (`cnn_core.tasks`), `renewal`
    which points are drawn anew on the way. `record` lets a GPU play recorded steps (`cnn_core.capture`). `gradient` is
    the method's last direction, `recorded` whether its step was; `reason` says why and where it diverged, if it did.
    """

    model: ConstrainedNetwork
    points: PointSet | Mapping[str, PointSet]
    method: Method
    optimizer: Optimizer = field(default_factory=Adam)
    batch_size: int | Mapping[str, int] = 1000
    epochs: int = 30
    seed: int = 0
    roles: Roles = field(default_factory=dict)
    renewal: Renewal | None = None
    record: bool = False

    def __post_init__(self) -> None:
        points = by_region(self.points)
        self.tasks = tasks(self.model, points, self.roles)
        self.method, self.optimizer = in_training(self.method, self.epochs), in_training(self.optimizer, self.epochs)
        if self.epochs:
            require_need(self.method.name, self.method.needs, self.tasks)
        require_value(self.optimizer, self.method)
        if self.epochs < 0:
            raise ValueError(f"epochs must be at least 0, got {self.epochs}")
        self.batches = Batches(points, self.tasks, self.batch_size, self.seed)
        if self.renewal is not None:
            require_renewal(self.renewal.resample, self.renewal.refine, self.drawn, self.method)
        self.renewed: set[str] = set()
        x = next(iter(self.regions.values())).x
        self.theta = self.model.begin.to(dtype=x.dtype, device=x.device).requires_grad_()
        self.stepper = self.optimizer.build(self.theta, self.model.layout.shapes)
        self.method_state = self.method.start(self.tasks, self.regions)
        self.epoch, self.clock = 0, Clock(x.device)
        self.status = TrainingStatus.RUNNING if self.epochs else TrainingStatus.COMPLETED
        self.reason: str | None = None
        self.recorder: Recorder | None = None
        self.recorded = False
        self.watch: Watch = dict
        self.gradient = torch.zeros_like(self.theta, requires_grad=False)
        self._going = torch.ones((), dtype=torch.bool, device=x.device)
        self._taken = torch.zeros((), dtype=torch.long, device=x.device)

    def run_epoch(self) -> TrainingStatus:
        """One pass over all points. Stops at the first step that is not finite, with θ as it was before.

        Where the host may not look at every step, it looks once at the end, and θ has stood still from that step on.
        """
        self.renew()
        self._going.fill_(True)
        self._taken.zero_()
        shuffled = self.batches.shuffler.get_state()
        return self.end_epoch(self._take_steps(), shuffled)

    def end_epoch(self, taken: int, shuffled: Tensor) -> TrainingStatus:
        """The end of an epoch that began with this state of the shuffler, after so many steps that were finite."""
        if taken < len(self.batches):
            self._stop_at(taken, shuffled)
            return self.status
        self.epoch += 1
        if self.epoch >= self.epochs:
            self.status = TrainingStatus.COMPLETED
        return self.status

    def _take_steps(self) -> int:
        """The steps of an epoch; answers how many there were before one that was not finite."""
        count = len(self.batches)
        for position, parts in enumerate(self.batches):
            if not self.take_step(parts, self.epoch + position / count):
                return position
        return count if host_decides(self.theta) else int(self._taken)

    def _stop_at(self, position: int, shuffled: Tensor) -> None:
        """The training ends at this step of the epoch that began with the shuffler's state."""
        self.batches.shuffler.set_state(shuffled)
        parts = next(itertools.islice(self.batches, position, None))
        self.diverge(f"in step {position + 1} of epoch {self.epoch + 1} {self._why(parts)}")

    @property
    def regions(self) -> dict[str, PointSet]:
        """The points by region, as they are now."""
        return self.batches.points

    @property
    def drawn(self) -> list[str]:
        """The regions whose points are drawn: neither those of data, nor conditions' own."""
        return [region for region in self.regions if region in self.model.problem.domain.regions]

    def renew(self) -> None:
        """New points for those regions that get some at this epoch."""
        for region in self.drawn:
            if self.renewal is not None and self.renewal.due(region, self.epoch):
                theta, points = self.theta.detach(), self.regions[region]
                self.regions[region] = self.renewal.points(region, self.epoch, self.model, theta, points)
                self.renewed.add(region)

    def diverge(self, reason: str) -> None:
        """The training ends here."""
        self.status, self.reason = TrainingStatus.DIVERGED, reason

    def take_step(self, parts: Sequence[Part], epoch: float) -> bool:
        """One step on a batch of every region at `epoch` in epochs; False, with θ as it was, if it is not finite.

        Where the host may not look, it is True, and `run_epoch` looks later.
        """
        direction = self._recorded_step(parts, epoch) if self.record else None
        self.recorded = direction is not None
        if direction is None:
            step = Step(parts, self.theta, epoch, self.optimizer, self.clock)
            direction = self._move(step, self.method, self.method_state)
        self.gradient, self.method_state = direction.gradient, direction.state
        self.watch = direction.watch or self.watch
        return bool(self._going) if host_decides(self.theta) else True

    def _recorded_step(self, parts: Sequence[Part], epoch: float) -> Direction | None:
        if searches_at(self.optimizer, epoch):
            return None
        if self.recorder is None:
            groups = self.stepper.param_groups
            self.recorder = Recorder(self.method, self.optimizer, self.theta, self._move, groups)
        with self.clock.section("step"):
            return self.recorder.take(parts, epoch, self.method_state)

    def _move(self, step: Step, method: Method, state: State) -> Direction:
        """Takes a step in place: θ, what the optimizer remembers, and whether it goes on."""
        before = self.theta.detach().clone()
        direction = method.direction(step, state)
        if direction.complete:
            with step.clock.section("step"), torch.no_grad():
                self.theta -= direction.gradient
        else:
            self._let_optimizer_step(step, method, direction, state)
        self._keep(torch.isfinite(self.theta).all(), before)
        return direction

    def _keep(self, finite: Tensor, before: Tensor) -> None:
        """Puts θ back where it was before a step that is not finite; it stands still after such a one."""
        with torch.no_grad():
            if not host_decides(finite):
                self._going &= finite
                self._taken += self._going
                self.theta.copy_(torch.where(self._going, self.theta, before))
                return
            self._going.copy_(finite)
            if not finite:
                self.theta.copy_(before)

    def _let_optimizer_step(self, step: Step, method: Method, direction: Direction, state: State) -> None:
        self.theta.grad = direction.gradient
        for group in self.stepper.param_groups:
            group["lr"] = value_at(step.optimizer.learning_rate, step.epoch)
        if not searches_at(self.optimizer, step.epoch):
            with step.clock.section("step"):
                self.stepper.step()
            return
        known = [direction]  # where the search begins

        @torch.enable_grad()
        def closure() -> float:
            there = known.pop() if known else method.direction(step, state)
            self.theta.grad = there.gradient
            return float(cast(Tensor, there.value))

        self.stepper.step(closure)  # its time is that of the passes

    @property
    def watched(self) -> dict[str, float]:
        """What the method last found worth watching."""
        return dict(self.watch())

    def compile(self) -> float:
        """Take steps of every kind on every size of batch and forget them: the seconds that compiling took.

        A training would compile by itself, in its first steps; this keeps the time apart. The kinds are steps before
        and after a `warm_up`, and among these a first step and one with the multipliers of the step before.
        """
        started = time.perf_counter()
        shuffled = self.batches.shuffler.get_state()
        sizes = {tuple(len(part.batch) for part in parts): parts for parts in self.batches}
        self.batches.shuffler.set_state(shuffled)
        for parts, epoch in itertools.product(sizes.values(), (0, self.epochs)):
            step = Step(parts, self.theta, epoch, self.optimizer)
            state = self.method.direction(step, self.method_state).state
            self.method.direction(step, state)
        return time.perf_counter() - started

    def _why(self, parts: Sequence[Part]) -> str:
        """What is not finite, on the first region where something is not."""
        causes = [cause(part.model, self.theta, _points_of(part.batch)) for part in parts]
        return next((one for one in causes if one is not None), UNEXPLAINED)

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything that resuming needs: tensors, numbers and strings only."""
        return copy.deepcopy(
            {
                "theta": self.theta.detach(),
                "optimizer": self._optimizer_state(),
                "method": self.method_state,
                "shuffler": self.batches.shuffler.get_state(),
                "epoch": self.epoch,
                "status": str(self.status),
                "reason": self.reason,
                "figures": self.watched,  # the key of checkpoints of before
                "seconds": dict(self.clock.seconds),
                "points": {region: vars(self.regions[region]) for region in self.renewed},
            }
        )

    def _optimizer_state(self) -> dict[str, Any]:
        """The optimizer's, with the rate that recorded steps hold as a tensor as a number."""
        for group in self.stepper.param_groups:
            group["lr"] = float(group["lr"])
        return self.stepper.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state made by `state_dict`. Raises ValueError if it belongs to another network."""
        if state["theta"].shape != self.theta.shape:
            raise ValueError(
                f"the checkpoint holds {len(state['theta'])} parameters, this network has {len(self.theta)}; "
                "use the network it was trained with"
            )
        with torch.no_grad():
            self.theta.copy_(state["theta"])
        self.stepper.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.recorder = None  # what it has recorded reads the moments of before
        self.method_state = state["method"]
        self.batches.shuffler.set_state(state["shuffler"].cpu())
        self.epoch = state["epoch"]
        self.status, self.reason = TrainingStatus(state["status"]), state.get("reason")
        if self.status is TrainingStatus.COMPLETED and self.epoch < self.epochs:
            self.status = TrainingStatus.RUNNING  # more epochs were asked for than the checkpoint had
        for region, points in state.get("points", {}).items():
            self.regions[region] = PointSet(**points)
            self.renewed.add(region)
        self.watch = partial(dict, state["figures"])
        self.clock.seconds.update(state["seconds"])


def _points_of(batch: MiniBatch) -> PointSet:
    return PointSet(batch.x, batch.p, batch.u, 1)


def train(
    model: ConstrainedNetwork,
    points: PointSet | Mapping[str, PointSet],
    method: Method,
    *,
    optimizer: Optimizer | None = None,
    batch_size: int | Mapping[str, int] = 1000,
    epochs: int = 30,
    seed: int = 0,
    roles: Roles | None = None,
    renewal: Renewal | None = None,
    on_epoch: Callable[[Training], None] | None = None,
) -> Tensor:
    """Train and return θ (P,). Starts from the network's own parameters, which stay untouched.

    `on_epoch` is called after every epoch. A training that diverges stops and returns the last finite θ.
    """
    training = Training(model, points, method, optimizer or Adam(), batch_size, epochs, seed, roles or {}, renewal)
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
        if on_epoch is not None:
            on_epoch(training)
    return training.theta.detach()
