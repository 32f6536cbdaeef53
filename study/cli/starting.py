"""The commands that run something: a trial, a study, a study again, a study on a cluster."""

from pathlib import Path
from typing import Any, Literal

import click

from study.cli.exit_codes import Ended, mendable
from study.cli.loading import loading
from study.cli.options import (
    a_number,
    address_option,
    an_address,
    name_argument,
    settings_option,
    space_argument,
    storage_option,
    study_options,
    tracking_option,
)
from study.cli.studies import RUNS, existing, say_doubts, study_of, trial_of

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@space_argument
@settings_option
@click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON object: config, metrics, status.")
@click.option("--save", type=FOLDER, metavar="DIR", help="Write checkpoint and predictions here.")
@click.option(
    "--from-checkpoint", "checkpoint", type=FOLDER, metavar="DIR",
    help="Go on from the trial saved in this folder; one that is fully trained is only projected and measured.",
)  # fmt: skip
def trial(space: str, settings: tuple[str, ...], as_json: bool, save: Path | None, checkpoint: Path | None) -> None:
    """Run one trial of SPACE in this process, without Ray.

    It has the values that stand outside the search block.
    """
    study = trial_of(space, settings, checkpoint)
    say_doubts(study)
    with loading():
        from study.cli.single_trial import run_and_show

    run_and_show(study, as_json=as_json, save=save, checkpoint=checkpoint)


@click.command()
@study_options
@address_option
def run(
    space: str,
    settings: tuple[str, ...],
    name: str | None,
    trials: int | None,
    warm_start: str | None,
    tracking_uri: str | None,
    **where: Any,
) -> None:
    """Run the study SPACE and report which method is better.

    The report says by how much and at which cost, too.
    """
    study = study_of(space, settings, trials=trials, warm_start=warm_start)
    say_doubts(study)
    with loading():
        from study.cli.conclusion import run_and_conclude

    name, exact = (study.study, False) if name is None else (name, True)
    run_and_conclude(study, RUNS, name, exact=exact, tracking_uri=tracking_uri, **where)


SEEDS = (6, 20)
"""Trials of every method: for intervals of medians, and for standard deviations, which 20 values have to a sixth."""


@click.command()
@name_argument
@click.option(
    "--seeds", type=click.IntRange(min=1), metavar="K", help="Trials of every method: 6, or 20 with --bootstrap."
)
@click.option(
    "--bootstrap",
    type=click.Choice(["rows", "errors"]),
    help="Draw the observations anew with each seed, too: rows with replacement, or their errors once more.",
)
@address_option
@storage_option
@tracking_option
def confirm(
    name: str, seeds: int | None, bootstrap: Literal["rows", "errors"] | None, tracking_uri: str | None, **where: Any
) -> None:
    """Train the best of every method again, with new seeds.

    These are the best trials of the study NAME; trained again, they are the study NAME-confirm. Its medians and
    intervals are honest: no seed of it chose anything. Six seeds are the fewest that have intervals. With --bootstrap
    they are the study NAME-bootstrap-rows or NAME-bootstrap-errors: its unknowns spread by errors of measurement, too.
    """
    directory = existing(name)
    with loading():
        from search_spaces.checks import LONGEST_NAME
        from study.cli.conclusion import run_and_conclude
        from study.search.confirmation import confirming, in_packs, read_earlier, unconfirmed

    earlier = {name: read_earlier(directory)}
    study = in_packs(confirming(earlier, seeds=seeds or SEEDS[bootstrap is not None], bootstrap=bootstrap))
    for line in unconfirmed(earlier):
        click.echo(line, err=True)
    ending = "-confirm" if bootstrap is None else f"-bootstrap-{bootstrap}"
    name = f"{name[: LONGEST_NAME - len(ending)]}{ending}"
    run_and_conclude(study, RUNS, name, exact=False, tracking_uri=tracking_uri, **where)


@click.command()
@name_argument
@click.option("--trials", "more", type=click.IntRange(min=1), metavar="MORE", help="So many trials more than it had.")
@click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True),
    callback=a_number,
    metavar="H",
    help="Stop again after this long.",
)
@click.option("--address", metavar="ADDRESS", callback=an_address, help="Where to run; default: where it ran before.")
@click.option(
    "--tracking-uri",
    metavar="URI",
    callback=an_address,
    help="An MLflow tracking server or database; default: the one it had.",
)
def resume(name: str, more: int | None, hours: float | None, address: str | None, tracking_uri: str | None) -> None:
    """Go on with the study NAME, however it ended.

    Trials that did not end go on from their checkpoints.
    """
    directory = existing(name)
    with loading():
        from study.cli.conclusion import resume_and_conclude

    resume_and_conclude(directory, more=more or 0, hours=hours, address=address, tracking_uri=tracking_uri)


@click.command()
@study_options
@click.option(
    "--address",
    default="http://127.0.0.1:8265",
    show_default=True,
    metavar="URL",
    callback=an_address,
    help="Its dashboard.",
)
@click.option(
    "--directory", default="~/cnn-study", show_default=True, metavar="DIR", help="Where runs/ is on the head node."
)
def submit(
    space: str,
    settings: tuple[str, ...],
    name: str | None,
    trials: int | None,
    hours: float | None,
    warm_start: str | None,
    storage: str | None,
    tracking_uri: str | None,
    address: str,
    directory: str,
) -> None:
    """Run the study SPACE as a job on a cluster; follow its log.

    The job has this machine's code, and neither Ctrl-C nor closing this machine ends it. What `run` leaves is in
    --directory on the head node.
    """
    study = study_of(space, settings, trials=trials, warm_start=warm_start)
    say_doubts(study)
    with loading():
        from study.cluster.submission import Job

    options = {"--name": name, "--hours": str(hours or ""), "--storage": storage, "--tracking-uri": tracking_uri}
    with mendable():
        job = Job.submit(study, address=address, directory=directory, options=options)
    click.echo(f"{job.ident} is submitted; Ctrl-C ends this view of it, not the study", err=True)
    try:
        code = job.follow(lambda text: click.echo(text, nl=False))
    finally:
        where = f"{job.ident} --address {address}"
        click.echo(f"log      ray job logs --follow {where}\nstop     ray job stop {where}", err=True)
        if storage:
            click.echo(f"trials   cnn-study status --storage {storage}", err=True)
    raise Ended(code)
