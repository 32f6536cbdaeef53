"""The commands that use what a study found."""

from pathlib import Path

import click

from study.cli.exit_codes import BadInputError
from study.cli.loading import loading
from study.cli.options import trained_argument, which_argument
from study.cli.studies import trained

FILE = click.Path(path_type=Path)


@click.command()
@trained_argument
@which_argument
@click.option(
    "--at", required=True, type=FILE, metavar="FILE",
    help="Points: a column for each coordinate and given parameter of the problem (.csv, .npz, .mat, .parquet).",
)  # fmt: skip
@click.option(
    "--output", required=True, type=FILE, metavar="FILE", help="The same columns and the outputs; the same formats."
)
@click.option("--project", is_flag=True, help="Move the network onto the constraint first, for every wave by itself.")
@click.option("--force", is_flag=True, help="Replace --output if it exists.")
def predict(name: str, trial: str | None, at: Path, output: Path, project: bool, force: bool) -> None:
    """Evaluate a network that the study NAME trained, or one saved.

    It is evaluated at the points of one file, and what it predicts is written into another. In Python:
    study.load_trial.
    """
    where = trained(name, trial)
    if output.exists() and not force:
        raise BadInputError(f"--output: {output} exists already; write another file, or add --force")
    with loading():
        from study.cli.predicting import predict_and_say

    predict_and_say(where, at=at, output=output, project=project)
