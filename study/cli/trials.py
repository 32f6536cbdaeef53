"""The trials that a user names: by number, by method, the best, or by their folder."""

from pathlib import Path

from search_spaces.errors import nearest
from study.analysis.findings import Analysis, read_analysis
from study.cli.exit_codes import BadInputError, mendable
from study.cli.studies import Trained
from study.journal.files import TRIALS
from study.journal.journal import Journal
from study.journal.record import TrialRecord
from study.prediction.load import load_record

MOST_NAMED = 30
"""Trials that an error lists one by one."""


def chosen(where: Trained) -> tuple[TrialRecord, Path]:
    """The trial that is there, and its folder. Raises BadInputError."""
    if where.saved:
        with mendable():
            return load_record(where.folder), where.folder
    record = _trial_or_best(where.folder, where.which)
    return record, where.folder / TRIALS / record.trial


def _trial_of_study(directory: Path, trial: str) -> TrialRecord:
    """What the journal has of a trial, by its number with or without zeros before it. Raises BadInputError."""
    journal = Journal(directory)
    if record := journal.trial(trial):
        return record
    known = sorted(journal.trials(epochs=False))
    same = [ident for ident in known if trial.isdecimal() and int(ident) == int(trial)]
    if same and (record := journal.trial(same[0])):
        return record
    raise BadInputError(f"{directory}: there is no trial {trial}; write {_one_of(known)}")


def _trial_or_best(directory: Path, which: str | None) -> TrialRecord:
    """The trial of this number, the best of this method, or the best of all. Raises BadInputError."""
    if which is not None and which.isdecimal():
        return _trial_of_study(directory, which)
    analysis = read_analysis(directory)
    best = analysis.best_trials()  # the best method first
    if which in best or (which is None and best):
        return best[which or next(iter(best))]
    tried = sorted({record.method for record in analysis.records.values()})
    if which is not None and tried and which not in tried:
        raise BadInputError(
            f"{directory}: {which} is no trial, and no method that was tried; {nearest(which, tried)}, or the "
            "number of a trial"
        )
    raise BadInputError(f"{directory}: {_without_best(analysis, which)}; write {_one_of(sorted(analysis.records))}")


def _without_best(analysis: Analysis, method: str | None) -> str:
    bounds = " within the bounds" if analysis.study.bounds else ""
    return f"no trial{'' if method is None else f' of {method}'} has completed{bounds} yet"


def _one_of(known: list[str]) -> str:
    few = ", ".join(known) if len(known) <= MOST_NAMED else f"{known[0]} to {known[-1]}"
    return f"one of: {few}" if known else "one that has begun: none has"
