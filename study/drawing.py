"""Draws the plots of ended trials in a process of its own, of low priority.

Drawing takes half a second of a core for each trial. In the driver it would hold up the search and the trials' reports,
since Python's threads take turns. The process ends with the one that started it, however that ends: its input is closed
then.
"""

import json
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from study.records import TrialRecord, TrialStatus

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONVERGENCE, PREDICTION = "convergence.png", "prediction.png"
PREDICTIONS = "predictions.npz"
NICENESS = 10


class Draftsman:
    """The process that draws, one request after the other."""

    def __init__(self) -> None:
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "study.drawing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is not for it
        )
        weakref.finalize(self, _end, self.process)

    def draw(self, record: TrialRecord, folder: Path, target: Path) -> Mapping[str, str]:
        """Draw into `target` what a trial's record and files have plots for: plot → empty, or why it is missing."""
        request = {"record": asdict(record), "folder": str(folder), "target": str(target)}
        to, answers = self.process.stdin, self.process.stdout
        assert to is not None and answers is not None
        to.write(json.dumps(request) + "\n")
        to.flush()
        if not (answer := answers.readline()):
            raise BrokenPipeError("the process that draws has ended")
        return json.loads(answer)


def draw(record: TrialRecord, folder: Path, target: Path) -> Mapping[str, str]:
    """`Draftsman.draw` by the one of this process; a new one if that has died. Raises OSError if it dies at once."""
    try:
        return _draftsman().draw(record, folder, target)
    except OSError:
        _draftsman.cache_clear()
        return _draftsman().draw(record, folder, target)


_draftsman = cache(Draftsman)


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):  # it died with a request unread
                pipe.close()
    process.terminate()
    process.wait()


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests, one JSON object a line, until there are no more."""
    for line in requests:
        request = json.loads(line)
        fields: dict[str, Any] = request["record"]
        record = TrialRecord(**{**fields, "status": TrialStatus(fields["status"])})
        answers.write(json.dumps(_drawn(record, Path(request["folder"]), Path(request["target"]))) + "\n")
        answers.flush()


def _drawn(record: TrialRecord, folder: Path, target: Path) -> dict[str, str]:
    from study.trial_figures import convergence_figure, prediction_figure

    drawn: dict[str, str] = {}
    if record.history:
        drawn[CONVERGENCE] = _keep(lambda: convergence_figure(record), target / CONVERGENCE)
    if (folder / PREDICTIONS).exists():
        drawn[PREDICTION] = _keep(lambda: prediction_figure(folder / PREDICTIONS), target / PREDICTION)
    return drawn


def _keep(figure: Callable[[], "Figure"], path: Path) -> str:
    try:
        figure().savefig(path)
    except Exception as error:  # a trial without one of its plots is still a result
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    os.nice(NICENESS)
    serve(sys.stdin, sys.stdout)
