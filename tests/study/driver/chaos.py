"""A study whose processes are killed at random moments, and what is left of it: `make chaos`.

python -m tests.study.driver.chaos [--each N] [--trials N] [--seed N]

A Ray cluster, an MLflow server and the command `cnn-study` run as processes of this one. At random moments one of them
is killed as by `kill -9`: the process of a trial, the driver, a worker node, the server. A driver is followed by
`cnn-study resume`; a node and the server come back after a while. In the end the journal, Optuna's file and MLflow must
tell of one and the same study, as if nothing had happened. Then the same with a study of one trial, whose process is
killed each time that it has got on. The last line of stdout is what they say of both, as a JSON object.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import optuna
from mlflow import MlflowClient
from ray.cluster_utils import Cluster

from search_spaces.load import dump_yaml, load_recorded, resolve
from search_spaces.schema import ProblemChoice, SearchedParameter, Study, Tune, Uniform
from study.journal.journal import Journal
from study.trial.trial import run_trial
from tests.study.driver.small_driver import free_port
from tests.study.small_study import LEARNING_RATE, small_study

ROOT = Path(__file__).parents[3]
NAME = "chaos"
KINDS = ("trial", "driver", "node", "server")
ALIKE = 1e-12
SECONDS_TO_END = 400.0


@dataclass
class Outcome:
    """What the last line says. `mlflow_runs` are those of trials; the last three are counted over all of them."""

    kills: dict[str, int]
    trials_asked: int
    trials_ended: int
    mlflow_runs: int
    duplicate_steps: int
    missing_steps: int
    left_running: int

    @property
    def good(self) -> bool:
        """Whether it is as if nothing had happened."""
        whole = self.trials_ended == self.mlflow_runs == self.trials_asked
        return whole and not self.duplicate_steps + self.missing_steps + self.left_running


def study(trials: int, *, epochs: int, seconds: float, at_once: int = 3) -> Study:
    """Trials of `epochs` epochs, each of which takes a few times `seconds`; they save themselves every second."""
    tune = Tune(trials=trials, sampler="tpe", checkpoint_seconds=1.0, max_concurrent=at_once)
    return small_study(
        epochs=epochs,
        problem=ProblemChoice("tests.study.own_problems:slow", options={"seconds": seconds}),
        search={LEARNING_RATE: SearchedParameter(Uniform(1e-4, 1e-2, log=True))},
        tune=tune,
    )


@dataclass
class Chaos:
    """The processes of one study in `folder`, and ways to kill them."""

    folder: Path
    cluster: Cluster
    random: random.Random
    nodes: int
    kills: Counter[str] = field(default_factory=Counter)
    driver: subprocess.Popen[bytes] | None = None
    server: subprocess.Popen[bytes] | None = None
    port: int = 0

    def __post_init__(self) -> None:
        self.port = free_port()
        self.workers = [self.cluster.add_node(num_cpus=1, include_dashboard=False) for _ in range(self.nodes)]
        self.start_server()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_server(self) -> None:
        options = ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db", "--workers", "1"]
        options += ["--artifacts-destination", str(self.folder / "artifacts"), "--host", "127.0.0.1"]
        self.server = self.start(["-m", "mlflow", "server", *options, "--port", str(self.port)], "server.log")

    def start_driver(self, *command: str) -> None:
        self.driver = self.start(["-m", "study", *command], "driver.log")

    def start(self, command: Sequence[str], log: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONPATH": str(ROOT)}
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=self.folder,
                env=environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def kill(self, kind: str) -> bool:
        """Kill one such process, if there is one, and bring about what follows."""
        pause = self.random.uniform(0.0, 3.0)
        match kind:
            case "trial":
                if not (found := trial_processes()):
                    return False
                os.kill(self.random.choice(found), signal.SIGKILL)
            case "driver":
                if self.driver is None or self.driver.poll() is not None:
                    return False
                self.driver.kill()
                self.driver.wait()
                time.sleep(pause)
                self.start_driver("resume", NAME)
            case "node":
                self.cluster.remove_node(self.workers.pop(0), allow_graceful=False)
                time.sleep(pause)
                self.workers.append(self.cluster.add_node(num_cpus=1, include_dashboard=False))
            case "server":
                self.end_server()
                time.sleep(pause)
                self.start_server()
        self.kills[kind] += 1
        return True

    def end_server(self) -> None:
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGKILL)  # it leads a group of its own
            self.server.wait()

    def end(self) -> None:
        if self.driver is not None and self.driver.poll() is None:
            self.driver.kill()
        self.end_server()


def trial_processes() -> list[int]:
    """Processes of trials that descend from this one."""
    parents, found = {}, []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, status = (process / "cmdline").read_bytes(), (process / "stat").read_text()
        except OSError:  # it has just ended
            continue
        pid = int(process.name)
        parents[pid] = int(status.rpartition(") ")[2].split()[1])
        if command.startswith(b"ray::TrialActor"):
            found.append(pid)

    def is_ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid]))

    return [pid for pid in found if is_ours(pid)]


def wait_for(server: str, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urlopen(f"{server}/health", timeout=5).close()
            return
        except (URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


@contextmanager
def chaos(folder: Path, seed: int, *, nodes: int) -> Iterator[Chaos]:
    """A cluster of so many workers and a server, ended with everything on them."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made = Chaos(folder, cluster, random.Random(seed), nodes)
    try:
        yield made
    finally:
        made.end()
        cluster.shutdown()


