"""How many nodes and trials one driver bears: a study of many trials in simulated time, then what reads its journal.

python -m benchmarks.scale [--nodes N] [--trials N …] [--scheduler NAME] [--json]

* Read: the journal of as many trials that ended, made up, is replayed; `status`, `report` and all that a `resume` does
  before its first trial are timed (the first resume writes Optuna's file anew, the second finds it). Each in a process
  of its own, which says how much memory it took.
* Simulated: `MORE` trials on top of them, each of which reports `EPOCHS` epochs and ends, in an order drawn from
  simulated times, `--nodes` of them at once. What takes the events is real: the search with its Optuna file, the
  scheduler, the recorder and its journal. Ray is not there: neither processes nor Tune's own loop. `per_s` are events
  that the driver takes in a second of its processor; `driver/clock_s` counts what it waits for the disk, too.
* TPE: what it costs to ask it once as many trials have ended. Nobody but Optuna can change that.

All seconds are the processor's. With several numbers of trials, `growth` is how those of the last two grow: n^growth.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from io import StringIO
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from optuna.storages import InMemoryStorage
from rich.console import Console

from search_spaces.contestants import Asked
from search_spaces.load import load_recorded, load_study
from search_spaces.schema import Choice, Study
from search_spaces.space import Part, parts
from search_spaces.when import Values, assignments
from study.driver.recorder import Recorder
from study.journal import study_folder
from study.journal.files import OPTUNA, STUDY
from study.journal.journal import Journal, Reader
from study.journal.study_folder import Place, Whereabouts
from study.progress.live_view import Progress
from study.progress.status import studies_table
from study.report.files import write_report
from study.search import schedulers
from study.search.optuna_file import database
from study.search.optuna_search import OptunaSearch
from study.trial.machine import peak_memory_mib

EPOCHS, MORE = 10, 1000
"""Epochs of a trial, and how many trials are simulated on top of those that ended before."""

ASKS = 5
"""How often TPE is asked."""

FAILING, DIVERGING = 50, 20
"""One trial in so many fails, and one diverges."""

Row = dict[str, float]


@dataclass
class Timed:
    """Seconds of the driver's processor and of the clock, and how often, by kind of event."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    clock: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    times: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def counting(self, kind: str) -> Iterator[None]:
        """Count what happens inside as one event."""
        before, clock = time.process_time(), time.perf_counter()
        yield
        self.seconds[kind] += time.process_time() - before
        self.clock[kind] += time.perf_counter() - clock
        self.times[kind] += 1


@dataclass
class Simulation:
    """A study whose trials sleep and report; `take` hands on one event of one trial, as Tune would."""

    search: OptunaSearch
    recorder: Recorder
    scheduler: Any
    random: Random
    timed: Timed = field(default_factory=Timed)
    events: list[tuple[float, int, Any]] = field(default_factory=list)

    def run(self, nodes: int) -> None:
        """Every trial, as many at once as there are nodes."""
        for _ in range(nodes):
            self.begin(0.0)
        while self.events:
            now, number, trial = heappop(self.events)
            if self.report(trial):
                heappush(self.events, (now + trial.pace, number, trial))
            else:
                self.begin(now)

    def begin(self, now: float) -> None:
        """Ask for a trial and start it, if there is one."""
        with self.timed.counting("ask"):
            asked = self.search.suggest("")
        if not isinstance(asked, dict):
            return
        trial: Any = SimpleNamespace(
            config=asked, trial_id=asked["trial"], num_failures=0, epoch=0, pace=self.random.lognormvariate(3.0, 0.5)
        )
        with self.timed.counting("start"):
            self.scheduler.on_trial_add(CONTROLLER, trial)
            self.recorder.on_trial_start(0, [], trial)
        heappush(self.events, (now + trial.pace, int(trial.trial_id), trial))

    def report(self, trial: Any) -> bool:
        """A trial ends an epoch; whether it goes on."""
        trial.epoch += 1
        trial.last_result = result = json.loads(
            json.dumps(reported(trial, self.random))
        )  # as it comes from another process
        with self.timed.counting("report"):
            self.recorder.on_trial_result(0, [], trial, result)
            self.recorder.on_step_end(0, [])
        if "final" not in result and "error" not in result:
            with self.timed.counting("judge"):
                flat = {"epoch": trial.epoch} | {f"metrics/{name}": value for name, value in result["metrics"].items()}
                decision = self.scheduler.on_trial_result(CONTROLLER, trial, flat)
            if decision == "CONTINUE":
                return True
        with self.timed.counting("end"):
            self.scheduler.on_trial_complete(CONTROLLER, trial, {"epoch": trial.epoch})
            self.recorder.on_trial_complete(0, [], trial)
        return False


