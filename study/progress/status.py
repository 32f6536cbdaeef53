"""How far studies are, from their journals: a line for each study, or a line for each trial of one."""

import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from search_spaces.contestants import CONTESTANT, Asked, plain_studies
from search_spaces.load import StudyFileError, load_recorded
from search_spaces.schema import Study
from study.journal.budget import Budget
from study.journal.events import Event, TrialStatus
from study.journal.files import STUDY
from study.journal.journal import Journal, Reader
from study.journal.record import TrialRecord
from study.progress.live_view import STYLES, clock
from study.progress.standing import Running, Standing
from study.terminal.fitting import Fitting

NARROW = 11
"""Characters of a heading's line: with two objectives a table of trials fits a terminal of 80."""

ENDINGS = {"FINISHED": "ended", "KILLED": "stopped", "FAILED": "failed"}


def studies_table(directories: Iterable[Path]) -> Group:
    """How far the studies in these folders are; below, what cannot be read of their journals."""
    headings = ("study", "trials", "status", "best so far", "last sign")
    wide, narrow = _table(*headings), _table(*headings)
    complaints: list[str] = []
    for directory in directories:
        try:
            study = load_recorded(directory / STUDY)
            journal = Reader(Journal(directory), epochs=False).read()
        except StudyFileError as error:  # one broken folder must not hide the others
            complaints.append(f"{directory.name}: cannot be read: {error}")
            continue
        complaints += journal.complaints
        standing = _standing(study, journal.records)
        counts = [f"{count} {status}" for status, count in standing.counts()] or ["none yet"]
        best = [(name, f"{found.value:.3g} ({found.trial} {found.method})") for name, found in standing.best.items()]
        trials, sign = f"{standing.over}/{standing.trials}", last_sign(journal.last)
        for table, mark, space in ((wide, ", ", " "), (narrow, "\n", "\n  ")):
            values = Text("\n".join(f"{name}{space}{value}" for name, value in best))
            table.add_row(Text(directory.name), trials, mark.join(counts), values, sign)
    return Group(Fitting(wide, narrow), *(["", *map(Text, complaints)] if complaints else []))


def trials_table(directory: Path) -> Group:
    """The study in this folder, and every trial of it that has begun. Raises StudyFileError if it cannot be read."""
    study = load_recorded(directory / STUDY)
    table = _table("trial", "method", "status", "epoch", *map(_broken, study.objectives), "time")
    errors: list[Text] = []
    plain, asked = plain_studies(study), Asked(study)
    for record in Journal(directory).trials(epochs=False).values():
        own = plain.get(record.values.get(CONTESTANT), study)
        epochs = record.values.get("training.epochs", own.training.epochs)
        known = asked.values(record.method, record.latest)
        values = [_shown(known.get(name)) for name in study.objectives]
        status = Text(str(record.status), style=STYLES[record.status])
        trial, method = Text(record.trial), Text(record.method)
        table.add_row(
            trial, method, status, f"{record.epoch}/{epochs}" if epochs else "–", *values, clock(record.seconds)
        )
        if record.error:
            errors.append(Text(f"trial {record.trial}: {record.error}", style=STYLES[record.status]))
    return Group(studies_table([directory]), "", Fitting(table), *(["", *errors] if errors else []))


def last_sign(event: Event | None) -> str:
    """How long ago the journal's last event was written, or that it is the study's end."""
    if event is None:
        return "none yet"
    if event["event"] == "study-end":
        return ENDINGS[event.get("status", "FINISHED")]
    return f"{clock(max(0.0, time.time() - event['time']))} ago"


def _shown(value: float | str | None) -> str:
    return f"{value:.3g}" if isinstance(value, float) else ""


def _broken(metric: str) -> str:
    """A metric's name as a narrow heading, in lines that end where its words do."""
    lines = [""]
    for word in re.findall(r"[^/_]+[/_]?", metric):
        if lines[-1] and len(lines[-1] + word) > NARROW:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _standing(study: Study, records: Mapping[str, TrialRecord]) -> Standing:
    standing, plain = Standing(Asked(study), Budget(study, records).at_most()), plain_studies(study)
    for record in records.values():
        if record.status is TrialStatus.RUNNING:
            own = plain.get(record.values.get(CONTESTANT), study)
            standing.running[record.trial] = Running(record.method, own.training.epochs, record.epoch)
        else:
            standing.end(record.trial, record.method, record.status, record.metrics)
    return standing