def run(folder: Path, wanted: Study, *, each: int, seed: int, between: float) -> Outcome:
    """Run the study and kill `each` processes of every kind; a study that ends too early is extended."""
    (folder / "chaos.yaml").write_text(dump_yaml(wanted), encoding="utf-8")
    with chaos(folder, seed, nodes=int(wanted.tune.max_concurrent)) as processes:
        where = ("--address", str(processes.cluster.address), "--tracking-uri", processes.uri)
        processes.start_driver("run", "chaos.yaml", "--name", NAME, *where)
        plan = [kind for kind in KINDS for _ in range(each)]
        processes.random.shuffle(plan)
        wait_until_begun(processes)
        while plan:
            time.sleep(processes.random.uniform(0.0, 2 * between))
            if ended(processes):
                processes.start_driver("resume", NAME, "--trials", "3")
                wait_until_begun(processes)
            elif processes.kill(plan[0]):
                say(f"killed a {plan.pop(0)}")
        finish(processes)
        return examine(processes)


def run_one_trial(folder: Path, wanted: Study, *, kills: int) -> Outcome:
    """Run a study of one trial and kill its process so often, each time that the trial has got on."""
    (folder / "chaos.yaml").write_text(dump_yaml(wanted), encoding="utf-8")
    with chaos(folder, 0, nodes=1) as processes:
        where = ("--address", str(processes.cluster.address), "--tracking-uri", processes.uri)
        processes.start_driver("run", "chaos.yaml", "--name", NAME, *where)
        wait_until_begun(processes)
        for _ in range(kills):
            reached = epochs_in(processes)
            while epochs_in(processes) < reached + 2:
                assert not ended(processes), "the trial is too short for so many kills"
                time.sleep(0.1)
            assert processes.kill("trial")
            say(f"killed the trial after epoch {epochs_in(processes)}")
        finish(processes)
        return examine(processes)


def epochs_in(processes: Chaos) -> int:
    records = Journal(processes.folder / "runs" / NAME).trials()
    return max((len(record.history) for record in records.values()), default=0)


def ended(processes: Chaos) -> bool:
    assert processes.driver is not None
    code = processes.driver.poll()
    if code not in (None, 0):
        raise RuntimeError(f"the driver ended with {code}: {(processes.folder / 'driver.log').read_text()[-3000:]}")
    return code == 0


