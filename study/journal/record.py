"""A trial as its journal tells it, event by event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from study.journal.events import Event, TrialStatus

UNKNOWN = "unknown"
"""The method of a trial whose start cannot be read."""

CPU_SECONDS, TRAINING_SECONDS = "time/cpu_s", "time/train_cpu_s"
CLOCKS = ("time/train_s", "time/projection_s")
"""What stands for these in journals of earlier versions."""

Metrics = Mapping[str, float | str]


@dataclass
class TrialRecord:
    """What the journal says of one trial. `history` has one entry per epoch: (epoch, seconds since 1970, metrics).

    It `started` first, and runs, or ran last, `since`; both in seconds since 1970. It ran `before` for so many seconds.
    """

    trial: str
    values: dict[str, Any]
    method: str
    status: TrialStatus = TrialStatus.RUNNING
    started: float = 0.0
    since: float = 0.0
    before: float = 0.0
    ended: float | None = None
    history: list[tuple[int, float, dict[str, float]]] = field(default_factory=list)
    metrics: dict[str, float | str] = field(default_factory=dict)
    error: str | None = None

    @property
    def epoch(self) -> int:
        """The last epoch that it ended; 0 before the first."""
        return self.history[-1][0] if self.history else 0

    @property
    def latest(self) -> Metrics:
        """The metrics that it ended with, or those of its last epoch."""
        return self.metrics or self.last_epoch

    @property
    def last_epoch(self) -> Mapping[str, float]:
        """The metrics of its last epoch."""
        return self.history[-1][2] if self.history else {}

    @property
    def last_sign(self) -> float:
        """When it was last heard of, in seconds since 1970."""
        return self.ended or (self.history[-1][1] if self.history else self.started)

    @property
    def seconds(self) -> float:
        """How long it has run, as far as was heard of it: without the time in which its study did not run."""
        return self.before + max(0.0, self.last_sign - self.since)

    @property
    def cpu_seconds(self) -> float:
        """What it has used of the CPU for training and projection; of earlier versions seconds by the clock."""
        known, names = self.latest, (CPU_SECONDS,) if CPU_SECONDS in self.latest else CLOCKS
        return sum(float(known.get(name, 0.0)) for name in names)

    @property
    def tuning_seconds(self) -> float:
        """What a search's budget counts of these: those of the training, or, where nothing is trained, all."""
        training = self.latest.get(TRAINING_SECONDS, self.latest.get(CLOCKS[0], 0.0))
        return float(training) or self.cpu_seconds

    def forget_epochs(self) -> None:
        """Keep the last epoch only, where nobody asks for the others any more."""
        self.history = self.history[-1:]

    @property
    def known(self) -> bool:
        """Whether the journal has its start, which says what was trained."""
        return self.method != UNKNOWN


def enter(event: Event, records: dict[str, TrialRecord]) -> None:
    """Enter one event of a trial into `records`: the driver as it writes it, everybody else as they read it."""
    match event["event"]:
        case "trial-start":
            record = _record(event, records)
            record.before, record.since = record.seconds, event["time"]
            record.values, record.method = event["values"], event["method"]
            record.status, record.ended, record.metrics, record.error = TrialStatus.RUNNING, None, {}, None
        case "epoch":
            record = _record(event, records)
            while record.history and record.history[-1][0] >= event["epoch"]:
                record.history.pop()
            record.history.append((event["epoch"], event["time"], event["metrics"]))
        case "trial-end":
            record = _record(event, records)
            record.status = TrialStatus(event["status"])
            record.ended, record.metrics, record.error = event["time"], event["metrics"], event["error"]


def _record(event: Event, records: dict[str, TrialRecord]) -> TrialRecord:
    """The trial of an event, which begins with it if it is the first that can be read."""
    trial = event["trial"]
    if trial not in records:
        records[trial] = TrialRecord(trial, {}, UNKNOWN, started=event["time"], since=event["time"])
    return records[trial]
