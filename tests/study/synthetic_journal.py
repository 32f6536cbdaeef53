"""A study directory with made-up but plausible trials of five methods: completed, pruned, diverged and failed ones."""

import csv
import shutil
from pathlib import Path
from random import Random

import numpy as np

from cnn_core.clock import SECTIONS
from cnn_core.methods import AugmentedLagrangian, Batch, Reduction, Soft, Unconstrained
from cnn_core.metrics import WORST
from cnn_core.networks import Modulated
from search_spaces.load import dump_yaml
from search_spaces.schema import (
    Choice,
    Data,
    DataSplit,
    ProblemChoice,
    SearchedParameter,
    Study,
    Training,
    Tune,
    Uniform,
)
from study.journal.events import TrialStatus
from study.journal.files import STUDY, TRIALS
from study.journal.journal import Journal
from study.trial.files import PERCENTILES, PREDICTIONS

METHODS = {
    "unconstrained": Unconstrained(),
    "soft": Soft(),
    "reduction": Reduction(),
    "batch": Batch(),
    "augmented-lagrangian": AugmentedLagrangian(),
}

LEVELS = {  # data error, constraint error, seconds: the order of magnitude a method ends at
    "unconstrained": (2e-3, 4e-1, 6.0),
    "soft": (4e-3, 2e-2, 9.0),
    "reduction": (6e-3, 8e-2, 13.0),
    "batch": (8e-3, 3e-3, 31.0),
    "augmented-lagrangian": (5e-3, 1e-2, 12.0),
}

ENDINGS = {6: TrialStatus.PRUNED, 8: TrialStatus.DIVERGED, 11: TrialStatus.FAILED}


def study(trials: int = 20) -> Study:
    """A study of the five methods."""
    train, validation, test = (
        DataSplit({"amplitude": (amplitude,), "frequency": (1.0,), "phase": (0.0,)}, 20)
        for amplitude in (1.0, 1.1, 1.2)
    )
    return Study(
        study="synthetic",
        problem=ProblemChoice("helmholtz"),
        data=Data(train, validation, test),
        network=Modulated(widths=(20,)),
        training=Training(Unconstrained(), epochs=8),
        search={
            "training.method.name": SearchedParameter(Choice(tuple(METHODS))),
            "training.optimizer.learning_rate": SearchedParameter(Uniform(1e-4, 1e-2, log=True)),
            "training.method.weight": SearchedParameter(
                Uniform(1e-4, 1e2, log=True), {"training.method.name": ("soft",)}
            ),
            "network.activation": SearchedParameter(Choice(("tanh", "swish"))),
        },
        tune=Tune(trials=trials),
    )


def prepare(directory: Path, study: Study) -> None:
    """Write the study file."""
    (directory / STUDY).write_text(dump_yaml(study), encoding="utf-8")


def fill(directory: Path, *, trials: int = 20, epochs: int = 8, seed: int = 0, dimensions: int = 1) -> Journal:
    """Write journal and files of `trials` trials: the seventh is pruned, the ninth diverges, the twelfth fails."""
    random = Random(seed)
    journal = Journal(directory)
    journal.append("study-start", study="synthetic")
    for index in range(trials):
        trial, method = f"{index:05d}", list(METHODS)[index % len(METHODS)]
        status = ENDINGS.get(index, TrialStatus.COMPLETED)
        values = {
            "training.method.name": method,
            "training.optimizer.learning_rate": 10 ** random.uniform(-4, -2),
            "network.activation": random.choice(("tanh", "swish")),
        } | ({"training.method.weight": 10 ** random.uniform(-4, 2)} if method == "soft" else {})
        journal.trial_start(trial, values=values, method=method)
        ended = epochs if status is TrialStatus.COMPLETED else 3
        metrics: dict[str, float] = {}
        data, constraint, seconds = (level * 10 ** random.uniform(-0.6, 0.6) for level in LEVELS[method])
        for epoch in range(1, ended + 1):
            fading = 10 ** (3 * (1 - epoch / epochs) ** 2)
            metrics = epoch_metrics(data * fading, constraint * fading, seconds * epoch / epochs, random)
            if status is TrialStatus.DIVERGED and epoch == ended:
                metrics |= {name: WORST for name in metrics if not name.startswith(("time/", "memory/"))}
                metrics["diverged"] = 1.0
            journal.epoch(trial, epoch, metrics)
        if status is TrialStatus.FAILED:
            journal.trial_end(trial, status, {}, "RuntimeError: out of memory")
            continue
        at_end: dict[str, float | str] = dict(metrics)
        if status is TrialStatus.COMPLETED:
            at_end |= {f"test/{name}": metrics[f"validation/{name}"] * 1.2 for name in ("data_mse", "constraint_mse")}
            at_end["test/relative_l2"] = min(1.0, data * 100)
            at_end |= projected(data, constraint, random)
            write_predictions(directory / TRIALS / trial / PREDICTIONS, dimensions=dimensions, error=data**0.5)
            write_percentiles(directory / TRIALS / trial / PERCENTILES, epochs, constraint**0.5)
        journal.trial_end(trial, status, at_end | {"status": str(status)})
    return journal


