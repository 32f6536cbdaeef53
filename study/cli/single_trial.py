"""A single trial as the user sees it run: its progress, its metrics, what it saves."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from search_spaces.load import dump
from search_spaces.schema import Study
from study.cli.exit_codes import mendable
from study.cli.metrics_table import metrics_table
from study.trial.trial import Metrics, Trial
from study.trial.trial_folder import make_folder


def run_and_show(study: Study, *, save: Path | None, checkpoint: Path | None, as_json: bool) -> None:
    """Run a trial, from its checkpoint if there is one, and print its metrics: a table, or a line of JSON."""
    with mendable():
        if save is not None:
            make_folder(save)
        trial = Trial(study)
        if checkpoint is not None:
            for line in trial.load(checkpoint):
                click.echo(line, err=True)
    console = Console(stderr=True)
    metrics = _finished(trial, study, console)
    if save is not None:
        trial.save(save)
        console.print(f"checkpoint and predictions: {save}")
    if as_json:
        status = metrics.pop("status")
        click.echo(json.dumps({"config": dump(study), "metrics": metrics, "status": status}))
    else:
        Console().print(metrics_table(metrics))


def _finished(trial: Trial, study: Study, console: Console) -> Metrics:
    """Train and project behind a bar; the metrics of the last epoch and of the projection."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        training = f"training {study.training.method.name}"
        task = progress.add_task(training, total=study.training.epochs, completed=trial.epoch)
        while not trial.done:
            trial.step()
            progress.update(task, completed=trial.epoch)
        if study.projection is not None:
            progress.update(task, description=f"projecting with {study.projection.solver}")
        return dict(trial.history[-1]) | trial.finish()
