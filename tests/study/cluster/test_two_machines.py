"""A study on two real Ray nodes in two network namespaces: submitted from one, run on the other, cut off and back."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.journal.record import TrialRecord
from tests.study.cluster.two_machines import DASHBOARD, HEAD, PORT, ROOT, Machines, arguments, two_machines, why_not

REASON = why_not()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    pytest.mark.timeout(600),
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]

QUARTERS = {
    "resources.gpu": 0.25,
    "projection": "null",
    "tune.trials": 8,
    "training.method.name": "unconstrained",
    "network.widths": "[8]",
    "data.train.points": 5,
}
"""Eight trials, four of which share the GPU; an epoch takes a blink."""

EPOCHS = 600
"""Enough to be cut off in the midst of it."""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    (folder / "mine").mkdir()
    with two_machines(folder, hidden=folder / "mine") as both:
        yield both


def most_at_once(records: dict[str, TrialRecord]) -> int:
    """The most trials that ran at the same time."""
    times = [(record.started, 1) for record in records.values()] + [
        (record.ended or 0, -1) for record in records.values()
    ]
    running = most = 0
    for _, change in sorted(times):
        running += change
        most = max(most, running)
    return most


def test_a_submitted_study_runs_four_trials_on_a_gpu_and_none_on_the_head(machines: Machines) -> None:
    storage = machines.folder / "shared"
    submitted = machines.run(
        machines.worker,  # some other machine than the head
        f"cnn-study submit helmholtz-quick {arguments(QUARTERS | {'training.epochs': 100})} --name quarters "
        f"--address http://{HEAD}:{DASHBOARD} --storage {storage} --directory {machines.folder}/there",
    )
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    assert "8/8 trials (8 completed)" in submitted.stdout
    records = Journal(machines.folder / "there" / "runs" / "quarters").trials()
    assert [record.status for record in records.values()] == [TrialStatus.COMPLETED] * 8
    assert most_at_once(records) == 4
    shown = machines.run(machines.worker, f"cnn-study status quarters --storage {storage}")
    assert len(re.findall(r"^00\d\d .* completed", shown.stdout, flags=re.MULTILINE)) == 8, shown.stdout


def test_what_is_not_ready_is_said_in_one_line_each(machines: Machines) -> None:
    done = machines.run(
        machines.head,
        f"cnn-study run helmholtz-quick --set resources.gpu=2 "
        f"--address {HEAD}:{PORT} --storage /proc/nowhere --tracking-uri http://{HEAD}:9",
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 2
    assert [line for line in lines if line.startswith("error: resources: a trial asks for 1 CPU and 2 GPU, but")]
    assert [line for line in lines if line.startswith("error: --storage /proc/nowhere: cannot be written (")]
    assert len(lines) == 3, done.stderr  # and that Ray starts


def test_a_wrong_token_is_refused(machines: Machines) -> None:
    wrong = machines.folder / "wrong"
    wrong.write_text("0" * 64)
    done = machines.run(
        machines.worker,
        f"RAY_AUTH_TOKEN_PATH={wrong} cnn-study submit helmholtz-quick --address http://{HEAD}:{DASHBOARD}",
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: --address http://{HEAD}:{DASHBOARD}: Authentication failed"), done.stderr
    assert wrong.stat().st_mode & 0o077 == 0


def test_a_worker_that_is_cut_off_comes_back_and_every_trial_ends_once(machines: Machines) -> None:
    directory = machines.folder / "runs" / "cut"
    journal = Journal(directory)
    command = (
        f"cnn-study run helmholtz-quick {arguments(QUARTERS | {'training.epochs': EPOCHS})} --name cut "
        f"--address {HEAD}:{PORT} --storage {machines.folder}/shared"
    )
    with machines.running(machines.head, command) as study:
        wait_for_epoch(journal, 10)
        machines.pull_cable()
        time.sleep(15)
        machines.plug_cable()
        output, _ = study.communicate(timeout=300)
    assert study.returncode == 0, output
    assert "lost its process" in output and "it is started again" in output
    records = journal.trials()
    assert [record.status for record in records.values()] == [TrialStatus.COMPLETED] * 8
    assert [[epoch for epoch, _, _ in record.history] for record in records.values()] == [[*range(1, EPOCHS + 1)]] * 8
    ends = [event["trial"] for _, event in journal.events() if event["event"] == "trial-end"]
    assert sorted(ends) == sorted(records)


STUDY = """
study: tide
problem: {name: "tide_waves:tides"}
data:
  train: {file: seen/heat.csv, diffusivity: [0.1], share: [0.0, 0.6], points: {interior: 20, initial: 5, boundary: 5}}
  validation: {file: seen/heat.csv, diffusivity: [0.1], share: [0.6, 0.8], points: 20}
  test: {file: seen/heat.csv, diffusivity: [0.1], share: [0.8, 1.0], points: 20}
network: {name: dense, widths: [8], activation: tanh}
training: {method: {name: soft}, epochs: 2}
search: {training.optimizer.learning_rate: {log_uniform: [1.0e-3, 1.0e-2]}}
objectives: {validation/data_mse: min}
tune: {trials: 2, sampler: random, scheduler: {name: none}}
resources: {cpu: 1, gpu: 0.5}
"""
PROBLEM = """
from pathlib import Path

from cnn_core.problems import heat
from tide_marks import MARKS

def tides():
    with open(MARKS, "a", encoding="utf-8") as marks:
        print(Path({mine!r}, "there").exists(), file=marks)
    return heat()
"""


def test_files_that_only_the_submitter_has_reach_the_nodes_and_a_resume(machines: Machines) -> None:
    mine, marks = machines.folder / "mine", machines.folder / "marks"
    laptop, there = mine / "laptop", mine / "there"
    (laptop / "seen").mkdir(parents=True)
    (laptop / "tide.yaml").write_text(STUDY, encoding="utf-8")
    (laptop / "tide_waves.py").write_text(PROBLEM.format(mine=str(mine)), encoding="utf-8")
    (laptop / "tide_marks.py").write_text(f"MARKS = {str(marks)!r}\n", encoding="utf-8")
    shutil.copy(ROOT / "search_spaces" / "data" / "heat.csv", laptop / "seen")
    submitted = machines.run(
        machines.head,
        f"cd {laptop} && cnn-study submit tide.yaml --address http://{HEAD}:{DASHBOARD} "
        f"--storage {machines.folder}/shared --directory {there}",
    )
    assert "2/2 trials (2 completed)" in submitted.stdout, submitted.stdout + submitted.stderr
    shutil.rmtree(laptop)
    machines.forget_jobs()
    resumed = machines.run(machines.head, f"cd {there} && cnn-study resume tide --trials 1")
    assert "3/3 trials (3 completed)" in resumed.stderr, resumed.stdout + resumed.stderr
    records = Journal(there / "runs" / "tide").trials()
    assert [record.status for record in records.values()] == [TrialStatus.COMPLETED] * 3
    assert set(marks.read_text(encoding="utf-8").split()) == {"True", "False"}, "the worker saw the head's folder"


def wait_for_epoch(journal: Journal, epoch: int, seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not any(event.get("epoch", 0) >= epoch for _, event in journal.events()):
        assert time.monotonic() < until
        time.sleep(0.2)


def test_nothing_was_left(tmp_path: Path) -> None:
    """Last in this file, but with machines of its own: their namespaces are gone when they are."""
    import subprocess

    machines = Machines(tmp_path)
    machines.join()
    machines.end()
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert machines.head not in left and machines.worker not in left
