"""The arguments and options that several commands have."""

import math
from collections.abc import Callable

import click

from study.cli.exit_codes import mendable
from study.journal.secrets import require_no_secret

Command = Callable[..., None]

SPACE = "A shipped name or the path of a study file."
TRACKING_URI = "MLFLOW_TRACKING_URI"
"""The environment variable by which all of MLflow's tools are told."""

NAME = "The name of a study: its folder under runs/."

space_argument = click.argument("space", help=SPACE)
name_argument = click.argument("name", help=NAME)
trained_argument = click.argument("name", help=f"{NAME[:-1]}, or the folder of a trial that was saved.")
which_argument = click.argument(
    "trial",
    required=False,
    metavar="[TRIAL|METHOD]",
    help="The number of a trial, or a method, of which the best trial is meant; default: the best of all.",
)
settings_option = click.option(
    "--set", "settings", multiple=True, metavar="PATH=VALUE", help="Change a setting of the study file; repeatable."
)


def an_address(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an address that is empty, or that holds a password, before anything else is done with it."""
    option = parameter.opts[0]
    with mendable():
        if value is not None and not value.strip():
            raise ValueError(f"{option} is empty; write {parameter.make_metavar(context)}, or leave it out")
        require_no_secret(option, value)
    return value


def a_number(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse nan, which is in every range."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is no number.")
    return value


address_option = click.option(
    "--address",
    default="local",
    show_default=True,
    metavar="ADDRESS",
    callback=an_address,
    help="local, auto or ray://HOST:PORT.",
)
storage_option = click.option(
    "--storage",
    metavar="DIR",
    callback=an_address,
    help="A folder or URI that every node reaches; default: runs/ of the driver.",
)
tracking_option = click.option(
    "--tracking-uri",
    metavar="URI",
    envvar=TRACKING_URI,
    callback=an_address,
    help=f"An MLflow tracking server or database; default: {TRACKING_URI}, or SQLite in runs/.",
)

_STUDY_OPTIONS = (
    space_argument,
    settings_option,
    click.option(
        "--name",
        metavar="NAME",
        help="The study's name and its folder under runs/; default: the study file's, numbered if taken.",
    ),
    click.option(
        "--trials", type=click.IntRange(min=1), metavar="N", help="How many trials; default: the study file's."
    ),
    click.option(
        "--hours",
        type=click.FloatRange(min=0, min_open=True),
        callback=a_number,
        metavar="H",
        help="Start no trial and stop all after this long.",
    ),
    click.option("--warm-start", metavar="NAME", help="Try first what was best in the study NAME."),
    storage_option,
    tracking_option,
)


def study_options(command: Command) -> Command:
    """The argument and the options that `run` and `submit` share."""
    for option in reversed(_STUDY_OPTIONS):
        command = option(command)
    return command
