"""Projections of trials: from a checkpoint by command, and which status speaks for all."""

import json
from pathlib import Path

from click.testing import CliRunner

from cnn_core.solvers import ProjectionStatus
from study.cli.exit_codes import BadInputError
from study.cli.group import cli
from study.trial.projecting import worst_status

SMALL = (
    "data.train.amplitude=[0.5, 1.0]", "data.train.frequency=[0.5, 1.0]", "data.train.points=10",
    "data.validation.amplitude=[0.8]", "data.test.frequency=[2.3]",
    "network.widths=[8, 8]", "training.epochs=2", "projection.points=10", "projection.max_steps=2",
)  # fmt: skip


def trial(space: str, *options: str):
    settings = [text for setting in SMALL for text in ("--set", setting)]
    return CliRunner().invoke(cli, ["trial", space, *settings, *options])


def metrics_of(result) -> dict[str, float]:
    return json.loads(result.stdout.splitlines()[-1])["metrics"]


def test_a_saved_trial_is_projected_from_its_checkpoint(tmp_path: Path) -> None:
    saved = str(tmp_path / "saved")
    trained = metrics_of(trial("helmholtz-quick", "--save", saved, "--json"))
    again = ("--from-checkpoint", saved, "--set", "projection.nearest=parameters", "--json")
    projected = metrics_of(trial(f"{saved}/trial.yaml", *again))
    assert projected["time/train_s"] == trained["time/train_s"]  # nothing is trained again
    assert projected["validation/data_mse"] == trained["validation/data_mse"]
    assert projected["projected/validation/data_mse"] != trained["projected/validation/data_mse"]


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = trial("helmholtz-quick", "--from-checkpoint", str(tmp_path / "nowhere"))
    assert isinstance(result.exception, BadInputError) and "there is no such checkpoint" in str(result.exception)


def test_the_worst_status_speaks_for_all() -> None:
    assert worst_status([ProjectionStatus.CONVERGED, ProjectionStatus.LEAST_SQUARES]) == "least squares"
    assert worst_status([ProjectionStatus.DIVERGED, ProjectionStatus.LEAST_SQUARES]) == "diverged"
