"""What a trial's folder alone says of it, as a journal would: how far it came, and what it measured on the way."""

from pathlib import Path

import torch

from cnn_core.training import TrainingStatus
from search_spaces.errors import StudyFileError
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.prediction.load import newest_state
from study.trial.identity import study_of

STATUS = {
    TrainingStatus.RUNNING: TrialStatus.STOPPED,
    TrainingStatus.COMPLETED: TrialStatus.COMPLETED,
    TrainingStatus.DIVERGED: TrialStatus.DIVERGED,
}


def record_of(folder: Path) -> TrialRecord:
    """The trial in a folder, under the folder's name; when its epochs ended is not known, and written as 0.

    Raises ValueError: one line that says what is wrong.
    """
    state = newest_state(folder, torch.device("cpu"))
    training, history = state["training"], state["history"]
    try:
        method = study_of(state["settings"]).training.method.name
    except ValueError as error:
        raise StudyFileError(f"{folder}: {error}") from None
    first = training["epoch"] - len(history) + 1
    return TrialRecord(
        folder.resolve().name,
        {},
        method,
        STATUS[TrainingStatus(training["status"])],
        history=[(epoch, 0.0, metrics) for epoch, metrics in enumerate(history, first)],
    )
