"""How a study stands while it runs: trials by state, the best of every method, the Pareto set, the use of its slots."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from search_spaces.contestants import Asked
from study.journal.events import TrialStatus


@dataclass
class Best:
    """The best value of an objective so far, and whose it is."""

    value: float
    trial: str
    method: str


@dataclass
class Running:
    """A trial that is being trained."""

    method: str
    epochs: int
    epoch: int = 0

    @property
    def share(self) -> float:
        """How much of its training is done."""
        return self.epoch / max(1, self.epochs)


@dataclass
class Standing:
    """What is known of a study while it runs. `best` is by objective, `methods` the same by method."""

    asked: Asked
    trials: int
    running: dict[str, Running] = field(default_factory=dict)
    ended: Counter[TrialStatus] = field(default_factory=Counter)
    best: dict[str, Best] = field(default_factory=dict)
    methods: dict[str, dict[str, Best]] = field(default_factory=dict)
    ended_by_method: Counter[str] = field(default_factory=Counter)
    pareto: list[Sequence[float]] = field(default_factory=list)
    """The objectives' values, smaller being better, of the completed trials that no other one beats in all of them."""

    @property
    def over(self) -> int:
        """How many trials have ended for good."""
        return sum(count for status, count in self.ended.items() if status.final)

    @property
    def fraction(self) -> float:
        """The part of the work that is done, 0 to 1; a running trial counts by its epochs."""
        begun = sum(trial.share for trial in self.running.values())
        return min(1.0, (self.ended.total() + begun) / self.trials)

    def end(self, ident: str, method: str, status: TrialStatus, metrics: Mapping[str, float | str]) -> None:
        """Count a trial that ended; only completed ones that keep the bounds can be best."""
        self.running.pop(ident, None)
        self.ended[status] += 1
        self.ended_by_method[method] += 1
        if status is not TrialStatus.COMPLETED or not self.asked.keeps_bounds(method, metrics):
            return
        values = self.asked.values(method, metrics)
        for name, value in values.items():
            for best in (self.best, self.methods.setdefault(method, {})):
                if name not in best or self._cost(name, value) < self._cost(name, best[name].value):
                    best[name] = Best(value, ident, method)
        if len(values) == len(self.asked.objectives):
            self._enter_pareto([self._cost(name, value) for name, value in values.items()])

    def _cost(self, name: str, value: float) -> float:
        return value if self.asked.objectives[name] == "min" else -value

    def _enter_pareto(self, point: Sequence[float]) -> None:
        if not any(_beats(other, point) for other in self.pareto):
            self.pareto = [other for other in self.pareto if not _beats(point, other)] + [point]

    def counts(self) -> list[tuple[TrialStatus, int]]:
        """How many trials there are of every status that occurs."""
        counted = Counter(self.ended) + Counter({TrialStatus.RUNNING: len(self.running)})
        return [(status, counted[status]) for status in TrialStatus if counted[status]]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether a point is at least as good in everything, and better in something."""
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


@dataclass
class Slots:
    """How well the places are used that trials run in: `count` at once, seconds of trials in `used`."""

    count: int
    used: float = 0.0
    began: dict[str, float] = field(default_factory=dict)

    def begin(self, ident: str) -> None:
        """A trial takes a slot."""
        self.began.setdefault(ident, time.monotonic())

    def end(self, ident: str) -> None:
        """A trial gives its slot back."""
        if (began := self.began.pop(ident, None)) is not None:
            self.used += time.monotonic() - began

    def use(self, elapsed: float) -> float:
        """Seconds in which slots held trials by all that there were, 0 to 1."""
        now = time.monotonic()
        used = self.used + sum(now - began for began in self.began.values())
        return min(1.0, used / (self.count * elapsed)) if elapsed > 0 else 0.0