def reported(trial: Any, random: Random) -> dict[str, Any]:
    """What a trial reports after an epoch."""
    number, error = int(trial.trial_id), random.lognormvariate(-5.0, 2.0) / trial.epoch
    result: dict[str, Any] = {
        "epoch": trial.epoch,
        "metrics": metrics(error, random.lognormvariate(-5.0, 2.0), trial.epoch),
    }
    if number % FAILING == 0 and trial.epoch == 2:
        return result | {"error": "RuntimeError: made up", "traceback": "made up"}
    if trial.epoch == EPOCHS:
        status = "diverged" if number % DIVERGING == 1 else "completed"
        final = {f"test/{name}": error for name in ("data_mse", "constraint_mse", "relative_l2")}
        return result | {"final": final | {"status": status}}
    return result


CONTROLLER: Any = SimpleNamespace(get_live_trials=list)


def metrics(error: float, other: float, epoch: int) -> dict[str, float]:
    """As many as a trial reports, with all their digits."""
    errors = ("data_mse", "constraint_mse", "relative_l2", "residual_abs_p50", "residual_abs_p95", "residual_abs_max")
    measured = {
        f"{split}/{name}": error * (index + 1) / 3.0 if index != 1 else other / error**0.3
        for split in ("train", "validation")
        for index, name in enumerate(errors)
    }
    sections = ("train", "forward", "residual", "jacobian", "gram", "factorisation", "step")
    times = {f"time/{name}_s": epoch * (index + 1) / 7.0 for index, name in enumerate(sections)}
    return measured | times | {"time/train_cpu_s": epoch / 3.0, "memory/peak_mib": 431.7, "diverged": 0.0}


def write(folder: Path, *, trials: int, scheduler: str) -> None:
    """The journal of a study in which so many trials have ended."""
    settings = {"tune.trials": trials + MORE, "tune.sampler": "random", "tune.scheduler.name": scheduler}
    study, random = load_study("helmholtz-quick", settings), Random(1)
    study_folder.begin(folder, study, Whereabouts(Place.of(folder, None)))
    journal, every = Journal(folder), parts(study)
    for number in range(trials):
        ident, part = f"{number:04d}", every[number % len(every)]
        drawn = values(part, random)
        trial, epoch = SimpleNamespace(trial_id=ident, epoch=0), 0
        journal.append("trial-start", trial=ident, values=drawn, method=part.fixed["training.method.name"])
        while epoch < EPOCHS:
            trial.epoch = epoch = epoch + 1
            told = reported(trial, random)
            journal.epoch(ident, epoch, told["metrics"])
            if "error" in told:
                journal.append("trial-end", trial=ident, status="failed", metrics=told["metrics"], error="made up")
                break
        else:
            metrics = told["metrics"] | told["final"]
            journal.append("trial-end", trial=ident, status=metrics["status"], metrics=metrics, error=None)
    journal.append("study-end", status="KILLED")


def values(part: Part, random: Random) -> Values:
    """A point of the search, anywhere in its ranges."""

    def draw(path: str) -> list[Any]:
        distribution, known = part.study.search[path].distribution, part.fixed.get(path)
        if known is not None or isinstance(distribution, Choice):
            return [known]
        return [random.uniform(distribution.low, distribution.high)]

    return next(assignments(part.study, draw))


def simulate(folder: Path, *, nodes: int) -> Row:
    """Events a second that the driver takes, its memory and the size of the journal."""
    simulation = _simulation(folder, load_recorded(folder / STUDY))
    size = Journal(folder).path.stat().st_size
    simulation.run(nodes)
    lacking = simulation.search.close()
    simulation.recorder.end("FINISHED")
    timed = simulation.timed
    row = {f"{kind}/per_s": timed.times[kind] / seconds for kind, seconds in timed.seconds.items()}
    row |= {f"{kind}/ms": 1000 * seconds / timed.times[kind] for kind, seconds in timed.seconds.items()}
    row |= {"driver/seconds": sum(timed.seconds.values()), "driver/clock_s": sum(timed.clock.values())}
    row |= {"driver/reports_per_s": timed.times["report"] / sum(timed.seconds.values())}
    row |= {"driver/mib": peak_memory_mib(CPU), "optuna/lacking": lacking}
    return row | {"journal/mib": size / 2**20}


