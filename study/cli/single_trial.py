"""A single trial as the user sees it run: its progress, its metrics, what it saves."""

import json
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from search_spaces.load import dump
from search_spaces.schema import Study
from study.analysis.measured import still_moving
from study.cli.exit_codes import RunFailed, mendable, unwritten
from study.cli.interrupts import Interrupted, deferred
from study.cli.metrics_table import metrics_table
from study.journal.own_code import keep_code
from study.trial.trial import Metrics, Trial
from study.trial.trial_folder import make_folder

STOPPING = "stopping after this epoch; the trial is saved then (Ctrl-C again ends at once)"


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
    metrics = _finished(trial, study, console, save)
    if trial.reason:
        console.print(f"diverged: {trial.reason}", highlight=False, markup=False, soft_wrap=True)
    for name, change in ({} if trial.reason else still_moving(trial.history)).items():
        console.print(
            f"{name} still moved by {100 * change:.2g} % in the last tenth of the epochs: train longer, or with a rate "
            "that falls",
            highlight=False,
            soft_wrap=True,
        )
    _show(metrics, study, trial.reason, as_json=as_json)
    if save is not None:
        _save(trial, save)
        console.print(f"checkpoint and predictions: {save}", soft_wrap=True)


def _show(metrics: Metrics, study: Study, reason: str | None, *, as_json: bool) -> None:
    if as_json:
        status = metrics.pop("status")
        error = {"error": reason} if reason else {}
        click.echo(json.dumps({"config": dump(study), "metrics": metrics, "status": status, **error}))
    else:
        Console().print(metrics_table(metrics, trains=study.trains))


def _save(trial: Trial, folder: Path) -> None:
    try:
        trial.save(folder)
        keep_code(folder, trial.study)
    except OSError as error:
        raise RunFailed(f"--save: {unwritten(error)}; make room, or write another folder") from error


def _finished(trial: Trial, study: Study, console: Console, save: Path | None) -> Metrics:
    """Train and project behind a bar; the metrics of the last epoch and of the projection.

    A trial that is to be saved is saved where it is interrupted, too: after an epoch, or trained and not projected.
    """
    epochs = study.training.epochs
    counted = (MofNCompleteColumn(), TimeRemainingColumn()) if epochs else ()
    with Progress(TextColumn("{task.description}"), BarColumn(), *counted, console=console) as progress:
        training = f"training {study.training.method.name}"
        task = progress.add_task(training, total=epochs or None, completed=trial.epoch)
        with nullcontext(lambda: False) if save is None else deferred(STOPPING) as is_asked_to_stop:
            while not trial.done and not is_asked_to_stop():
                trial.step()
                progress.update(task, completed=trial.epoch)
        try:
            if is_asked_to_stop():
                raise KeyboardInterrupt
            if study.projection is not None:
                progress.update(task, description=f"projecting with {study.projection.solver}")
            return dict(trial.history[-1]) | trial.finish()
        except KeyboardInterrupt:
            if save is None:
                raise
            _save(trial, save)
            raise Interrupted(
                f"interrupted after epoch {trial.epoch} of {epochs}; the same command goes on "
                f"from there with: --from-checkpoint {save}"
            ) from None
