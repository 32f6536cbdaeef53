"""A user's own problem module: functions that tell or change where they run, and then build the Helmholtz problem."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from cnn_core.problems import Problem, helmholtz

SECONDS_TO_WAIT = 60.0


def two_nodes_meet(meeting_place: str) -> Problem:
    """Wait until this was called on two nodes."""
    folder = Path(meeting_place)
    folder.mkdir(exist_ok=True)
    (folder / ray.get_runtime_context().get_node_id()).touch()
    until = time.monotonic() + SECONDS_TO_WAIT
    while len(list(folder.iterdir())) < 2:
        if time.monotonic() > until:
            raise TimeoutError("no other node came")
        time.sleep(0.05)
    return helmholtz()


def dies_once(mark: str) -> Problem:
    """Kill this process the first time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return helmholtz()


def dies_while(mark: str) -> Problem:
    """Kill this process as long as the file `mark` is there."""
    if Path(mark).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return helmholtz()


def dies_often(folder: str, times: int, calls: int) -> Problem:
    """Kill each process that has evaluated residuals so often, until so many have died."""
    problem, marks, evaluated = helmholtz(), Path(folder), 0

    def residual(u: Any, x: Any, p: Any) -> Any:
        nonlocal evaluated
        evaluated += 1
        if evaluated == calls and len(list(marks.iterdir())) < times:
            (marks / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return problem.residual(u, x, p)

    return replace(problem, residual=residual)


def slow(seconds: float) -> Problem:
    """The Helmholtz problem, whose residual takes its time: a long training that leaves the processor alone."""
    problem = helmholtz()

    def residual(u: Any, x: Any, p: Any) -> Any:
        time.sleep(seconds)
        return problem.residual(u, x, p)

    return replace(problem, residual=residual)