def _simulation(folder: Path, study: Study) -> Simulation:
    """The real parts of a driver, put together as `study.driver.runner` does, from what the journal has."""
    records = Reader(Journal(folder)).read().records
    search = OptunaSearch(study, database(folder / OPTUNA), records)
    progress = Progress(folder.name, Asked(study), trials=search.trials, console=Console(file=StringIO()))
    scheduler = schedulers.build(study.tune.scheduler, records.values(), balance=study.tune.balance)
    recorder = Recorder(
        study, folder, records, progress, folder=str(folder / "trials"), on_end=search.tell, on_step=lambda: None
    )
    return Simulation(search, recorder, scheduler, Random(0))


def replay(folder: Path) -> None:
    """Read the journal."""
    Journal(folder).trials()


def status(folder: Path) -> None:
    """What `cnn-study status` prints."""
    Console(file=StringIO()).print(studies_table([folder]))


def report(folder: Path) -> None:
    """What `cnn-study report` writes."""
    write_report(folder)


def resume(folder: Path) -> None:
    """What a resume does before its first trial."""
    _simulation(folder, load_recorded(folder / STUDY))


READ: Mapping[str, Callable[[Path], None]] = {
    "replay": replay,
    "status": status,
    "report": report,
    "first-resume": resume,
    "resume": resume,
}


def read(part: str, folder: Path) -> Row:
    """Seconds and memory of one part, in this process."""
    before = time.process_time()
    READ[part](folder)
    return {f"{part}/seconds": time.process_time() - before, f"{part}/mib": peak_memory_mib(CPU)}


CPU: Any = SimpleNamespace(type="cpu")


def tpe(folder: Path) -> Row:
    """Seconds that TPE needs for a trial, once all of these have ended."""
    study = load_study("helmholtz-quick", {"tune.trials": 10**6, "tune.sampler": "tpe", "tune.scheduler.name": "none"})
    search = OptunaSearch(study, InMemoryStorage(), Reader(Journal(folder)).read().records)
    before = time.process_time()
    for _ in range(ASKS):
        search.suggest("")
    return {"tpe/seconds_per_ask": (time.process_time() - before) / ASKS}


def measure(trials: int, options: argparse.Namespace) -> Row:
    """All rows of a study of so many trials."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "scale"
        folder.mkdir()
        write(folder, trials=trials, scheduler=options.scheduler)
        row: Row = {}
        for part in READ:
            row |= alone(part, folder)
        row |= alone("simulate", folder, "--nodes", str(options.nodes))
        return row | (alone("tpe", folder) if trials <= options.most_for_tpe else {})


def alone(part: str, folder: Path, *options: str) -> Row:
    """One part, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", "--alone", part, "--folder", str(folder), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def growth(rows: Mapping[int, Row]) -> Row:
    """By how much the seconds of the two longest studies grow: n^growth."""
    *_, fewer, more = sorted(rows)
    factor = math.log(more / fewer)
    return {
        name: math.log(rows[more][name] / before) / factor
        for name, before in rows[fewer].items()
        if name in rows[more] and name.endswith(("seconds", "/ms", "_per_ask", "/mib")) and before > 0
    }


def main() -> None:
    """Measure and print, as a table or as JSON."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--scheduler", choices=["asha", "median", "none"], default="none")
    parser.add_argument("--most-for-tpe", type=int, default=10_000, help="studies up to which TPE is asked, too")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", choices=["simulate", "tpe", *READ], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(_one(options.alone, options)))
        return
    rows = {trials: measure(trials, options) for trials in options.trials}
    grows = growth(rows) if len(rows) > 1 else {}
    if options.json:
        print(json.dumps({"rows": rows, "growth": grows}))
        return
    print(f"{'':24}", *(f"{trials:>12}" for trials in rows), f"{'growth':>12}" if grows else "")
    for name in dict.fromkeys(name for row in rows.values() for name in row):
        cells = [f"{row[name]:12.4g}" if name in row else f"{'':12}" for row in rows.values()]
        print(f"{name:24}", *cells, f"{grows[name]:12.2f}" if name in grows else "")


def _one(part: str, options: argparse.Namespace) -> Row:
    if part == "simulate":
        return simulate(options.folder, nodes=options.nodes)
    return tpe(options.folder) if part == "tpe" else read(part, options.folder)


if __name__ == "__main__":
    main()
