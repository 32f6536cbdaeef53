"""What a comparison's studies found so far → `Comparison`, from their journals.

A search counts once it is confirmed, and as many count of each problem as of that with the fewest: a problem whose
turn has not come yet is left out until then.
"""

import math
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cnn_core.problems import DATA as REGION
from search_spaces.contestants import plain_studies, settings_in
from search_spaces.load import load_recorded
from search_spaces.schema import Study
from study.analysis.findings import read_analysis
from study.analysis.leaderboard import loss
from study.analysis.measured import NOISE, UNKNOWN
from study.analysis.sections import PROJECTING, sections_of
from study.analysis.variants import Variant
from study.comparing.mattered import mattered
from study.comparing.question import Question
from study.comparison.result import (
    CONSTRAINT,
    DATA,
    SOLUTION,
    Comparison,
    Confirmed,
    EntryResult,
    ProblemResult,
    SearchResult,
    Source,
    Tried,
)
from study.journal.budget import Budget, too_late
from study.journal.events import TrialStatus
from study.journal.files import STUDY
from study.journal.journal import Journal
from study.journal.record import TRAINING_SECONDS, TrialRecord

Runs = Callable[[str, str], str | None]
"""(study, trial) → MLflow's run of it, if it has one."""

TEST_NOISE = f"{NOISE}test"

PROJECTION = "time/projection_cpu_s"

ALSO_PROJECTED = ".projected"
"""What a confirmation calls the best trial as projected, where it is another one than the best as trained."""


def gathered(question: Question, runs: Path, *, run_of: Runs = lambda study, trial: None) -> Comparison:
    """The comparison as far as its studies in `runs` have come."""
    done = {
        name: [
            Searched(question.called(name, number), question.confirmed(name, number), runs, run_of)
            for number in range(1, question.studies + 1)
            if _done(question, runs, name, number)
        ]
        for name in question.problems
    }
    fewest = min((len(found) for found in done.values() if found), default=0)
    problems = tuple(_problem(question, name, found[:fewest]) for name, found in done.items() if found)
    complete = all(len(found) == question.studies for found in done.values())
    first = next(iter(question.problems.values()))
    return Comparison(
        name=question.name,
        problems=problems,
        baselines=question.baselines,
        studies=fewest,
        seeds=question.seeds,
        trials=first.tune.trials // len(first.contestants),
        cpu_seconds=first.tune.seconds,
        started=question.began,
        ended=max(one.ended for found in done.values() for one in found) if complete else None,
        machine=f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        version=question.version,
    )


def finished(directory: Path) -> bool:
    """Whether there is a study in a folder that has run all its trials."""
    if not (directory / STUDY).exists():
        return False
    records = Journal(directory).trials(epochs=False)
    ended = sum(record.status.final for record in records.values())
    return ended >= Budget(load_recorded(directory / STUDY), records).at_most()


def _done(question: Question, runs: Path, problem: str, number: int) -> bool:
    """Whether a search has found what it can, and that is confirmed, if it is anything."""
    search, confirmation = runs / question.called(problem, number), runs / question.confirmed(problem, number)
    return finished(search) and (finished(confirmation) or not read_analysis(search).has_best)


def _problem(question: Question, name: str, searches: "Sequence[Searched]") -> ProblemResult:
    study = question.problems[name]
    plain = plain_studies(study)
    entries = tuple(
        EntryResult(
            contestant,
            projected,
            tuple(one.result(contestant, projected) for one in searches),
            free=_is_free(plain[contestant]),
            seeks=any(
                variant.sought
                for one in searches
                for variant in one.confirmed
                if (variant.method, variant.projected) == (contestant, projected)
            ),
        )
        for contestant, projected in entries_of(study)
    )
    measured = {metric for one in searches for variant in one.confirmed for metric in variant.metrics}
    error = next((metric for metric in (SOLUTION, DATA) if metric in measured), CONSTRAINT)
    validation = searches[0].found.metric if searches else ""
    importances = mattered(study, [one.found for one in searches])
    refused = {
        contestant: reason.removeprefix(f"contestants.{contestant}: ")
        for contestant, reason in question.refused.get(name, {}).items()
    }
    return ProblemResult(name, error, CONSTRAINT, validation, entries, refused, importances, _noise(searches))


def _is_free(plain: Study) -> bool:
    """Whether a training knows nothing of PDE and conditions."""
    training = plain.training
    taught = [name for name, role in training.roles.items() if role == "objective" and name != REGION]
    return plain.trains and training.method.needs == "objective" and not taught


def _noise(searches: "Sequence[Searched]") -> float | None:
    """What errors of measurement leave of the test data's mean square, which is the same in all runs."""
    known = (variant.metrics.get(TEST_NOISE) for one in searches for variant in one.confirmed)
    return next((noise for noise in known if noise is not None), None)


def entries_of(study: Study) -> Iterator[tuple[str, bool]]:
    """(contestant, whether as projected) of all networks that are judged: a contestant that only projects has one."""
    for name, plain in plain_studies(study).items():
        assert name is not None
        yield name, False
        if plain.trains and plain.projection is not None:
            yield name, True


