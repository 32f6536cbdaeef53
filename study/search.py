"""What to try next: Optuna, asked and told by Tune, kept in an SQLite file.

* A trial's id is how many were asked for before it, with four digits; Optuna keeps it as the attribute `trial`.
* What became of a trial is told as it was: completed, or diverged with the worst values; pruned, with its values so far
  (several objectives: its last ones, as the attribute `figures`); failed. How far it exceeds the `bounds` is told, too.
* With `balance`, every value of that choice has an Optuna study of its own, and they are asked in turn: they share the
  trials equally, and none is tuned by what suits another.
* A trial is queued with its id, and with what must be tried (a point of a grid, one to try first, the balanced value),
  just before it is asked for. If the driver dies in between, the queued one is taken next: nothing is tried twice.
* A search begins by bringing Optuna in line with the journal: what ended is told, what did not end comes first again
  under its old id, what only the journal knows is added. So it goes on from wherever the last driver was killed.
"""

import math
import sqlite3
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FixedTrial, FrozenTrial, TrialState
from ray.tune.search import Searcher

from cnn_core.metrics import WORST
from search_spaces import convert
from search_spaces.conditions import Values
from search_spaces.schema import Choice, Study
from study.records import TrialRecord, TrialStatus

DIRECTIONS = {"min": StudyDirection.MINIMIZE, "max": StudyDirection.MAXIMIZE}
WORST_OF = {"min": WORST, "max": -WORST}

SECONDS_TO_WAIT = 60
"""How long the database may be locked by another reader."""

NO_RECORDS: Mapping[str, TrialRecord] = {}
IDENT = "trial"


def _tpe(seed: int, random_trials: int) -> BaseSampler:
    return TPESampler(seed=seed, n_startup_trials=random_trials, multivariate=True, group=True, constant_liar=True)


def _gp(seed: int, random_trials: int) -> BaseSampler:
    return GPSampler(seed=seed, n_startup_trials=random_trials)


SAMPLERS: Mapping[str, Callable[[int, int], BaseSampler]] = {
    "tpe": _tpe,
    "gp": _gp,
    "nsga2": lambda seed, _: NSGAIISampler(seed=seed),
    "random": lambda seed, _: RandomSampler(seed=seed),
    "grid": lambda seed, _: RandomSampler(seed=seed),  # every value is queued; nothing is left to sample
}


def database(path: Path) -> BaseStorage:
    """Optuna's SQLite file, made if it is missing; `optuna-dashboard` reads it too."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=SECONDS_TO_WAIT, check_same_thread=False)
        # Waiting for the disk would cost 0.1 s a trial; the journal does so, and this file can be made anew from it.
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"creator": connect})


@dataclass
class Asked:
    """A trial to run: its id, its values, Optuna's trial unless that has ended, the first objective of its epochs."""

    ident: str
    values: Values
    trial: optuna.Trial | None
    curve: dict[int, float] = field(default_factory=dict)


