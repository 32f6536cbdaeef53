"""The plots of one trial, drawn when somebody asks for them."""

import click

from study.cli.exit_codes import RunFailed
from study.cli.studies import Trained
from study.cli.trials import chosen
from study.report.trial_plots import draw


def plot_and_show(where: Trained) -> None:
    """Draw the plots of a trial into its folder and print their paths. Raises BadInputError if there is no such trial,
    RunFailed if there is nothing to draw, or a plot cannot be drawn.
    """
    record, folder = chosen(where)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = draw(record, folder, folder)
    for name in (name for name, missing in drawn.items() if not missing):
        click.echo(str(folder / name))
    if not drawn:
        raise RunFailed(f"{folder}: trial {record.trial} has ended no epoch; there is nothing to draw yet")
    if failed := [f"{folder / name}: it cannot be drawn ({missing})" for name, missing in drawn.items() if missing]:
        raise RunFailed("\n".join(failed))