class Searched:
    """A search and, if that has begun, what confirms it, by the names of their folders in `runs`."""

    def __init__(self, name: str, confirmation: str, runs: Path, run_of: Runs) -> None:
        self.name, self.confirmation, self.run_of = name, confirmation, run_of
        self.found = read_analysis(runs / name)
        self.after = read_analysis(runs / confirmation) if (runs / confirmation / STUDY).exists() else None

    @property
    def ended(self) -> float:
        """When the last of its trials, and of those that confirm it, ended."""
        studies = [self.found, self.after] if self.after else [self.found]
        return max((record.last_sign for study in studies for record in study.records.values()), default=0.0)

    @property
    def confirmed(self) -> Sequence[Variant]:
        """The networks that were trained with fresh seeds."""
        return self.after.variants if self.after else ()

    def result(self, contestant: str, projected: bool) -> SearchResult:
        """What this search is for one entry."""
        best = self.found.best_projected() if projected else self.found.best_trials()
        chosen = best.get(contestant)
        return SearchResult(
            trials=tuple(self._tried(contestant, projected)),
            chosen=None if chosen is None else self._source(self.name, chosen.trial),
            settings={} if chosen is None else settings_in(chosen.values),
            confirmed=() if chosen is None else tuple(self._confirmed(contestant, projected)),
        )

    def _tried(self, contestant: str, projected: bool) -> Iterator[Tried]:
        """The trials that ended, with what the contestant's had used by then: of networks as trained, for training.

        Of projected ones those that came in time for both: the others would have had no room in the same budget.
        """
        own = [one for one in self.found.records.values() if one.method == contestant and one.status.final]
        variants = {one.trial: one for one in self.found.variants if one.projected == projected}
        late = too_late(self.found.study, self.found.records) if projected else ()
        used = 0.0
        for record in sorted(own, key=lambda one: one.last_sign):
            used += record.cpu_seconds if projected else record.tuning_seconds
            if record.trial not in late:
                yield Tried(self._source(self.name, record.trial), used, self._value(variants.get(record.trial)))

    def _value(self, variant: Variant | None) -> float:
        """What the search would choose a trial by; inf for one that it cannot choose."""
        if variant is None or not variant.eligible:
            return math.inf
        value = variant.value(self.found.metric)
        return math.inf if value is None else loss(value, self.found.mode)

    def _confirmed(self, contestant: str, projected: bool) -> Iterator[Confirmed]:
        if self.after is None:
            return
        apart = f"{contestant}{ALSO_PROJECTED}"
        name = apart if projected and apart in self.after.study.contestants else contestant
        for variant in self.after.variants:
            record = self.after.records[variant.trial]
            if variant.method == name and variant.projected == projected and record.status.final:
                yield self._run(record, variant, projected)
        if projected:
            yield from self._without_projection(name)

    def _without_projection(self, name: str) -> Iterator[Confirmed]:
        """Trials that failed before they were projected."""
        assert self.after is not None
        projected = {one.trial for one in self.after.variants if one.projected}
        for record in self.after.records.values():
            if record.method == name and record.status.final and record.trial not in projected:
                seconds = _seconds(record, TRAINING_SECONDS), _seconds(record, PROJECTION)
                yield Confirmed(self._source(self.confirmation, record.trial), _seed(record), {}, *seconds, failed=True)

    def _run(self, record: TrialRecord, variant: Variant, projected: bool) -> Confirmed:
        return Confirmed(
            source=self._source(self.confirmation, record.trial),
            seed=_seed(record),
            errors=_test_errors(variant),
            training_seconds=_seconds(record, TRAINING_SECONDS),
            projection_seconds=_seconds(record, PROJECTION) if _projects(record, projected) else 0.0,
            failed=record.status is not TrialStatus.COMPLETED,
            sections=_sections(record, projected),
            validation=self._value(variant),
            after={} if projected else _test_errors(self._as_projected(variant)),
            unknowns={name: value for name, value in variant.metrics.items() if name.startswith(UNKNOWN)},
        )

    def _as_projected(self, variant: Variant) -> Variant | None:
        """What became of a network as trained by its projection, if it has one."""
        return next((one for one in self.confirmed if one.trial == variant.trial and one.projected), None)

    def _source(self, study: str, trial: str) -> Source:
        return Source(study, trial, self.run_of(study, trial))


def _test_errors(variant: Variant | None) -> dict[str, float]:
    """Those that were measured."""
    metrics = {} if variant is None else variant.metrics
    return {name: value for name, value in metrics.items() if name.startswith("test/")}


def _seed(record: TrialRecord) -> int:
    return int(record.values.get("training.seed", 0))


def _projects(record: TrialRecord, projected: bool) -> bool:
    """Whether a projection made this network of a trial; it makes all of one that trains nothing."""
    return projected or not _seconds(record, TRAINING_SECONDS)


def _sections(record: TrialRecord, projected: bool) -> dict[str, float]:
    """Where the seconds of this network went, as far as anything took some."""
    found = {name: seconds for name, seconds in sections_of(record.latest).items() if seconds}
    return found if _projects(record, projected) else {name: found[name] for name in found if name != PROJECTING}


def _seconds(record: TrialRecord, name: str) -> float:
    return float(record.latest.get(name, 0.0))
