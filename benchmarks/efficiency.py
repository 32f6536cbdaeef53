"""What a study costs besides training: how well its slots are used, and what a trial adds to bare Ray's own time.

* study: `--trials` trials of at least 5 s of training, two at a time, through `study.driver.runner` with everything on:
  Optuna's file, the journal, checkpoints, MLflow in SQLite. efficiency = training seconds / (slots · wall seconds),
  where the wall runs from the call to its return, the start of Ray included.
* stock: the same trials by Ray's own parts as their documentation puts them together: a function, `OptunaSearch`,
  `MLflowLoggerCallback` on SQLite.
* short: trials of one epoch that lasts a blink, through `study.driver.runner`; seconds of a slot for each.
* bare: as many trials of a trainable that does nothing, its actor reused, by `tune.run`; seconds of a slot for each.

The last two count from the second trial of a slot on: that is what a trial costs once actors are there. Each part has
a process and a Ray of its own. `python -m benchmarks.efficiency --help` says what to ask for; `--json` ends with all
rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from ray import tune
from rich.console import Console

from search_spaces import convert
from search_spaces.load import load_study, resolve
from search_spaces.schema import Study
from study.cluster import cluster
from study.driver import runner
from study.journal.journal import Journal
from study.tracking.tracker import Tracker
from study.trial.trial import Trial

SLOTS = 2
SECONDS_OF_TRAINING = 7.0
"""Of a trial that has a core for itself. The figure asks for at least 5, and the speed of cores varies."""

OBJECTIVES = ("validation/data_mse", "validation/constraint_mse")
SETTINGS: dict[str, Any] = {
    "training.method.name": "soft",
    "training.method.weight": 1.0,
    "training.batch_size": 100,
    "data.train.points": 1000,
    "projection": None,
    "tune.max_concurrent": SLOTS,
    "tune.scheduler.name": "none",
}

Row = dict[str, Any]


def long_study(trials: int) -> Study:
    """Trials of one method with a searched learning rate, and as many epochs as make SECONDS_OF_TRAINING here."""
    study = load_study("helmholtz-quick", SETTINGS | {"tune.trials": trials, "training.epochs": 2})
    trial = Trial(resolve(study, {}))
    trial.step()
    before = trial.seconds.clock
    trial.step()
    epochs = max(2, round(SECONDS_OF_TRAINING / (trial.seconds.clock - before)))
    return load_study("helmholtz-quick", SETTINGS | {"tune.trials": trials, "training.epochs": epochs})


def short_study(trials: int) -> Study:
    """The same with one epoch of one step on few points."""
    tiny = {"training.epochs": 1, "data.train.points": 2, "training.batch_size": 64, "network.widths": [8]}
    return load_study("helmholtz-quick", SETTINGS | tiny | {"tune.trials": trials})


def study_row(folder: Path, trials: int) -> Row:
    """The long study through `study.driver.runner`."""
    study = long_study(trials)
    wall = _run(study, folder)
    records = list(Journal(folder / "study").trials().values())
    return _row("study", [float(record.metrics["time/train_s"]) for record in records], wall)


def stock_row(folder: Path, trials: int) -> Row:
    """The long study by Ray's own parts."""
    from ray.air.integrations.mlflow import MLflowLoggerCallback
    from ray.tune.search.optuna import OptunaSearch

    study = long_study(trials)

    def train(config: dict[str, Any]) -> None:
        trial = Trial(resolve(study, config))
        while not trial.done:
            tune.report({name: value for name, value in trial.step().items() if isinstance(value, float)})

    started = time.perf_counter()
    uri = f"sqlite:///{folder}/mlflow.db"
    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": study.resources.cpu}),
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(partial(convert.suggest, study), metric=list(OBJECTIVES), mode=["min", "min"]),
            num_samples=trials,
            max_concurrent_trials=SLOTS,
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder),
            callbacks=[MLflowLoggerCallback(tracking_uri=uri, experiment_name="stock")],
            verbose=0,
        ),
    )
    with cluster.connection("local"):
        results = tuner.fit()
    wall = time.perf_counter() - started
    return _row("stock", [float((result.metrics or {})["time/train_s"]) for result in results], wall)