def wait_until_begun(processes: Chaos) -> None:
    """Before its study is there, there is nothing to resume."""
    while not (processes.folder / "runs" / NAME / "study.yaml").exists():
        if ended(processes):
            raise RuntimeError("the driver ended before its study began")
        time.sleep(0.1)


def finish(processes: Chaos) -> None:
    """Let the study end; what MLflow lacks then is uploaded."""
    until = time.monotonic() + SECONDS_TO_END
    while not ended(processes):
        if time.monotonic() > until:
            raise TimeoutError(f"the study did not end: {(processes.folder / 'driver.log').read_text()[-3000:]}")
        time.sleep(0.2)
    wait_for(processes.uri)
    processes.start_driver("sync", NAME, "--tracking-uri", processes.uri)
    while not ended(processes):
        time.sleep(0.2)


def examine(processes: Chaos) -> Outcome:
    """Compare the journal, Optuna's file and MLflow with what was asked for."""
    directory = processes.folder / "runs" / NAME
    wanted, records = load_recorded(directory / "study.yaml"), Journal(directory).trials()
    events = [event for _, event in Journal(directory).events()]
    endings = Counter(event["trial"] for event in events if event["event"] == "trial-end")
    assert set(endings.values()) == {1}, f"trials that ended more than once: {endings}"
    compare_figures(wanted, records.values())
    searches = optuna.get_all_study_names(f"sqlite:///{directory}/optuna.db")
    told = [
        trial.state.is_finished()
        for name in searches
        for trial in optuna.load_study(study_name=name, storage=f"sqlite:///{directory}/optuna.db").trials
    ]
    assert len(told) == len(records), f"Optuna has {len(told)} trials, the journal {len(records)}"
    client = MlflowClient(processes.uri)
    runs = [run for experiment in client.search_experiments() for run in client.search_runs([experiment.experiment_id])]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(runs) == len(children) + 1, "there is more than one run of the study"
    assert {run.data.tags["trial"] for run in children} == set(records)
    duplicates, missing = 0, 0
    for run in children:
        record = records[run.data.tags["trial"]]
        for metric in run.data.metrics:
            points = Counter(point.step for point in client.get_metric_history(run.info.run_id, metric))
            duplicates += sum(count - 1 for count in points.values())
            if any(metric in metrics for _, _, metrics in record.history):
                missing += len(set(range(1, wanted.training.epochs + 1)) - set(points))
    return Outcome(
        kills=dict(processes.kills),
        trials_asked=wanted.tune.trials,
        trials_ended=len(endings),
        mlflow_runs=len(children),
        duplicate_steps=duplicates,
        missing_steps=missing,
        left_running=told.count(False)
        + sum(run.info.status == "RUNNING" for run in runs)
        + sum(not record.status.final for record in records.values()),
    )


def compare_figures(wanted: Study, records: Any) -> None:
    """A trial that was killed and resumed must have the figures of one that was not."""
    at_once = {"problem.name": "tests.study.own_problems:slow", "problem.seconds": 0.0}
    for record in records:
        assert record.error is None, f"trial {record.trial}: {record.error}"
        for name, value in run_trial(resolve(wanted, record.values | at_once)).items():
            if isinstance(value, float) and not name.startswith(("time/", "memory/")):
                found = float(record.metrics[name])
                assert abs(found - value) <= ALIKE * abs(value), f"trial {record.trial}: {name} {found} {value}"


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--each", type=int, default=6, help="how many processes of every kind are killed")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    say(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        wanted = study(options.trials, epochs=40, seconds=0.1)
        outcomes = [run(Path(folder), wanted, each=options.each, seed=options.seed, between=4.0)]
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        outcomes.append(run_one_trial(Path(folder), study(1, epochs=60, seconds=0.1, at_once=1), kills=options.each))
    print(json.dumps({name: asdict(outcome) for name, outcome in zip(("many", "one"), outcomes, strict=True)}))
    sys.exit(not all(outcome.good for outcome in outcomes))


if __name__ == "__main__":
    main()
