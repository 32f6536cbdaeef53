"""The network of a trial as MLflow keeps it: as a model that needs nothing of ours, and for `study.load_trial`.

The model is torch's export of the network with its trained parameters, (x (N, D), p (N, K)) → u (N, O): a graph and
tensors, no pickle. It costs a second or two and a hundred kilobytes more than the parameters.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces.errors import one_line
from study.tracking.content import LONGEST_TEXT
from study.tracking.store import Store
from study.trial.files import CHECKPOINT

if TYPE_CHECKING:
    from study.prediction.trained import TrainedNetwork

NETWORK = "network"
"""The model's folder among a run's files."""

EXAMPLES, OTHERS = 3, 5
"""Points at which a network is exported; so many others must do as well."""


def publish(store: Store, run: str, folder: Path, code: Path) -> None:
    """Upload checkpoint, own code and model of the trial in a folder; where it has no model, a tag says why."""
    for path in (folder / CHECKPOINT, code):
        if path.exists():
            store.file(run, path)
    with TemporaryDirectory(prefix="cnn-study-") as target:
        path = Path(target) / NETWORK
        if missing := _export(folder, path, store):
            store.log(run, tags={f"missing/{NETWORK}": missing[:LONGEST_TEXT]})
        else:
            store.file(run, path)


def _export(folder: Path, path: Path, store: Store) -> str:
    """Write the model into a new folder; returns why there is none."""
    from study.prediction.load import load_trial

    try:
        network = usable(load_trial(folder))
        problem, dtype = network.problem, network.theta.cpu().numpy().dtype
        shapes = {"x": len(problem.axes), "p": len(problem.given)}
        examples = {name: np.zeros((EXAMPLES, size), dtype) for name, size in shapes.items()}
        metadata: dict[str, Any] = {
            "x": list(problem.axes), "p": list(problem.given), "u": list(problem.outputs), "unknowns": network.unknowns
        }  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = store.save_model(path, network.module, examples, metadata)
            others = {name: np.ones((OTHERS, size), dtype) for name, size in shapes.items()}
            if not np.allclose(loaded(**others), network.predict(**others)):
                return "the exported network predicts something else"
    except Exception as error:  # of a user's own code, or of torch, which cannot export all that Python can say
        return one_line(error)
    return ""


def usable(network: TrainedNetwork) -> TrainedNetwork:
    """The network; where nothing was trained, what it became for its only wave. Raises ValueError for several waves."""
    if network.trained:
        return network
    if len(network.solved) != 1:
        raise ValueError("nothing was trained, and each wave has parameters of its own; study.load_trial has them")
    (wave,) = network.solved
    return network.projected(wave)