def short_row(folder: Path, trials: int) -> Row:
    """The short study through `study.driver.runner`."""
    study = short_study(trials)
    wall = _run(study, folder)
    ends = sorted(record.ended or 0.0 for record in Journal(folder / "study").trials().values())
    return _each("short", ends, wall)


class Nothing(tune.Trainable):
    """A trial that is done at once."""

    def setup(self, config: dict[str, Any]) -> None: ...

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        return True

    def step(self) -> dict[str, Any]:
        return {"done": True}


class Ends(tune.Callback):
    """When trials ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_trial_complete(self, *position: Any, **named: Any) -> None:
        self.times.append(time.time())


def bare_row(folder: Path, trials: int) -> Row:
    """Trials that do nothing, by `tune.run`."""
    ends, started = Ends(), time.perf_counter()
    with cluster.connection("local"):
        tune.run(
            Nothing,
            num_samples=trials,
            max_concurrent_trials=SLOTS,
            resources_per_trial={"cpu": 1},
            reuse_actors=True,
            callbacks=[ends],
            storage_path=str(folder),
            verbose=0,
        )
    return _each("bare", ends.times, time.perf_counter() - started)


PARTS: Mapping[str, Callable[[Path, int], Row]] = {
    "bare": bare_row,
    "short": short_row,
    "study": study_row,
    "stock": stock_row,
}


def _run(study: Study, folder: Path) -> float:
    started = time.perf_counter()
    tracker = Tracker(folder / "study", f"sqlite:///{folder}/mlflow.db")
    outcome = runner.run(study, directory=folder / "study", tracker=tracker, console=Console(quiet=True))
    if outcome.error or outcome.unsent:
        raise RuntimeError(outcome.error or outcome.unsent)
    return time.perf_counter() - started


def _row(part: str, training: list[float], wall: float) -> Row:
    return {
        "part": part,
        "trials": len(training),
        "shortest_training_s": min(training),
        "training_s": sum(training),
        "wall_s": wall,
        "efficiency": sum(training) / (SLOTS * wall),
    }


def _each(part: str, ends: list[float], wall: float) -> Row:
    """Seconds of a slot for each trial after the first one of every slot."""
    seconds = SLOTS * (ends[-1] - ends[SLOTS - 1]) / (len(ends) - SLOTS)
    return {"part": part, "trials": len(ends), "wall_s": wall, "slot_seconds_per_trial": seconds}


def measure(part: str, trials: int) -> Row:
    """One part, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.efficiency", "--alone", part, "--trials", str(trials)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def alone(part: str, trials: int) -> Row:
    """One part, in this process."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        return PARTS[part](Path(folder), trials)


def line(row: Row) -> str:
    """A row for people."""
    text = f"{row['part']:<6} {row['trials']:3d} trials {row['wall_s']:7.1f} s wall"
    if "efficiency" in row:
        shortest = f"shortest trial {row['shortest_training_s']:.1f} s"
        return f"{text}  {row['training_s']:7.1f} s training ({shortest})  efficiency {row['efficiency']:.3f}"
    return f"{text}  {row['slot_seconds_per_trial']:.3f} s of a slot for each"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.efficiency", description="Measure what a study costs.")
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="end with all rows as one line of JSON")
    parser.add_argument("--alone", choices=PARTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        print(json.dumps(alone(asked.alone, asked.trials)))
        return
    rows: list[Row] = []
    for part in asked.parts:
        rows.append(measure(part, asked.trials))
        print(line(rows[-1]), flush=True)
    each = {row["part"]: row["slot_seconds_per_trial"] for row in rows if "slot_seconds_per_trial" in row}
    if len(each) == 2:
        print(f"a short trial takes {each['short'] - each['bare']:.3f} s more than a bare one")
    if asked.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