class OptunaSearch(Searcher):
    """Suggests the trials of `study`; goes on from what `storage` and the journal's `records` hold of it."""

    def __init__(self, study: Study, storage: BaseStorage, records: Mapping[str, TrialRecord] = NO_RECORDS) -> None:
        super().__init__()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = study
        self.points = convert.grid(study) if study.tune.sampler == "grid" else None
        self.balanced = _balanced_values(study)
        self.trials = min(study.tune.trials, len(self.points)) if self.points is not None else study.tune.trials
        self.searches = [self._search(storage, index) for index in range(max(1, len(self.balanced)))]
        self.unfinished = self._settle(records)
        self.running: dict[str, Asked] = {}

    def _search(self, storage: BaseStorage, index: int) -> optuna.Study:
        name = f"{self.study.study}/{self.balanced[index]}" if self.balanced else self.study.study
        search = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=[DIRECTIONS[mode] for mode in self.study.objectives.values()],
            load_if_exists=True,
        )
        share = self.study.tune.trials // max(1, len(self.balanced))
        seed = self.study.tune.seed + index + len(search.get_trials(deepcopy=False))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            search.sampler = SAMPLERS[self.study.tune.sampler](seed, min(10, max(4, share // 4)))
        return search

    @property
    def left(self) -> int:
        """How many trials are still to be run."""
        return len(self.unfinished) + max(0, self.trials - self._count())

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if self.unfinished:
            asked = self.unfinished.pop(0)
        elif (count := self._count()) < self.trials:
            trial = self._ask(count, self._fixed(count))
            asked = Asked(_name(count), convert.suggest(self.study, trial), trial)
        else:
            return Searcher.FINISHED
        self.running[trial_id] = asked
        return {"trial": asked.ident, "values": asked.values}

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        asked = self.running[trial_id]
        asked.curve[result["epoch"]] = self._value(_figures(result), self._first)

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        asked = self.running.pop(trial_id, None)
        if asked is None or asked.trial is None:
            return
        if error or not result or "error" in result:
            asked.trial.study.tell(asked.trial, state=TrialState.FAIL)
            return
        status, figures = TrialStatus(result.get("final/status", TrialStatus.PRUNED)), _figures(result)
        if "epoch" in result:
            asked.curve[result["epoch"]] = self._value(figures, self._first)
        self._tell(asked.trial, status, figures, asked.curve)

    def save(self, checkpoint_path: str) -> None:
        """Nothing of Tune's own state is used to go on."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was saved."""

    @property
    def _first(self) -> str:
        return next(iter(self.study.objectives))

    def _count(self) -> int:
        return sum(len(_started(search)) for search in self.searches)

    def _of(self, number: int) -> optuna.Study:
        return self.searches[number % len(self.searches)]

    def _fixed(self, number: int) -> Values:
        """What the trial of this number must try."""
        if self.points is not None:
            return self.points[number]
        if not self.balanced:
            return dict(self.study.tune.first[number]) if number < len(self.study.tune.first) else {}
        balanced = {str(self.study.tune.balance): self.balanced[number % len(self.balanced)]}
        first = [point for point in self.study.tune.first if balanced.items() <= point.items()]
        turn = number // len(self.balanced)
        return dict(first[turn]) if turn < len(first) else balanced

    def _ask(self, number: int, fixed: Values) -> optuna.Trial:
        search = self._of(number)
        if not search.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            search.enqueue_trial(convert.stored(fixed), user_attrs={IDENT: _name(number)})
        trial = search.ask()
        if trial.user_attrs.get(IDENT) != _name(number):  # somebody else queued it, say from Optuna's dashboard
            trial.set_user_attr(IDENT, _name(number))
        return trial

    def _settle(self, records: Mapping[str, TrialRecord]) -> list[Asked]:
        """Tell Optuna what the journal says; what is still to be run of what was begun."""
        found = {trial.user_attrs[IDENT]: trial for search in self.searches for trial in _started(search)}
        idents = sorted(found.keys() | records.keys())
        taken = (self._take_up(ident, found.get(ident), records.get(ident)) for ident in idents)
        return [asked for asked in taken if asked is not None]

    def _take_up(self, ident: str, found: FrozenTrial | None, record: TrialRecord | None) -> Asked | None:
        if found is None:
            trial = self._ask(int(ident), record.values if record else {})
            convert.suggest(self.study, trial)
        else:
            trial = None if found.state.is_finished() else optuna.Trial(self._of(int(ident)), found._trial_id)
        if record is None:  # it was asked for, and no more
            known = trial or FixedTrial(found.params if found else {})
            return Asked(ident, convert.suggest(self.study, known), trial)
        curve = {epoch: self._value(metrics, self._first) for epoch, _, metrics in record.history}
        if not record.status.final:
            return Asked(ident, record.values, trial, curve)
        if trial is not None:
            self._tell(trial, record.status, record.metrics, curve)
        return None

    def _tell(
        self, trial: optuna.Trial, status: TrialStatus, figures: Mapping[str, Any], curve: Mapping[int, float]
    ) -> None:
        if status is TrialStatus.FAILED:
            trial.study.tell(trial, state=TrialState.FAIL)
            return
        measured = {} if status is TrialStatus.DIVERGED else figures
        values = [self._value(measured, name) for name in self.study.objectives]
        for metric, bound in self.study.bounds.items():
            trial.set_constraint(metric, _finite(measured.get(metric), WORST) - bound)
        if status is not TrialStatus.PRUNED:
            trial.study.tell(trial, values)
            return
        if len(values) > 1:  # Optuna knows no intermediate values of several objectives
            trial.set_user_attr("figures", dict(zip(self.study.objectives, values, strict=True)))
        else:
            _report(trial, curve)
        trial.study.tell(trial, state=TrialState.PRUNED)

    def _value(self, figures: Mapping[str, Any], objective: str) -> float:
        return _finite(figures.get(objective), WORST_OF[self.study.objectives[objective]])


def _finite(value: float | None, otherwise: float) -> float:
    return value if value is not None and math.isfinite(value) else otherwise


def _report(trial: optuna.Trial, curve: Mapping[int, float]) -> None:
    with warnings.catch_warnings(action="ignore"):  # what a killed driver has told stays as it is
        for epoch, value in curve.items():
            trial.report(value, step=epoch)


def _figures(result: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics by name from what a trial reported last; those measured at its end prevail."""
    return {
        name.removeprefix(prefix): value
        for prefix in ("metrics/", "final/")
        for name, value in result.items()
        if name.startswith(prefix)
    }


def _name(number: int) -> str:
    return f"{number:04d}"


def _started(search: optuna.Study) -> list[FrozenTrial]:
    trials = search.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state is not TrialState.WAITING and IDENT in trial.user_attrs]


def _balanced_values(study: Study) -> tuple[Any, ...]:
    if study.tune.balance is None:
        return ()
    distribution = study.search[study.tune.balance].distribution
    return distribution.values if isinstance(distribution, Choice) else ()
