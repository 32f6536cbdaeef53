"""How an entry stands beside baselines: on one problem, and on all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from study.statistics.comparison import Decision
from study.statistics.estimate import Estimate


@dataclass(frozen=True)
class Against:
    """An entry beside one baseline: the ratio of their errors, the probability that a run of it has the smaller one.

    `corrected` is the p-value after Holm's correction for all baselines beside this entry, and decides.
    """

    baseline: str
    ratio: Estimate
    improvement: Estimate
    p_value: float
    corrected: float
    decision: Decision


@dataclass(frozen=True)
class Claim:
    """Better than every baseline, worse than at least one, or undecided; p is corrected for all claims beside it.

    Those are the claims on one problem, or those on all problems together.
    """

    decision: Decision
    p_value: float


@dataclass(frozen=True)
class Seconds:
    """CPU seconds: medians of a network's training and projection, and of the search for its settings.

    The first two are nan where nothing was found to train with fresh seeds.
    """

    training: float
    projection: float
    tuning: float

    @property
    def network(self) -> float:
        """What one network costs whose settings are known."""
        return self.training + self.projection


@dataclass(frozen=True)
class Standing:
    """How an entry stands on one problem: beside all other baselines, the best first, of which there may be none.

    The last ratios are those of medians to the best baseline's; None without one, where constraints are not apart from
    the error or its median run failed, and where there is no cost since nothing was trained with fresh seeds.
    """

    problem: str
    label: str
    median: Estimate
    mean: Estimate
    constraint: Estimate | None
    failures: Estimate
    seconds: Seconds
    against: tuple[Against, ...]
    claim: Claim | None
    error_ratio: float | None
    constraint_ratio: float | None
    cost_ratio: float | None

    @property
    def best(self) -> Against | None:
        """Beside the best of the other baselines."""
        return self.against[0] if self.against else None

    @property
    def decision(self) -> Decision | None:
        """That of the claim; None where there is nothing to compare with."""
        return self.claim.decision if self.claim else None


@dataclass(frozen=True)
class Overall:
    """How an entry stands on all problems that it took part in, and why it did not in others.

    `together` is what is claimed of all problems at once, if there are several. `ratio` is the median, over all runs on
    all problems, of its error over the median of each problem's best baseline; the other ratios are medians over
    problems; `failures` is a share of all runs.
    """

    label: str
    baseline: bool
    standings: tuple[Standing, ...]
    refused: Mapping[str, str]
    together: Claim | None
    ratio: Estimate | None
    constraint_ratio: float | None
    cost_ratio: float | None
    failures: float

    def problems(self, decision: Decision) -> tuple[str, ...]:
        """Where it is decided so."""
        return tuple(standing.problem for standing in self.standings if standing.decision == decision)
