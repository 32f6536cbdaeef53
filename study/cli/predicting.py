"""A network's predictions at the points of a file, and what is said of them in the terminal."""

from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track

from cnn_core.solvers import seeks_data
from cnn_core.training import TrainingStatus
from search_spaces.counts import some
from search_spaces.points import read_points
from search_spaces.tables import Table, place
from search_spaces.writing import require_writable, write_columns
from study.analysis.measured import as_projected, unfitted
from study.cli.exit_codes import BadInputError, mendable
from study.cli.studies import Trained
from study.cli.trials import chosen
from study.journal.record import TrialRecord
from study.prediction.at_points import Predicted, names_of, outside, predict_at, project_at
from study.prediction.load import load_trial
from study.prediction.trained import SOLVER, TrainedNetwork


def predict_and_say(where: Trained, *, at: Path, output: Path, project: bool) -> None:
    """Write what a trial predicts, and say which it is. Raises BadInputError, StudyFileError, OSError."""
    require_writable(output)
    record, folder = chosen(where)
    with mendable():
        network = load_trial(folder)
    if project and network.settings.projection is None:
        raise BadInputError(
            f"{where.folder}: trial {record.trial} has no projection; leave out --project, or project what it trained: "
            f"with its settings cnn-study trial SPACE --set '{SOLVER.replace(': ', '=', 1)}' --from-checkpoint {folder}"
        )
    project = project or not network.trained  # of random parameters nobody wants to know
    points = read_points(at, names_of(network))
    sought = project and seeks_data(network.settings.projection)
    _warn(record, network, points, at, sought=sought)
    click.echo(f"trial      {record.trial} ({record.method})")
    with mendable():
        predicted = project_at(network, points, each=_shown) if project else predict_at(network, points)
    how = {(True, False): "as trained", (True, True): "as projected", (False, True): "as solved"}
    for name, value in predicted.unknowns.items():
        click.echo(f"unknown    {name} = {value:.6g}, {how.get((network.trained, sought), 'as it began')}")
    write_columns(output, predicted.columns)
    _say_predicted(predicted, network, output)


def _shown(waves: list[np.ndarray]) -> Iterable[np.ndarray]:
    """The waves behind a bar, where there are several."""
    console = Console(stderr=True)
    return track(
        waves, "projecting", console=console, transient=True, disable=len(waves) < 2 or not console.is_terminal
    )


def _warn(record: TrialRecord, network: TrainedNetwork, points: Table, at: Path, *, sought: bool) -> None:
    lines = [*network.doubts]
    if (times := unfitted(as_projected(record.latest) if sought else record.latest)) is not None:
        lines.append(
            f"trial {record.trial} has {times:.3g} times the data error that errors of measurement leave: what it "
            "predicts, and found of unknowns, is not to be trusted"
        )
    if network.status is not TrainingStatus.COMPLETED:
        epochs = network.settings.training.epochs
        lines.append(
            f"trial {record.trial} is {record.status}: its network is that of epoch {network.epoch} of {epochs}"
        )
    if len(rows := outside(network, points)):
        lines.append(
            f"{at.name}: {len(rows)} of {len(points.rows)} points are outside of the domain, the first in "
            f"{place(at, int(rows.min()))}; nothing was trained there"
        )
    for line in lines:
        click.echo(f"warning: {line}", err=True)


def _say_predicted(predicted: Predicted, network: TrainedNetwork, output: Path) -> None:
    if predicted.projections:
        ended = ", ".join(f"{count} {status}" for status, count in predicted.projections.items())
        waves = sum(predicted.projections.values())
        click.echo(f"projected  {some(waves, 'wave')}: {ended}")
    count = len(next(iter(predicted.columns.values())))
    click.echo(f"predicted  {', '.join(network.problem.outputs)} at {count} points: {output}")
