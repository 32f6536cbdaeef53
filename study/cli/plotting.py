"""The plots of one trial, drawn when somebody asks for them."""

from pathlib import Path

import click

from study.cli.exit_codes import BadInputError, RunFailed
from study.journal.files import TRIALS
from study.journal.journal import Journal, TrialRecord
from study.report.trial_plots import draw

MOST_NAMED = 30
"""Trials that an error lists one by one."""


def plot_and_show(directory: Path, trial: str) -> None:
    """Draw the plots of a trial into its folder and print their paths. Raises BadInputError if there is no such trial,
    RunFailed if there is nothing to draw, or a plot cannot be drawn.
    """
    record = _record(directory, trial)
    folder = directory / TRIALS / record.trial
    folder.mkdir(parents=True, exist_ok=True)
    drawn = draw(record, folder, folder)
    for name in (name for name, missing in drawn.items() if not missing):
        click.echo(str(folder / name))
    if not drawn:
        raise RunFailed(f"{folder}: trial {record.trial} has ended no epoch; there is nothing to draw yet")
    if failed := [f"{folder / name}: it cannot be drawn ({missing})" for name, missing in drawn.items() if missing]:
        raise RunFailed("\n".join(failed))


def _record(directory: Path, trial: str) -> TrialRecord:
    """What the journal has of a trial, by its number with or without zeros before it."""
    journal = Journal(directory)
    if record := journal.trial(trial):
        return record
    known = sorted(journal.trials())
    same = [ident for ident in known if trial.isdecimal() and int(ident) == int(trial)]
    if same and (record := journal.trial(same[0])):
        return record
    few = ", ".join(known) if len(known) <= MOST_NAMED else f"{known[0]} to {known[-1]}"
    which = f"one of: {few}" if known else "one that has begun: none has"
    raise BadInputError(f"{directory}: there is no trial {trial}; write {which}")
