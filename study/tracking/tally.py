"""A study's own metrics, kept up to date as its trials end: each end costs the same, however many there were before."""

from collections import Counter
from dataclasses import dataclass, field

from search_spaces.contestants import Asked
from search_spaces.schema import Study
from study.analysis.findings import judged
from study.analysis.measured import has_trade_off, metrics_of
from study.analysis.pareto import pareto_set
from study.analysis.variants import Variant
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord

ENDED = [status for status in TrialStatus if status is not TrialStatus.RUNNING]


@dataclass
class Tally:
    """What the trials of `study` have come to: how many ended how, and of those that completed what is best."""

    study: Study
    ended: dict[str, TrialStatus] = field(default_factory=dict)
    counts: Counter[TrialStatus] = field(default_factory=Counter)
    measured: set[str] = field(default_factory=set)
    pareto: list[Variant] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.asked = Asked(self.study)

    def start(self, trial: str) -> None:
        """A trial runs: that it had ended before does not count any more."""
        if (before := self.ended.pop(trial, None)) is not None:
            self.counts[before] -= 1

    def end(self, record: TrialRecord) -> None:
        """A trial ended."""
        self.start(record.trial)
        self.ended[record.trial] = record.status
        self.counts[record.status] += 1
        if record.status is TrialStatus.COMPLETED:
            self._complete(record)

    def _complete(self, record: TrialRecord) -> None:
        self.measured.update(metrics_of([record]))
        self.pareto = pareto_set([*self.pareto, *judged(self.study, [record])])
        if not self.asked.keeps_bounds(record.method, record.metrics):
            return
        for objective, value in self.asked.values(record.method, record.metrics).items():
            better = min if self.study.objectives[objective] == "min" else max
            self.best[objective] = better(value, self.best.get(objective, value))

    def metrics(self) -> dict[str, float]:
        """trials/<status>, pareto/size, best/<objective>.

        The Pareto set has no size where there is no trade-off between data and constraints.
        """
        metrics = {f"trials/{status}": float(self.counts[status]) for status in ENDED}
        if has_trade_off(self.measured):
            metrics["pareto/size"] = float(len(self.pareto))
        return metrics | {f"best/{objective}": value for objective, value in self.best.items()}