def fill_and_kill(directory: Path) -> None:
    """Seven trials that ended, one in its first epoch, half an event, and no files: a remote node had sent none yet."""
    journal = fill(directory, trials=7)
    journal.trial_start("00007", values={}, method="reduction")
    journal.epoch("00007", 1, {"validation/data_mse": 0.1})
    with journal.path.open("a", encoding="utf-8") as file:
        file.write('{"event": "epo')
    shutil.rmtree(directory / TRIALS)


def epoch_metrics(data: float, constraint: float, seconds: float, random: Random) -> dict[str, float]:
    """An epoch's metrics."""
    metrics = {"time/train_s": seconds, "diverged": 0.0, "memory/peak_mib": 400.0}
    for split in ("train", "validation"):
        metrics |= {
            f"{split}/data_mse": data * random.uniform(0.8, 1.25),
            f"{split}/constraint_mse": constraint * random.uniform(0.8, 1.25),
            f"{split}/relative_l2": min(1.0, (data / 5) ** 0.5),
        }
    shares = [random.uniform(0.5, 1.5) for _ in SECTIONS]
    return metrics | {
        f"time/{name}_s": 0.9 * seconds * share / sum(shares) for name, share in zip(SECTIONS, shares, strict=True)
    }


def projected(data: float, constraint: float, random: Random) -> dict[str, float | str]:
    """Metrics after a projection; one in three flattens the wave."""
    flat = random.random() < 0.33
    moved = 4.0 if flat else data * random.uniform(0.7, 3)
    values: dict[str, float | str] = {"projection/steps": 300.0, "projection/status": "tolerance not met"}
    for split in ("validation", "test"):
        values |= {
            f"projected/{split}/data_mse": moved,
            f"projected/{split}/constraint_mse": constraint * (1e-4 if flat else 1e-2),
            f"projected/{split}/relative_l2": 0.99 if flat else min(1.0, (moved / 5) ** 0.5),
        }
    return values | {"time/projection_s": random.uniform(0.5, 2)}


def write_predictions(
    path: Path, *, dimensions: int = 1, outputs: int | None = None, error: float = 0.1, projection: bool = True
) -> None:
    """predictions.npz of a problem with `dimensions` coordinates and `outputs` outputs (by default as many)."""
    random = np.random.default_rng(0)
    outputs = outputs or dimensions
    x = np.linspace(-1, 1, 200)[:, None] if dimensions == 1 else random.random((200, dimensions))
    shifts = np.arange(outputs)
    exact = np.sin(2 * np.pi * x[:, :1] + shifts)
    before = exact + error * np.cos(5 * x[:, :1] + shifts)
    arrays = {"x": x, "u": exact, "before": before, "p": np.array([1.0, 1.0, 0.0])}
    if projection:
        at = np.sort(random.uniform(-1, 1, (40, dimensions)), axis=0)[random.permutation(40)]
        wave = np.sin(2 * np.pi * at[:, :1] + shifts)
        path_predictions = [wave * (1 - 0.5 * share) + error * (1 - share) for share in np.linspace(0, 1, 6)]
        arrays |= {
            "after": 0.5 * exact,
            "path_x": at,
            "path_steps": np.arange(0, 301, 60),
            "path_predictions": np.stack(path_predictions),
            "path_errors": np.geomspace(1, 1e-4, 301),
            "path_distances": np.linspace(0, 0.3, 301),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def write_percentiles(path: Path, epochs: int, scale: float) -> None:
    """percentiles.csv with the residuals' magnitudes shrinking through the epochs."""
    levels = np.linspace(-3, 1, 101)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "quantity", *(f"p{index}" for index in range(101))])
        for epoch in range(1, epochs + 1):
            writer.writerow([epoch, "residual_abs", *(scale * 10**levels * (1 + 20 * np.exp(-epoch))).tolist()])
