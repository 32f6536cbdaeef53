"""Processes and nodes that trials lose: how often a trial is started again, and what its process died of.

On nodes that may be taken away a long trial loses many processes, and each time it goes on from its checkpoint. What
counts are losses in a row, without an epoch in between that it had not reached before: after so many of them the trial
is given up, as `lost`, and goes on when the study is resumed. Errors of the trial itself are not tried again.
"""

import re
from pathlib import Path

from ray.tune.experiment import Trial

from study.pack.member import PACK_LOST

IN_A_ROW = 3
"""How many processes in a row a trial may lose, and is started again; the next loss is its end."""


class Losses:
    """Counts what trials lose, and tells Tune how patient to be with each."""

    def __init__(self) -> None:
        self.before: dict[str, int] = {}
        self.killed_by_kernel = _killed_by_kernel()

    def got_on(self, trial: Trial) -> None:
        """A trial has reached an epoch that it had not reached before: its losses so far are forgiven."""
        self.before[trial.trial_id] = trial.num_failures
        trial.max_failures = trial.num_failures + IN_A_ROW

    def in_a_row(self, trial: Trial) -> int:
        """How many processes a trial has lost since it last got on."""
        return trial.num_failures - self.before.get(trial.trial_id, 0)

    def cause(self, words: str) -> str:
        """What a process died of, by Ray's words about it, and for this machine by its kernel."""
        seen, self.killed_by_kernel = self.killed_by_kernel, _killed_by_kernel()
        return cause(words, out_of_memory=self.killed_by_kernel > seen)


def cause(words: str, *, out_of_memory: bool = False) -> str:
    """What a process died of, by Ray's words about it; `out_of_memory` if the kernel has killed one for that."""
    if "node has died" in words:
        return "its node was lost"
    if "running low on memory" in words or "memory pressure" in words:
        return "Ray ended it, because its node ran out of memory"
    if out_of_memory:
        return "the kernel killed it, because memory ran out"
    if "SIGTERM" in words:
        return "it was ended by SIGTERM"
    if code := re.search(r"exits with an exit code (\d+)", words):
        if int(code[1]) == PACK_LOST:
            return "the process of its pack was lost"
        return f"it exited with code {code[1]}"
    return "it was killed, or crashed; Ray does not know the signal"


def words_about(trial: Trial) -> str:
    """Tune's words about all failures of a trial, the last one last; empty if there are none."""
    written = Path(trial.error_file or "")  # by this process; elsewhere it arrives later
    if written.is_file():
        return written.read_text(encoding="utf-8", errors="replace")
    return str(trial.get_error() or "")


def raised(text: str) -> str | None:
    """The error that a trial's process raised last, from Tune's words about it; None if the process was lost."""
    last = last_failure(text)
    return last.strip().rpartition("\n")[2] if "Traceback (most recent call last)" in last else None


def last_failure(text: str) -> str:
    """Of Tune's words about all failures of a trial, those about the last one."""
    return text.rpartition("Failure # ")[2]


def _killed_by_kernel() -> int:
    """How many processes this machine's kernel has killed for lack of memory since it started; 0 where it says none."""
    try:
        counts = dict(line.split() for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return int(counts.get("oom_kill", 0))
