"""A trial's network from what the trial saved: `checkpoint.pt` alone says what was trained, and how far.

Neither the study nor its data need be there. A problem or network of one's own is imported from the code that was kept
with the study, or the trial; without that from the trial's folder, or the current one. A module of its name that this
program has imported already is taken as it is.
"""

from pathlib import Path
from typing import Any

import torch

from cnn_core.checkpoint import CheckpointError
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.training import TrainingStatus
from search_spaces.errors import StudyFileError
from search_spaces.load import build_network, build_problem
from search_spaces.modules import look_in
from search_spaces.schema import Study
from search_spaces.sources import sources_of, version
from study.journal.events import TrialStatus
from study.journal.files import CODE
from study.journal.own_code import kept_for
from study.journal.record import TrialRecord
from study.prediction.trained import TrainedNetwork
from study.trial import saved
from study.trial.files import CHECKPOINT, CHECKPOINT_BEFORE
from study.trial.identity import code_of, study_of

STATUS = {
    TrainingStatus.RUNNING: TrialStatus.STOPPED,
    TrainingStatus.COMPLETED: TrialStatus.COMPLETED,
    TrainingStatus.DIVERGED: TrialStatus.DIVERGED,
}
"""What a journal would say."""


def load_trial(path: str | Path, *, device: str = "cpu") -> TrainedNetwork:
    """The network in a trial's folder: one of `runs/NAME/trials`, of `trial --save`, or what MLflow has of a trial.

    It is that of the last checkpoint, finished or not; without training, that which solves the problem, where this has
    one wave alone. Raises ValueError: one line that says what is wrong.
    """
    folder = Path(path)
    state = _state(folder, torch.device(device))
    training, code = state["training"], code_of(state["settings"])
    _look_for_code(folder.resolve(), code)
    try:
        study = study_of(state["settings"])
        model = _model(study, training["theta"])
    except ValueError as error:
        raise StudyFileError(f"{folder}: {error}") from None
    another = code is not None and code != version(sources_of(study))
    network = TrainedNetwork(
        study,
        model,
        training["theta"],
        epoch=training["epoch"],
        status=TrainingStatus(training["status"]),
        solved=saved.solutions_in(state),
        doubts=(f"{folder}: its own code is not the one that it was trained with",) if another else (),
    )
    return network.projected() if network.solved and not network.trained and not model.problem.given else network


def load_record(folder: Path) -> TrialRecord:
    """What a trial's folder alone says of the trial, under the folder's name: how far it came, and its epochs' metrics.

    When its epochs ended is not known, and written as 0; what was measured after the last one is not either. Raises
    ValueError: one line that says what is wrong.
    """
    state = _state(folder, torch.device("cpu"))
    _look_for_code(folder.resolve(), code_of(state["settings"]))
    try:
        method = study_of(state["settings"]).method
    except ValueError as error:
        raise StudyFileError(f"{folder}: {error}") from None
    status, history = STATUS[TrainingStatus(state["training"]["status"])], state["history"]
    epochs = [(epoch, 0.0, metrics) for epoch, metrics in enumerate(history, start=1)]
    measured = history[-1] if history and status.final else {}
    return TrialRecord(folder.resolve().name, {}, method, status, history=epochs, metrics=measured)


def _state(folder: Path, device: torch.device) -> dict[str, Any]:
    """What the newest checkpoint that is whole holds."""
    if not folder.is_dir():
        raise CheckpointError(folder, "there is no such folder; write that of a trial, as runs/NAME/trials/0000")
    names = [name for name in (CHECKPOINT, CHECKPOINT_BEFORE) if (folder / name).exists()]
    if not names:
        raise CheckpointError(folder, f"there is no trial ({CHECKPOINT}); write the folder of one that has been saved")
    try:
        return saved.read(folder / names[0], device=device)
    except CheckpointError:
        if len(names) == 1:
            raise
        return saved.read(folder / names[1], device=device)


def _look_for_code(folder: Path, version: str | None) -> None:
    """Have the modules of one's own found that this trial ran with, or that are nearest to them."""
    look_in(folder, Path.cwd())
    exact = [place / CODE / version for place in (folder, *folder.parents)] if version else []
    kept = next((place for place in exact if place.is_dir()), None) or kept_for(folder / CHECKPOINT)
    if kept is not None:
        look_in(kept, seen=True)


def _model(study: Study, theta: torch.Tensor) -> ConstrainedNetwork:
    problem = build_problem(study.problem)
    network = fresh(build_network(study.network), problem, seed=study.training.seed)
    model = ConstrainedNetwork(problem, network.to(theta), scaled=study.problem.scaled)
    if (built := len(model.begin)) != len(theta):
        raise ValueError(
            f"the trial has {len(theta)} parameters, and the network that its settings and code make {built}; "
            "bring the code that it ran with"
        )
    return model
