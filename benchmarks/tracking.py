"""What tracking costs: the driver's share of time for logging, and how fast metrics reach an MLflow server.

python -m benchmarks.tracking [--json] [--seconds S] [--values N] [--workers W]

* Logging: trials report 20 metrics a second each, to the recorder of a study that another process uploads. The share is
  what the recorder takes of the driver's time.
* Uploading: a journal of N values goes to an MLflow server of W processes on SQLite, as `cnn-study sync` does it.
  Beside it the rate of bare requests of 1000 values, one after the other.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

from rich.console import Console

from search_spaces.contestants import Asked
from search_spaces.load import load_study
from search_spaces.schema import Study
from study.driver.recorder import Recorder
from study.journal import study_folder
from study.journal.study_folder import Place, Whereabouts
from study.progress.live_view import Progress
from study.tracking.addresses import SERVER_ENVIRONMENT
from study.tracking.store import MetricPoint, Store
from study.tracking.tracker import Tracker
from study.tracking.uploader import sync

TRIALS, METRICS = 100, 20
PORT = 5461
SERVER = f"http://127.0.0.1:{PORT}"


def main() -> None:
    """Measure and print, as a table or as JSON."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--values", type=int, default=10**6)
    parser.add_argument("--workers", type=int, default=1, help="the server's processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), options.workers):
        rates = logging_share(Path(folder), options.seconds) | bare_rate() | upload_rate(Path(folder), options.values)
    if options.json:
        print(json.dumps(rates))
        return
    for name, value in rates.items():
        print(f"{name:40} {value:12.4g}")


def logging_share(folder: Path, seconds: int) -> dict[str, float]:
    """The part of the driver's time that 100 trials with a report a second take, and milliseconds a report."""
    directory, study = begun(folder, "logging")
    tracker = Tracker(directory, SERVER)
    recorder = recorder_of(directory, study)
    for trial in trials():
        recorder.on_trial_start(0, [], trial)
    tracker.start()
    spent, began = 0.0, time.perf_counter()
    for second in range(1, seconds + 1):
        reports = [(trial, {"epoch": second, "metrics": metrics(second)}) for trial in trials()]
        before = time.perf_counter()
        for trial, result in reports:
            recorder.on_trial_result(0, [], trial, result)
        spent += time.perf_counter() - before
        time.sleep(max(0.0, began + second - time.perf_counter()))
    wall = time.perf_counter() - began
    tracker.finish()
    return {"logging/share": spent / wall, "logging/ms_per_report": 1000 * spent / (seconds * TRIALS)}


def bare_rate() -> dict[str, float]:
    """How many values a second one request after the other brings to the server."""
    store = Store(SERVER)
    run = store.create(store.experiment("bare"), "bare", 0, {})
    batches = [
        [
            MetricPoint(name, value, 0, epoch)
            for epoch in range(start, start + 50)
            for name, value in metrics(epoch).items()
        ]
        for start in range(1, 1000, 50)
    ]
    before = time.perf_counter()
    for batch in batches:
        store.add(run, batch)
    return {"upload/bare_values_per_s": sum(map(len, batches)) / (time.perf_counter() - before)}


def upload_rate(folder: Path, values: int) -> dict[str, float]:
    """How many values a second reach the server, and how many of them are there."""
    directory, study = begun(folder, "uploading")
    recorder = recorder_of(directory, study)
    for trial in trials():
        recorder.on_trial_start(0, [], trial)
    for epoch in range(1, values // (TRIALS * METRICS) + 1):
        for trial in trials():
            recorder.on_trial_result(0, [], trial, {"epoch": epoch, "metrics": metrics(epoch)})
    before, there = time.perf_counter(), stored(folder)
    sync(directory, SERVER)
    seconds, arrived = time.perf_counter() - before, stored(folder) - there
    return {"upload/values": arrived, "upload/seconds": seconds, "upload/values_per_s": arrived / seconds}


def begun(folder: Path, name: str) -> tuple[Path, Study]:
    """The directory of a new study."""
    directory, study = folder / name, load_study("helmholtz-quick")
    directory.mkdir()
    study_folder.begin(directory, study, Whereabouts(Place.of(directory, None)))
    return directory, study


def recorder_of(directory: Path, study: Study) -> Recorder:
    """What a driver tells about its trials."""
    progress = Progress(directory.name, Asked(study), trials=TRIALS, console=Console(file=StringIO()))
    folder = str(directory / "trials")
    return Recorder(study, directory, {}, progress, folder=folder, on_end=lambda _: None, on_step=lambda: None)


def trials() -> Iterator[Any]:
    """Trials as Tune hands them over."""
    for number in range(TRIALS):
        config = {"trial": f"{number:04d}", "values": {"training.method.name": "soft"}}
        yield SimpleNamespace(config=config, trial_id=config["trial"], num_failures=0)


def metrics(epoch: int) -> dict[str, float]:
    """As many as a trial reports, with all their digits."""
    return {f"validation/figure_{index}": (index + 1) / (3.0 * epoch) for index in range(METRICS)}


def stored(folder: Path) -> int:
    """How many values the server's database holds."""
    with sqlite3.connect(folder / "mlflow.db", timeout=60) as database:
        return database.execute("select count(*) from metrics").fetchone()[0]


@contextmanager
def server(folder: Path, workers: int) -> Iterator[None]:
    """An MLflow server, on this machine only."""
    options = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    command = [sys.executable, "-m", "mlflow", "server", *options, "--host", "127.0.0.1", "--port", str(PORT)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--workers", str(workers)],
            env={**os.environ, **SERVER_ENVIRONMENT},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(process)
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def _wait(process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        try:
            urlopen(f"{SERVER}/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"the MLflow server does not answer at {SERVER}")


if __name__ == "__main__":
    main()
