"""Draws the plots of an ended trial: half a second of a core, which no driver should spend."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from study.journal.journal import TrialRecord
from study.trial.files import PREDICTIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONVERGENCE, PREDICTION = "convergence.png", "prediction.png"


def draw(record: TrialRecord, folder: Path, target: Path) -> Mapping[str, str]:
    """Draw into `target` what a trial's record and files have plots for: plot → empty, or why it is missing."""
    from study.report.trial_plots import convergence_figure, prediction_figure

    drawn: dict[str, str] = {}
    if record.history:
        drawn[CONVERGENCE] = _keep(lambda: convergence_figure(record), target / CONVERGENCE)
    if (folder / PREDICTIONS).exists():
        drawn[PREDICTION] = _keep(lambda: prediction_figure(folder / PREDICTIONS), target / PREDICTION)
    return drawn


def _keep(figure: Callable[[], "Figure"], path: Path) -> str:
    try:
        figure().savefig(path)
    except Exception as error:  # a trial without one of its plots is still a result
        return f"{type(error).__name__}: {error}"
    return ""
