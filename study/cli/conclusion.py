"""A study as the user sees it run, and what they are told when it has ended: tables, plots, what MLflow lacks."""

import errno
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from search_spaces.counts import some
from search_spaces.load import load_recorded
from search_spaces.schema import Study
from study.cli.exit_codes import Ended, RunFailed, mendable, unwritten
from study.cli.interrupts import INTERRUPTED, interruptible
from study.cli.options import TRACKING_URI
from study.cli.tracked_at import tracked_at
from study.driver import runner
from study.driver.runner import Outcome
from study.journal import study_folder
from study.journal.budget import Budget
from study.journal.files import STUDY, going_on
from study.journal.journal import Journal
from study.report.files import write_report
from study.report.summary import print_summary
from study.tracking.databases import check_uri, default_uri
from study.tracking.tracker import Tracker

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE)
"""What a disk says that is full or gone."""


def run_and_conclude(
    study: Study, runs: Path, name: str, *, exact: bool, tracking_uri: str | None, **where: Any
) -> None:
    """Run a new study as `runs`/`name`, numbered if that exists and need not be `exact`, and print what came of it."""
    with mendable():
        uri = check_uri(tracking_uri or default_uri(runs))
        directory = study_folder.claim(runs, name, exact=exact)
        tracker = Tracker(directory, uri)
        click.echo(f"{directory}: starting Ray, some seconds", err=True)
        with _resumable(directory):
            outcome = runner.run(study, directory=directory, tracker=tracker, **where)
    _conclude(directory, outcome, tracker)


def resume_and_conclude(directory: Path, *, more: int, tracking_uri: str | None, **where: Any) -> None:
    """Go on with a study, with so many trials `more`, and print what came of it."""
    with mendable():
        uri = check_uri(tracking_uri or tracked_at(directory))
        runner.lengthened(directory, more)  # which may not be: said before anything starts
        tracker = Tracker(directory, uri)
        click.echo(f"{directory}: starting Ray, some seconds", err=True)
        with _resumable(directory):
            outcome = runner.resume(directory, more=more, tracker=tracker, **where)
    _conclude(directory, outcome, tracker)


def to_its_end(study: Study, runs: Path, name: str, tracking_uri: str, **where: Any) -> Outcome:
    """Run the study `runs`/`name` as far as it lacks, and nothing else: its report is written on demand."""
    directory = runs / name
    with mendable():
        if not (begun := (directory / STUDY).exists()):
            directory = study_folder.claim(runs, name)
        tracker = Tracker(directory, tracking_uri)
        with _resumable(directory):
            if begun:
                outcome = runner.resume(directory, tracker=tracker, address=where["address"], hours=where["hours"])
            else:
                outcome = runner.run(study, directory=directory, tracker=tracker, **where)
    return replace(outcome, unsent=outcome.unsent or tracker.add_report())


def _conclude(directory: Path, outcome: Outcome, tracker: Tracker) -> None:
    """Print what came of a study; exits unless it ended well. Raises RunFailed if it has no result."""
    console = Console()
    report = _reported(directory)
    print_summary(console, directory)
    console.print(report, highlight=False, soft_wrap=True)
    if unsent := outcome.unsent or tracker.add_report():
        console.print(unsent, highlight=False, soft_wrap=True)
    console.print(f"MLflow   {ui_command(directory.parent, tracker.tracking_uri)}", highlight=False, soft_wrap=True)
    if standing := _what_is_left(directory):
        console.print(standing, highlight=False, soft_wrap=True)
    if outcome.error:
        raise RunFailed(outcome.error)
    if outcome.stopped:
        raise Ended(INTERRUPTED)


def _reported(directory: Path) -> str:
    """Write the report; where it is, or why it could not be written."""
    try:
        paths = write_report(directory)
    except OSError as error:
        again = f"{_program()} report {directory.name}"
        return f"report   it could not be written ({unwritten(error)}); write it with: {again}"
    return f"plots    {paths.plots}\nreport   {paths.html}"


@contextmanager
def _resumable(directory: Path) -> Iterator[None]:
    """Around a study that runs: if it is ended at once, or by a disk, says that nothing is lost, and how to go on."""

    def how(ended: str) -> str:
        kept = f"; all that trials reported is kept. Go on with: {_resume_command(directory)}"
        return ended + (kept if (directory / STUDY).exists() else "")

    try:
        with interruptible(lambda: how("ended at once")):
            yield
    except Exception as error:
        if (cause := _of_the_system(error)) is None:
            raise
        raise RunFailed(how(unwritten(cause))) from error


def _of_the_system(error: BaseException | None) -> OSError | None:
    """The error of a disk that is behind this one, which Tune may have wrapped; not what is wrong with the input."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK:
            return error
        error = error.__cause__ or error.__context__
    return None


def _resume_command(directory: Path) -> str:
    """How the user who started this program goes on with a study."""
    return f"{_program()} {going_on(directory)}"


def _what_is_left(directory: Path) -> str:
    """How many trials are still to be run, or why there are fewer than were asked for; empty if all were."""
    study = load_recorded(directory / STUDY)
    records = Journal(directory).trials(epochs=False)
    ended, budget = sum(record.status.final for record in records.values()), Budget(study, records)
    if (settings := budget.at_most()) > ended:
        most = "" if study.tune.seconds is None else "at most "
        return f"left     {most}{some(settings - ended, 'trial')}; go on with: {_resume_command(directory)}"
    if spent := budget.told():
        return f"left     nothing: {'; '.join(spent)}"
    if settings >= study.tune.trials or not (study.search or study.contestants):
        return ""
    if study.contestants:
        return f"left     nothing: only {settings} of {study.tune.trials} trials differ; some contestants are used up"
    if study.tune.balance is not None:
        few = f"only {settings} of {study.tune.trials} trials differ"
        return f"left     nothing: {few}; some of the balanced values are used up"
    whole = "the only setting was" if settings == 1 else f"all {settings} settings were"
    return f"left     nothing new to try: {whole} trained"


def ui_command(runs: Path, tracking_uri: str) -> str:
    """How the user who started this program opens the MLflow UI."""
    usual = tracking_uri == (os.environ.get(TRACKING_URI) or default_uri(runs))
    return f"{_program()} ui" + ("" if usual else f" --tracking-uri {shlex.quote(tracking_uri)}")


def _program() -> str:
    program = Path(sys.argv[0])
    return program.name if shutil.which(program.name) == str(program) else os.path.relpath(program)
