"""The command line `cnn-study`: reads options, calls one function, prints what came of it.

Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from search_spaces.load import (
    StudyFileError,
    dump,
    dump_yaml,
    json_schema,
    load_study,
    load_trial,
    parse_setting,
    shipped_spaces,
)
from search_spaces.schema import Study
from study.cli.exit_codes import RunFailed, exit_codes, mendable
from study.cli.metrics_table import metrics_table

Command = Callable[..., None]

RUNS = Path("runs")
NOTHING: Mapping[str, Any] = {}

settings_option = click.option(
    "--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change a setting of the study file; repeatable."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cnn-study")
def cli() -> None:
    """Make neural networks obey a PDE, and find out which way is best."""


@cli.command()
def spaces() -> None:
    """List the study files that come with the package."""
    table = Table("space", "what it searches", box=None, header_style="bold")
    for name, path in shipped_spaces().items():
        table.add_row(name, _first_comment(path))
    Console().print(table)


@cli.command()
@click.argument("space", required=False)
@settings_option
@click.option("--schema", is_flag=True, help="Print the JSON schema of study files instead, for editors.")
def check(space: str | None, settings: tuple[str, ...], schema: bool) -> None:
    """Check the study file SPACE (a shipped name or a path) and print it with all defaults."""
    if schema:
        click.echo(json.dumps(json_schema(), indent=2))
    elif space is None:
        raise click.UsageError("name a study file, or write --schema")
    else:
        click.echo(dump_yaml(_load(space, settings)), nl=False)


@cli.command()
@click.argument("space")
@settings_option
@click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON object: config, metrics, status.")
@click.option("--save", type=click.Path(file_okay=False, path_type=Path), help="Write checkpoint and predictions here.")
@click.option(
    "--from-checkpoint", "checkpoint", type=click.Path(file_okay=False, path_type=Path), metavar="DIRECTORY",
    help="Go on from the trial saved in this folder; one that is fully trained is only projected and measured.",
)  # fmt: skip
def trial(space: str, settings: tuple[str, ...], as_json: bool, save: Path | None, checkpoint: Path | None) -> None:
    """Run one trial of SPACE in this process, with the values that stand outside its search block."""
    from study.trial.trial import Trial
    from study.trial.trial_folder import make_folder

    study = load_trial(space, dict(map(parse_setting, settings)))
    if save is not None:
        with mendable():
            make_folder(save)
    console = Console(stderr=True)
    with mendable():
        running = Trial(study)
        if checkpoint is not None:
            running.load(checkpoint)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        task = progress.add_task(f"training {study.training.method.name}", total=study.training.epochs)
        progress.update(task, completed=running.epoch)
        while not running.done:
            running.step()
            progress.update(task, completed=running.epoch)
        metrics = dict(running.history[-1])
        if study.projection is not None:
            progress.update(task, description=f"projecting with {study.projection.solver}")
        metrics |= running.finish()
    if save is not None:
        running.save(save)
        console.print(f"checkpoint and predictions: {save}")
    if as_json:
        status = metrics.pop("status")
        click.echo(json.dumps({"config": dump(study), "metrics": metrics, "status": status}))
    else:
        Console().print(metrics_table(metrics))


def _study_options(command: Command) -> Command:
    """The options that `run` and `submit` share."""
    name = "The study's name and its folder under runs/; default: the study file's, numbered if taken."
    for option in reversed(
        (
            click.argument("space"),
            settings_option,
            click.option("--name", help=name),
            click.option("--trials", type=click.IntRange(min=1), help="How many trials; default: the study file's."),
            click.option(
                "--hours",
                type=click.FloatRange(min=0, min_open=True),
                help="Start no trial and stop all after this long.",
            ),
            click.option("--warm-start", metavar="NAME", help="Try first what was best in the study NAME."),
            click.option("--storage", help="A folder or URI that every node reaches; default: runs/ of the driver."),
            click.option("--tracking-uri", help="An MLflow tracking server or database; default: SQLite in runs/."),
        )
    ):
        command = option(command)
    return command


@cli.command()
@_study_options
@click.option("--address", default="local", show_default=True, help="local, auto, or ray://HOST:PORT of a cluster.")
def run(
    space: str,
    settings: tuple[str, ...],
    name: str | None,
    trials: int | None,
    hours: float | None,
    address: str,
    warm_start: str | None,
    storage: str | None,
    tracking_uri: str | None,
) -> None:
    """Run the study SPACE (a shipped name or a path) and report which method is better, by how much, at which cost."""
    study = _load(space, settings, {"tune.trials": trials} if trials else {}, warm_start)
    where = {"address": address, "storage": storage, "hours": hours}
    from study.cli.conclusion import run_and_conclude

    name, exact = (study.study, False) if name is None else (name, True)
    run_and_conclude(study, RUNS, name, exact=exact, tracking_uri=tracking_uri, **where)


@cli.command()
@click.argument("name")
@click.option("--seeds", default=6, show_default=True, type=click.IntRange(min=1), help="Trials of every method.")
@click.option("--address", default="local", show_default=True, help="local, auto, or ray://HOST:PORT of a cluster.")
@click.option("--storage", help="A folder or URI that every node reaches; default: runs/ here.")
@click.option("--tracking-uri", help="An MLflow tracking server or database; default: SQLite in runs/.")
def confirm(name: str, seeds: int, address: str, storage: str | None, tracking_uri: str | None) -> None:
    """Train the best trial of every method of the study NAME again with new seeds, as the study NAME-confirm.

    Its medians and intervals are honest: no seed of it chose anything. Six seeds are the fewest that have intervals.
    """
    directory = _existing(name)
    from study.cli.conclusion import run_and_conclude
    from study.search.confirmation import confirming

    study, where = confirming(directory, seeds=seeds), {"address": address, "storage": storage}
    run_and_conclude(study, RUNS, f"{name}-confirm", exact=False, tracking_uri=tracking_uri, **where)


@cli.command()
@click.argument("name")
@click.option("--trials", "more", type=click.IntRange(min=1), metavar="MORE", help="So many trials more than it had.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Stop again after this long.")
@click.option("--address", help="Where to run; default: where it ran before.")
@click.option("--tracking-uri", help="An MLflow tracking server or database; default: the one it had.")
def resume(name: str, more: int | None, hours: float | None, address: str | None, tracking_uri: str | None) -> None:
    """Go on with the study NAME, however it ended: trials that did not end go on from their checkpoints."""
    directory = _existing(name)
    from study.cli.conclusion import conclude, resumable, tracked_at
    from study.driver import runner
    from study.tracking import addresses
    from study.tracking.tracker import Tracker

    with mendable():
        uri = addresses.check_uri(tracking_uri or tracked_at(directory))
        runner.lengthened(directory, more or 0)  # which may not be: said before anything starts
        tracker = Tracker(directory, uri)
        click.echo(f"{directory}: starting Ray, some seconds", err=True)
        with resumable(directory):
            outcome = runner.resume(directory, more=more or 0, address=address, hours=hours, tracker=tracker)
    conclude(directory, outcome, tracker)


@cli.command()
@_study_options
@click.option("--address", default="http://127.0.0.1:8265", show_default=True, help="The cluster's dashboard.")
@click.option("--directory", default="~/cnn-study", show_default=True, help="Where runs/ is on the head node.")
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
    """Run the study SPACE as a job on a cluster, with this machine's code, and follow its log.

    Neither Ctrl-C nor closing this machine ends it. What `run` leaves is in --directory on the head node.
    """
    study = _load(space, settings, {"tune.trials": trials} if trials else {}, warm_start)
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
    sys.exit(code)


@cli.command(name="report")
@click.argument("name")
def report_command(name: str) -> None:
    """Write tables, plots and files.html of the study NAME anew, and print its summary."""
    from study.report.files import write_report
    from study.report.summary import print_summary

    directory = _existing(name)
    paths = write_report(directory)
    print_summary(Console(), directory)
    click.echo(f"plots    {paths.plots}\nreport   {paths.html}")


@cli.command()
@click.argument("name", required=False)
@click.option("--storage", help="Look at what runs elsewhere: the folder or URI that `run` or `submit` was given.")
def status(name: str | None, storage: str | None) -> None:
    """Show every trial of the study NAME, or how far each study is: those under runs/, or those of a storage."""
    if storage is None:
        _show_status([_existing(name)] if name else sorted(path.parent for path in RUNS.glob("*/study.yaml")), name)
        return
    from study.journal import shared_copy

    with tempfile.TemporaryDirectory() as target, mendable():
        _show_status(shared_copy.fetch(storage, Path(target), name=name), name, storage=storage)


def _show_status(directories: Sequence[Path], name: str | None, *, storage: str | None = None) -> None:
    from study.progress.status import studies_table, trials_table

    console = Console()
    if name is not None:
        for directory in directories:
            console.print(trials_table(directory))
    elif directories:
        console.print(studies_table(directories))
    if not directories:
        what = f"no study of the name {name}" if name else "no studies"
        click.echo(f"{what} under {storage or RUNS.resolve()}; start one with: cnn-study run helmholtz-quick")


@cli.command()
@click.argument("name")
@click.option("--tracking-uri", help="Where to; default: where the study's own figures went.")
def sync(name: str, tracking_uri: str | None) -> None:
    """Upload what MLflow lacks of the study NAME; nothing is sent twice."""
    from study.cli.conclusion import tracked_at
    from study.tracking import addresses, uploader

    directory = _existing(name)
    with mendable():
        uri = addresses.check_uri(tracking_uri or tracked_at(directory))
    try:
        click.echo(f"{uploader.sync(directory, uri)} events of {name} uploaded to {uri}")
    except uploader.TrackingError as error:
        raise RunFailed(str(error)) from error


@cli.command()
@click.option("--tracking-uri", help="What to show; default: the SQLite file in runs/.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets everybody in who reaches this machine."
)
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535))
def ui(tracking_uri: str | None, host: str, port: int) -> None:
    """Open the results in the MLflow UI, on this machine only unless another --host is given."""
    from study.tracking import addresses

    with mendable():
        uri = addresses.check_uri(tracking_uri or addresses.default_uri(RUNS))
    command, environment = addresses.ui_process(uri, host=host, port=port)
    server = f"http://{host}:{port}"
    click.echo(f"{server}  (end with Ctrl-C)", err=True)
    for directory in sorted(path.parent for path in RUNS.glob("*/study.yaml")):
        if page := addresses.pages(directory, uri, server=server).get(addresses.STUDY_PAGE):
            click.echo(f"{directory.name}: {page}", err=True)
    os.execvpe(command[0], command, {**os.environ, **environment})


def main() -> None:
    """Entry point: turns what a user can mend into one line and an exit code."""
    with exit_codes():
        cli.main(standalone_mode=False)


def _load(
    space: str, settings: tuple[str, ...], more: Mapping[str, Any] = NOTHING, warm_start: str | None = None
) -> Study:
    overrides = dict(parse_setting(setting) for setting in settings) | dict(more)
    study = load_study(space, overrides)
    if warm_start is None:
        return study
    from study.search.warm_start import best_points

    return load_study(space, overrides | {"tune.first": best_points(study, _existing(warm_start))})


def _existing(name: str) -> Path:
    directory = RUNS / name
    if Path(name).name != name or not (directory / "study.yaml").exists():
        known = ", ".join(sorted(path.parent.name for path in RUNS.glob("*/study.yaml"))) or "none"
        raise StudyFileError(f"{directory}: there is no such study; write one of: {known}")
    return directory


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()
