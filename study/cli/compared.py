"""A comparison as the user sees it run: study by study, and at its end, or whenever it stops, the verdict."""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console

from search_spaces.counts import some
from search_spaces.schema import Study
from study.cli.conclusion import to_its_end, ui_command
from study.cli.exit_codes import Ended, mendable
from study.cli.interrupts import INTERRUPTED
from study.cli.pace import Pace
from study.cli.tracked_at import compared_at
from study.comparing.gather import entries_of, finished, gathered
from study.comparing.question import Question, kept
from study.comparison.files import write_comparison
from study.comparison.sentences import undecidable
from study.comparison.summary import print_verdict
from study.comparison.verdict import judge
from study.driver.runner import Outcome
from study.journal.files import REPORT, STUDY, TRIALS
from study.report.text_table import format_duration
from study.search.confirmation import confirming, read_earlier, unconfirmed
from study.tracking.compared import ComparedRuns
from study.tracking.databases import check_uri, default_uri
from study.trial.files import PREDICTIONS


def say_plan(question: Question) -> None:
    """How much there is to run, and who is left out of what, and why, on stderr."""
    counts = [len(study.contestants) for study in question.problems.values()]
    first = next(iter(question.problems.values()))
    each, searches = first.tune.trials // counts[0], question.studies * len(counts)
    line = (
        f"{question.name} asks for {some(searches, 'search', 'searches')} of {some(max(counts), 'contestant')} at "
        f"most, each with {some(each, 'trial')} at most"
    )
    if (seconds := first.tune.seconds) is not None:
        whole = format_duration(question.studies * sum(counts) * seconds)
        line += f" and {seconds:g} CPU seconds: {whole} of CPU at most, beside projections and fresh seeds"
    click.echo(line, err=True)
    absent: dict[str, list[str]] = {}
    for problem, refused in question.refused.items():
        for contestant, reason in refused.items():
            why = reason.removeprefix(f"contestants.{contestant}: ")
            absent.setdefault(f"{contestant}: {why}", []).append(problem)
    for what, problems in absent.items():
        click.echo(f"left out of {', '.join(problems)}: {what}", err=True)


def go_on(question: Question, runs: Path, *, hours: float | None, tracking_uri: str | None, **where: Any) -> None:
    """Run what a comparison lacks, then write its page and say the verdict so far. Exits with 130 if it was stopped."""
    until = math.inf if hours is None else time.monotonic() + 3600 * hours
    with mendable():
        uri = check_uri(tracking_uri or default_uri(runs))
    most = max(len([*entries_of(study)]) for study in question.problems.values())
    for line in undecidable(question.baselines, question.studies, question.seeds, most):
        click.echo(f"warning: {line}", err=True)
    stopped, pace = False, Pace(len(question.rounds()))
    for step in _steps(question, runs):
        if (left := (until - time.monotonic()) / 3600) <= 0:
            break
        click.echo(f"{step.said}{pace.left(step.place, confirms=step.confirms)}", err=True)
        with pace.taking(confirms=step.confirms, whole=not (runs / step.name / STUDY).exists()):
            hours_left = None if math.isinf(left) else left
            outcome = to_its_end(step.study, runs, step.name, uri, hours=hours_left, **where)
        _say(step.name, outcome)
        if stopped := outcome.stopped:
            break
    if not write(question, runs, uri):
        click.echo(f"left     more to run; go on with: cnn-study compare --name {question.name}")
    if stopped:
        raise Ended(INTERRUPTED)


class Step(NamedTuple):
    """A study of a comparison: what is said of it, its name, and in which round it stands, from 1 on."""

    said: str
    name: str
    study: Study
    place: int
    confirms: bool


def _steps(question: Question, runs: Path) -> Iterator[Step]:
    """All that is not finished: each search, and then what confirms it."""
    rounds = question.rounds()
    for place, (problem, number) in enumerate(rounds, start=1):
        search, confirmation = question.called(problem, number), question.confirmed(problem, number)
        if not finished(runs / search):
            said = f"search {place} of {len(rounds)}: {problem}, number {number} of {question.studies}"
            yield Step(said, search, question.search(problem, number), place, confirms=False)
        if finished(runs / search) and not finished(runs / confirmation):
            earlier = {search: read_earlier(runs / search)}
            for line in unconfirmed(earlier):
                click.echo(line, err=True)
            if not earlier[search].has_best:
                continue
            found = confirming(earlier, seeds=question.seeds, first_seed=question.first_seed(problem, number))
            said = f"confirmation {place} of {len(rounds)}: {problem}"
            yield Step(said, confirmation, found, place, confirms=True)


def _say(name: str, outcome: Outcome) -> None:
    for line in (outcome.error, outcome.unsent):
        if line:
            click.echo(f"{name}: {line}", err=True)


def write_anew(folder: Path, begun: Sequence[Path]) -> None:
    """Write the page of the comparison in this folder, whose studies have `begun`, anew, and say the verdict so far."""
    write(kept(folder), folder.parent, compared_at(begun) or default_uri(folder.parent))


def write(question: Question, runs: Path, tracking_uri: str) -> bool:
    """Gather what there is, write the page, tell MLflow, and say the verdict; whether the comparison is complete."""
    tracked = ComparedRuns(tracking_uri, runs)
    comparison = gathered(question, runs, run_of=tracked)
    if not comparison.problems:
        click.echo("verdict  none yet: no search is confirmed")
        return False
    verdict = judge(comparison)
    page = write_comparison(
        comparison,
        verdict,
        runs / question.name / REPORT,
        links=tracked.address,
        predictions=lambda source: runs / source.study / TRIALS / source.trial / PREDICTIONS,
    )
    lacking = tracked.keep(question.name, page, question.began)
    print_verdict(Console(), comparison, verdict)
    if lacking:
        click.echo(lacking)
    click.echo(f"MLflow   {ui_command(runs, tracking_uri)}")
    click.echo(f"page     {page}")
    return comparison.ended is not None
