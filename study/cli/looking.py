"""The commands that look at something: study files, what came of studies, and where MLflow shows it."""

import json
import os
import sys
import tempfile
from pathlib import Path

import click

from search_spaces.shipped import shipped_spaces
from study.cli.exit_codes import RunFailed, mendable
from study.cli.loading import loading
from study.cli.options import (
    NAME,
    SPACE,
    TRACKING_URI,
    an_address,
    name_argument,
    settings_option,
    trained_argument,
    which_argument,
)
from study.cli.studies import (
    HOW_TO_START,
    RUNS,
    all_studies,
    compares,
    existing,
    of_comparison,
    say_doubts,
    study_of,
    trained,
)


@click.command()
def spaces() -> None:
    """List the study files that come with the package."""
    from rich.console import Console
    from rich.table import Table

    from study.terminal.fitting import Fitting

    table = Table("space", "what it searches", box=None, header_style="bold")
    for name, path in shipped_spaces().items():
        table.add_row(name, _first_comment(path))
    Console().print(Fitting(table, wraps=True))


@click.command()
@click.argument("space", required=False, help=SPACE)
@settings_option
@click.option("--schema", is_flag=True, help="Print the JSON schema of study files instead, for editors.")
@click.option("--resources", is_flag=True, help="Say instead how many trials a node holds, and what bounds them.")
@click.option(
    "--node", metavar="cpu=16,gpu=1,memory=64,gpu_memory=80", help="That node, in GiB; default: this machine."
)
def check(space: str | None, settings: tuple[str, ...], schema: bool, resources: bool, node: str | None) -> None:
    """Check the study file SPACE and print it with all defaults.

    With --resources, take a few steps of a trial of every method, and print what they take.
    """
    if node is not None and not resources:
        raise click.UsageError("--node goes with --resources")
    if schema:
        with loading():
            from search_spaces.json_schema import json_schema

        click.echo(json.dumps(json_schema(), indent=2))
    elif space is None:
        raise click.UsageError("name a study file, or write --schema")
    elif resources:
        _show_resources(space, settings, node)
    else:
        study = study_of(space, settings)
        with loading():
            from search_spaces.doubts import lacking
            from search_spaces.drawn import in_short
            from search_spaces.load import dump_yaml

        say_doubts(study)
        for line in lacking(study):
            click.echo(f"warning: {line}", err=True)
        text = dump_yaml(study)
        click.echo(text if _can_print(text) else dump_yaml(study, ascii_only=True), nl=False)
        for line in (*in_short(study), f"{space} is a valid study file"):
            click.echo(line, err=True)


def _show_resources(space: str, settings: tuple[str, ...], node: str | None) -> None:
    with loading():
        from study.cluster.node import parse_node, this_node

    with mendable():
        where = this_node() if node is None else parse_node(node)
    study = study_of(space, settings)
    say_doubts(study)
    with loading():
        from study.cli.resources import show_resources

    with mendable():
        show_resources(study, where)


@click.command()
@name_argument
def report(name: str) -> None:
    """Write tables, plots and report.html of the study NAME anew.

    Its summary is printed, too. Of a comparison, write its page and print its verdict, as far as it has come.
    """
    if compares(name):
        with loading():
            from study.cli.compared import write_anew

        return write_anew(RUNS / name, of_comparison(name))
    directory = existing(name)
    with loading():
        from rich.console import Console

        from study.report.files import write_report
        from study.report.summary import print_summary

    _say_what_is_unreadable(directory)
    paths = write_report(directory)
    print_summary(Console(), directory)
    click.echo(f"plots    {paths.plots}\nreport   {paths.html}")
    return None


@click.command()
@trained_argument
@which_argument
def plot(name: str, trial: str | None) -> None:
    """Draw the plots of a trial of the study NAME, or of one saved.

    They are written into the trial's folder, and their paths are printed. MLflow has those of the trials that one looks
    at first.
    """
    where = trained(name, trial)
    with loading():
        from study.cli.plotting import plot_and_show

    plot_and_show(where)


