"""What a comparison of training methods measured: the same figures for every problem, contestant, search and seed.

A *contestant* is a named bundle of settings with a search of its own; its networks are judged as trained and, where it
projects, as projected: two *entries*. Each of R searches chose a trial by validation data, whose settings were trained
again with K fresh seeds and measured on test data. Whatever failed or diverged has the error inf; nothing is left out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnn_core.metrics import WORST

SOLUTION, DATA, CONSTRAINT = "test/relative_l2", "test/data_mse", "test/constraint_mse"
"""The test metrics that judge, the first one that a problem has for its error, and the last one for its constraints."""

PROJECTED = " + projection"
"""What the projected networks of a contestant are called behind its name."""

Links = Callable[[str], str | None]
"""From the id of an MLflow run to the address of its page, where it has one."""

ErrorTable = tuple[tuple[float, ...], ...]
"""Errors by search and seed: R rows of K values."""


@dataclass(frozen=True)
class Source:
    """Where a figure comes from: a study, its trial, and MLflow's run of that trial, where it was uploaded."""

    study: str
    trial: str
    run: str | None = None


@dataclass(frozen=True)
class Tried:
    """A trial of a search: the CPU seconds that the search had used when it ended, and its validation value or inf.

    Of a search for networks as trained projections are no part, though the trials had them.
    """

    source: Source
    cpu_seconds: float
    value: float


@dataclass(frozen=True)
class Confirmed:
    """Chosen settings trained anew with a fresh seed: test errors by metric, and the CPU seconds of the two steps.

    `projection_seconds` is what the projection of this network cost; 0 for a network as trained. `sections` are seconds
    by the clock, by the part of the training or projection that took them; empty where they were not measured.
    `validation` is the value that searches choose by, negative where it is maximised; inf if the run failed or broke a
    bound. `after` are the test errors of a network as trained after its projection, if it has one. `unknowns` are the
    values that its training found, which a projection leaves as they are, and their relative errors, by metric.
    """

    source: Source
    seed: int
    errors: Mapping[str, float]
    training_seconds: float
    projection_seconds: float = 0.0
    failed: bool = False
    sections: Mapping[str, float] = field(default_factory=dict)
    validation: float = math.inf
    after: Mapping[str, float] = field(default_factory=dict)
    unknowns: Mapping[str, float] = field(default_factory=dict)

    def error(self, metric: str) -> float:
        """The test error; inf if the run failed, diverged or has none."""
        return math.inf if self.failed else _known(self.errors, metric)

    def error_after(self, metric: str) -> float:
        """That of the same network after its projection; inf if this diverged."""
        return _known(self.after, metric)

    @property
    def seconds(self) -> float:
        """What this network cost, without the search for its settings."""
        return self.training_seconds + self.projection_seconds


def _known(errors: Mapping[str, float], metric: str) -> float:
    value = errors.get(metric, math.inf)
    return value if value < WORST else math.inf


@dataclass(frozen=True)
class SearchResult:
    """A search by its trials in the order in which they ended, what it chose, and how that did with fresh seeds.

    `chosen` is None, and nothing confirmed, where none of them may be chosen: none completed, within the bounds and in
    time.
    """

    trials: tuple[Tried, ...]
    chosen: Source | None
    settings: Mapping[str, Any]
    confirmed: tuple[Confirmed, ...]

    @property
    def cpu_seconds(self) -> float:
        """What the search used."""
        return self.trials[-1].cpu_seconds if self.trials else 0.0


@dataclass(frozen=True)
class EntryResult:
    """An entry on one problem: a contestant as trained, or as projected, by its searches.

    `free` says that its training reads no constraint, and with it no unknown; `seeks` that a projection brought it near
    the data, and moved unknowns.
    """

    contestant: str
    projected: bool
    searches: tuple[SearchResult, ...]
    free: bool = False
    seeks: bool = False

    @property
    def label(self) -> str:
        """How people call it."""
        return f"{self.contestant}{PROJECTED}" if self.projected else self.contestant

    @property
    def confirmed(self) -> tuple[Confirmed, ...]:
        """The runs with fresh seeds of all searches."""
        return tuple(run for search in self.searches for run in search.confirmed)

    @property
    def data_errors(self) -> list[float]:
        """The test data_mse of those runs; inf if there are none."""
        return [run.error(DATA) for run in self.confirmed] or [math.inf]

    def errors(self, metric: str, *, studies: int, seeds: int) -> ErrorTable:
        """Test errors of `studies` searches by `seeds` runs, by seed; inf for what is missing."""
        rows = [_row(search.confirmed, metric, seeds) for search in self.searches]
        return (*rows, *[(math.inf,) * seeds] * (studies - len(rows)))


def _row(confirmed: Sequence[Confirmed], metric: str, seeds: int) -> tuple[float, ...]:
    errors = [run.error(metric) for run in sorted(confirmed, key=lambda run: run.seed)]
    return (*errors, *[math.inf] * (seeds - len(errors)))


@dataclass(frozen=True)
class ProblemResult:
    """One problem: its entries, the contestants that it refused with the reasons, and which metrics were measured.

    `error` is the test metric that decides, `constraint` that of the PDE and its conditions, or None; without a known
    solution the two are the same. `validation` is the metric by which searches chose; `importances` says of contestants
    which share each of their searched settings had in it, over all searches, where enough trials are known. `noise` is
    what the errors of measurement leave of the test data's mean square, where they are known.
    """

    name: str
    error: str
    constraint: str | None
    validation: str
    entries: tuple[EntryResult, ...]
    refused: Mapping[str, str]
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    noise: float | None = None

    @property
    def by_label(self) -> dict[str, EntryResult]:
        """The entries by what people call them."""
        return {entry.label: entry for entry in self.entries}

    @property
    def trades_off(self) -> bool:
        """Whether there is an error beside the constraint's own."""
        return self.constraint is not None and self.constraint != self.error


@dataclass(frozen=True)
class Comparison:
    """Contestants with equal budgets on several problems.

    `baselines` names the contestants that, as trained, the others are compared with. `trials` and `cpu_seconds` are the
    budget of a search, None where it has no such bound; `ended` is None while the comparison goes on.
    """

    name: str
    problems: tuple[ProblemResult, ...]
    baselines: tuple[str, ...]
    studies: int
    seeds: int
    trials: int | None
    cpu_seconds: float | None
    started: float
    ended: float | None
    machine: str
    version: str

    @property
    def labels(self) -> tuple[str, ...]:
        """What all entries are called: a contestant's projected networks follow those as trained."""
        labels = {entry.label: entry.contestant for problem in self.problems for entry in problem.entries}
        contestants = list(dict.fromkeys(labels.values()))
        return tuple(sorted(labels, key=lambda label: (contestants.index(labels[label]), label)))

    def is_free(self, label: str) -> bool:
        """Whether no constraint made this entry's networks, on any problem."""
        entries = [entry for problem in self.problems for entry in problem.entries if entry.label == label]
        return all(entry.free and not entry.projected for entry in entries)

    def is_baseline(self, label: str) -> bool:
        """Whether the others are compared with this entry: projected networks are nobody's baseline."""
        return label in self.baselines
