"""All commands of `cnn-study`, as one click group.

A command is two halves. The one here (`looking`, `starting`, `using`) reads options; it is loaded always, so it loads
nothing heavy. What does the work (with torch, Ray, MLflow) is imported inside the command, once its cheap checks are
done.
"""

import click

from study.cli import comparing, looking, starting, using

COMMANDS = (
    looking.spaces,
    looking.check,
    starting.trial,
    starting.run,
    starting.resume,
    starting.submit,
    starting.confirm,
    comparing.compare,
    looking.report,
    looking.plot,
    using.predict,
    looking.status,
    looking.sync,
    looking.ui,
)


@click.group(commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cnn-study")
def cli() -> None:
    """Make neural networks obey a PDE, and find out which way is best."""