@click.command()
@click.argument("name", required=False, help=NAME)
@click.option(
    "--storage",
    metavar="DIR",
    callback=an_address,
    help="Look at what runs elsewhere: the folder or URI that `run` or `submit` was given.",
)
def status(name: str | None, storage: str | None) -> None:
    """Show how far each study is, or every trial of the study NAME.

    The studies are those under runs/, or those of a storage; of a comparison, its own.
    """
    of_many = name is None or compares(name)
    if storage is not None:
        _show_elsewhere(storage, name)
    elif directories := _shown(name):
        with loading():
            from study.cli.study_tables import show

        show(directories, trials=not of_many)
    elif name:
        click.echo(f"nothing has begun; go on with: cnn-study compare --name {name}")
    else:
        click.echo(f"no studies under {RUNS.resolve()}; {HOW_TO_START}")


def _shown(name: str | None) -> list[Path]:
    if name is None:
        return all_studies()
    return of_comparison(name) if compares(name) else [existing(name)]


def _show_elsewhere(storage: str, name: str | None) -> None:
    with loading():
        from study.cli.study_tables import show
        from study.journal import shared_copy

    with tempfile.TemporaryDirectory() as target, mendable():
        if directories := shared_copy.fetch(storage, Path(target), name=name):
            show(directories, trials=name is not None)
        else:
            what = f"no study of the name {name}" if name else "no studies"
            click.echo(f"{what} under {storage}; {HOW_TO_START}")


@click.command()
@name_argument
@click.option(
    "--tracking-uri", metavar="URI", callback=an_address, help="Where to; default: where the study's own metrics went."
)
def sync(name: str, tracking_uri: str | None) -> None:
    """Upload what MLflow lacks of the study NAME.

    Nothing is sent twice.
    """
    directory = existing(name)
    with loading():
        from study.cli.tracked_at import tracked_at
        from study.tracking import databases, uploader
        from study.tracking.bookmark import Bookmark

    _say_what_is_unreadable(directory)
    with mendable():
        uri = databases.check_uri(tracking_uri or tracked_at(directory))
    try:
        click.echo(f"{uploader.sync(directory, uri)} events of {name} uploaded to {uri}")
    except uploader.TrackingError as error:
        raise RunFailed(str(error)) from error
    if refusal := Bookmark.read(directory, uri).refusal:
        click.echo(refusal)


@click.command()
@click.option(
    "--tracking-uri",
    metavar="URI",
    envvar=TRACKING_URI,
    callback=an_address,
    help=f"What to show; default: {TRACKING_URI}, or the SQLite file in runs/.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="0.0.0.0 lets everybody in who reaches this machine.",
)
@click.option(
    "--port", default=5000, show_default=True, type=click.IntRange(1, 65535), metavar="PORT", help="Where it listens."
)
def ui(tracking_uri: str | None, host: str, port: int) -> None:
    """Open the results in the MLflow UI.

    Only this machine can open it, unless another --host is given.
    """
    with loading():
        from study.tracking import addresses, databases, moved

    with mendable():
        uri = databases.check_uri(tracking_uri or databases.default_uri(RUNS))
        moved.repoint(uri)
        command, environment = addresses.ui_process(uri, host=host, port=port)
    server = f"http://{host}:{port}"
    click.echo(f"{server}  (end with Ctrl-C)", err=True)
    for directory in all_studies():
        if page := addresses.pages(directory, uri, server=server).get(addresses.STUDY_PAGE):
            click.echo(f"{directory.name}: {page}", err=True)
    os.execvpe(command[0], command, {**os.environ, **environment})


def _say_what_is_unreadable(directory: Path) -> None:
    """Of a study's journal, on stderr."""
    from study.journal.journal import Journal, Reader

    for complaint in Reader(Journal(directory), epochs=False).read().complaints:
        click.echo(complaint, err=True)


def _can_print(text: str) -> bool:
    """Whether this terminal has all letters of a text."""
    return text.encode(encoding := sys.stdout.encoding or "utf-8", "replace").decode(encoding) == text


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()
