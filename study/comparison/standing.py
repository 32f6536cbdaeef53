"""How an entry stands beside baselines: on one problem, and on all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from study.comparison.estimates import Estimate

LEVEL = 0.05
"""Of the tests, after Holm's correction for all comparisons of a problem."""


class Decision(StrEnum):
    """What a problem's runs say of an entry beside baselines; ALONE where there is none to compare it with."""

    BETTER = "better"
    UNDECIDED = "undecided"
    WORSE = "worse"
    ALONE = "alone"


@dataclass(frozen=True)
class Against:
    """An entry beside one baseline: the probability that a run of it has the smaller error, and the corrected p."""

    baseline: str
    improvement: Estimate
    p: float

    @property
    def decision(self) -> Decision:
        """Undecided unless p is below the level."""
        if not self.p < LEVEL:
            return Decision.UNDECIDED
        return Decision.BETTER if self.improvement.value > 0.5 else Decision.WORSE


@dataclass(frozen=True)
class Seconds:
    """CPU seconds: medians of a network's training and projection, and of the search for its settings."""

    training: float
    projection: float
    tuning: float

    @property
    def network(self) -> float:
        """What one network costs whose settings are known."""
        return self.training + self.projection


@dataclass(frozen=True)
class Standing:
    """How an entry stands on one problem. `best` is the best other baseline, which the ratios are to; or None."""

    problem: str
    label: str
    median: Estimate
    iqm: Estimate
    constraint: Estimate | None
    failures: Estimate
    seconds: Seconds
    against: tuple[Against, ...]
    best: str | None = None
    ratio: Estimate | None = None
    constraint_ratio: float | None = None
    cost_ratio: float | None = None

    @property
    def decision(self) -> Decision:
        """Better than every baseline, worse than at least one, or neither."""
        decisions = {one.decision for one in self.against}
        if not decisions:
            return Decision.ALONE
        if Decision.WORSE in decisions:
            return Decision.WORSE
        return Decision.BETTER if decisions == {Decision.BETTER} else Decision.UNDECIDED


@dataclass(frozen=True)
class Overall:
    """How an entry stands on all problems that it took part in, and why it did not in others.

    Ratios to each problem's best baseline are medians over problems; `failures` is a share of all runs.
    """

    label: str
    baseline: bool
    standings: tuple[Standing, ...]
    refused: Mapping[str, str]
    ratio: Estimate | None
    constraint_ratio: float | None
    cost_ratio: float | None
    failures: float

    def problems(self, decision: Decision) -> tuple[str, ...]:
        """Where it is decided so."""
        return tuple(standing.problem for standing in self.standings if standing.decision is decision)
