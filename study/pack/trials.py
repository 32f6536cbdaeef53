"""The trials of a pack: many in one process, whose epochs are stacked where they can be."""

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from cnn_core.pack import NO_OTHER
from cnn_core.problems import Problem
from cnn_core.training import TrainingStatus
from search_spaces.load import build_problem
from search_spaces.schema import ProblemChoice
from study.pack.gathering import Alone, Gathering
from study.trial.stepping import DONE, Result, SteppedTrial
from study.trial.trial import NOTHING, Trial

MEMBERS = "pack/members"
"""The metric that says how many trials took an epoch together."""


class PackedTrials:
    """Steps through trials for their members, by the members' names; each member's calls may come from any thread."""

    def __init__(self) -> None:
        self.gathering = Gathering()
        self.trials: dict[str, SteppedTrial] = {}
        self.problems: list[tuple[ProblemChoice, Problem]] = []
        self.told: set[str] = set()
        self.notes: dict[str, list[str]] = {}
        self.changed = threading.Lock()

    def step(self, member: str, request: Mapping[str, Any]) -> Result:
        """The next step of a member's trial, which begins with the first."""
        with self.changed:
            if member not in self.trials:
                epoch, working = partial(self._epoch, member), lambda: self.gathering.bench
                self.trials[member] = SteppedTrial(request, epoch, working, self._problem)
            trial = self.trials[member]
        result = trial.step()
        if notes := self.notes.pop(member, None):
            result.setdefault("notes", []).extend(notes)
        if DONE in result:
            self.gathering.leave(member)
        return result

    def leave(self, member: str, *, save: bool = True) -> None:
        """A member asks for no more; its trial is saved unless it has ended."""
        self.gathering.leave(member)
        with self.changed:
            trial = self.trials.pop(member, None)
        if trial is not None and save:
            trial.close()

    def _epoch(self, member: str, trial: Trial) -> None:
        """An epoch of a trial, with the others' if that can be."""
        if trial.training.status is not TrainingStatus.RUNNING:
            with self.gathering.bench:
                trial.step()
            return
        with self.gathering.epoch(member, trial.training, trial.measured_points) as given, self.gathering.bench:
            if isinstance(given, Alone):
                if given.reason != NO_OTHER:
                    self._tell(member, f"it goes by itself in its pack, as others like it: {given.reason}")
                trial.step()[MEMBERS] = 1.0
            else:
                if given.refused:
                    self._tell(member, f"it is measured by itself in its pack, as others like it: {given.refused}")
                trial.step(given.seconds, given.measured or NOTHING)[MEMBERS] = float(given.members)

    def _tell(self, member: str, note: str) -> None:
        """Each note is told once, by the first trial that has it."""
        if note not in self.told:
            self.told.add(note)
            self.notes[member] = [note]

    def _problem(self, choice: ProblemChoice) -> Problem:
        """One for all trials that choose the same: only what has the same problem is stacked."""
        for known, problem in self.problems:
            if known == choice:
                return problem
        self.problems.append((choice, build_problem(choice)))
        return self.problems[-1][1]
