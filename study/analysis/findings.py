"""What a study found, finished or not, from its journal.

Only completed trials can be best or in the Pareto set, of those only ones that keep the study's bounds. Pruned and
stopped ones were cut short.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnn_core.methods import METHODS
from search_spaces.contestants import CONTESTANT, plain_studies
from search_spaces.load import load_recorded
from search_spaces.measured import FIT
from search_spaces.schema import Study
from study.analysis.leaderboard import LeaderboardRow, leaderboard, loss
from study.analysis.measured import has_trade_off, metrics_of
from study.analysis.pareto import pareto_set
from study.analysis.variants import CONSTRAINT, DATA, PROJECTED, Variant, keeps_bounds, variants_of
from study.journal.budget import too_late
from study.journal.events import TrialStatus
from study.journal.files import STUDY
from study.journal.journal import Journal
from study.journal.record import TrialRecord


@dataclass(frozen=True)
class Analysis:
    """A study's tables, each may be empty. `metric` is the validation metric by which the best trials were chosen.

    `measured` names all that its trials have measured.
    """

    study: Study
    records: Mapping[str, TrialRecord]
    variants: Sequence[Variant]
    leaderboard: Sequence[LeaderboardRow]
    pareto: Sequence[Variant]
    metric: str
    mode: str
    measured: Sequence[str]

    @property
    def may_trade_off(self) -> bool:
        """Whether there are two errors to weigh against each other, or no trial yet that could tell."""
        return has_trade_off(self.measured) or not self.measured

    def best_trials(self) -> dict[str, TrialRecord]:
        """The best trial of every method that has one, chosen as trained."""
        return self._best(projected=False)

    def best_projected(self) -> dict[str, TrialRecord]:
        """The best trial of every method that projects, chosen by the same metric as projected."""
        return self._best(projected=True)

    @property
    def has_best(self) -> bool:
        """Whether any method has a best trial, as trained or as projected."""
        return any(row.best for row in self.leaderboard)

    def _best(self, *, projected: bool) -> dict[str, TrialRecord]:
        best = {row.method: row.best for row in self.leaderboard if row.projected == projected}
        return {method: self.records[variant.trial] for method, variant in best.items() if variant}


def read_analysis(directory: Path) -> Analysis:
    """What the study in `directory` found; of their epochs the best trials have all, the others the last.

    Raises StudyFileError if there is no study file, or a wrong one.
    """
    study, journal = load_recorded(directory / STUDY), Journal(directory)
    found = analyse(study, journal.trials(epochs=False))
    best = [record.trial for record in (*found.best_trials().values(), *found.best_projected().values())]
    return replace(found, records={**found.records, **journal.with_epochs(best)})


def analyse(study: Study, records: Mapping[str, TrialRecord]) -> Analysis:
    """All tables of a study, finished or not."""
    measured = metrics_of(records.values())
    metric, mode = selection(study, measured)
    late = too_late(study, records)
    variants = [replace(one, late=one.projected and one.trial in late) for one in judged(study, records.values())]
    rows = leaderboard(variants, metric=metric, mode=mode, order=[*(study.contestants or METHODS)])
    return Analysis(study, records, variants, rows, pareto_set(variants), metric, mode, measured)


def judged(study: Study, records: Iterable[TrialRecord]) -> list[Variant]:
    """The networks of these trials, each with whether it keeps the study's bounds."""
    plain = plain_studies(study)
    return [
        variant for record in records for variant in _judged(plain.get(record.values.get(CONTESTANT), study), record)
    ]


def _judged(study: Study, record: TrialRecord) -> list[Variant]:
    """The networks of a trial of this plain study."""
    variants = variants_of(record, trains=study.trains)
    return [replace(variant, feasible=keeps_bounds(study, variant)) for variant in variants]


def selection(study: Study, measured: Collection[str] = ()) -> tuple[str, str]:
    """(metric, min or max) by which the best trials are chosen: the first objective measured on validation data.

    Where no objective is, it is the data error, or, where trials have none, the constraint error.
    """
    for objective, mode in study.objectives.items():
        name = objective.removeprefix(PROJECTED)
        if name.startswith("validation/") or objective == FIT:
            return name, mode
    return CONSTRAINT if CONSTRAINT in measured and DATA not in measured else DATA, "min"


def best_so_far(analysis: Analysis) -> dict[str, list[float | None]]:
    """Per method, the best selected value after each of its trials that ended, in the order in which they ended."""
    curves: dict[str, list[float | None]] = {}
    plain = plain_studies(analysis.study)
    ended = [record for record in analysis.records.values() if record.status is not TrialStatus.RUNNING]
    for record in sorted(ended, key=lambda record: record.ended or record.started):
        curve = curves.setdefault(record.method, [])
        of = plain.get(record.values.get(CONTESTANT), analysis.study)
        values = (curve[-1] if curve else None, _score(of, record, analysis.metric))
        known = [value for value in values if value is not None]
        curve.append(min(known, key=lambda value: loss(value, analysis.mode)) if known else None)
    return curves


def _score(study: Study, record: TrialRecord, metric: str) -> float | None:
    trained = _judged(study, record)[0]
    return trained.value(metric) if record.status is TrialStatus.COMPLETED and trained.feasible else None
