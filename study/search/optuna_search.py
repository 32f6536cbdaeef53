"""What to try next: Optuna, asked and told by Tune, in the driver's memory.

* A trial's id is its number, with four digits; Optuna keeps it as the attribute `trial`.
* What became of a trial is told as it was: completed, or diverged with the worst values; pruned, with its values so far
  (several objectives: its last ones, as the attribute `figures`); failed. How far it exceeds the `bounds` is told, too.
* With `balance`, every value of that choice has an Optuna study of its own, and they are asked in turn: they share the
  trials equally, and none is tuned by what suits another.
* A trial is queued with its id, and with what must be tried (a point of a grid, one to try first, the balanced value),
  just before it is asked for.
* A search begins with what the journal tells: what ended is told to Optuna, what did not end comes first again under
  its old id. So it goes on from wherever the last driver was killed. (NSGA-II counts no resumed trial to a generation.)
"""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial
from ray.tune.search import Searcher

from cnn_core.metrics import WORST
from search_spaces import convert
from search_spaces.conditions import Values
from search_spaces.schema import Choice, Study
from study.journal.journal import TrialRecord, TrialStatus
from study.search.optuna_file import IDENT, OptunaFile

DIRECTIONS = {"min": StudyDirection.MINIMIZE, "max": StudyDirection.MAXIMIZE}
WORST_OF = {"min": WORST, "max": -WORST}

NO_RECORDS: Mapping[str, TrialRecord] = {}


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


@dataclass
class Asked:
    """A trial to run: its id, its values, Optuna's trial, the first objective of its epochs."""

    ident: str
    values: Values
    trial: optuna.Trial
    curve: dict[int, float] = field(default_factory=dict)


class OptunaSearch(Searcher):
    """Suggests the trials of `study`, goes on from the journal's `records` of it, keeps what ended in `storage`."""

    def __init__(self, study: Study, storage: BaseStorage, records: Mapping[str, TrialRecord] = NO_RECORDS) -> None:
        super().__init__()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = study
        self.points = convert.grid(study) if study.tune.sampler == "grid" else None
        self.balanced = _balanced_values(study)
        self.trials = min(study.tune.trials, len(self.points)) if self.points is not None else study.tune.trials
        begun = Counter(int(ident) % max(1, len(self.balanced)) for ident in records)
        self.searches = [self._search(index, begun[index]) for index in range(max(1, len(self.balanced)))]
        self.files = [OptunaFile(search, storage) for search in self.searches]
        self.numbers = {int(ident) for ident in records}
        self.unfinished = [asked for ident in sorted(records) if (asked := self._begun(records[ident])) is not None]
        self.running: dict[str, Asked] = {}

    def _search(self, index: int, begun: int) -> optuna.Study:
        """One of the searches, empty; `begun` trials of it were asked for before, and are not asked for again."""
        name = f"{self.study.study}/{self.balanced[index]}" if self.balanced else self.study.study
        directions = [DIRECTIONS[mode] for mode in self.study.objectives.values()]
        share, seed = self.study.tune.trials // max(1, len(self.balanced)), self.study.tune.seed + index + begun
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = SAMPLERS[self.study.tune.sampler](seed, min(10, max(4, share // 4)))
        return optuna.create_study(study_name=name, directions=directions, sampler=sampler)

    @property
    def left(self) -> int:
        """How many trials are still to be run."""
        return len(self.unfinished) + max(0, self.trials - len(self.numbers))

    def close(self) -> int:
        """Keep what could not be kept before; returns how many trials are still missing in Optuna's file."""
        for file in self.files:
            file.write()
        return sum(len(file.waiting) for file in self.files)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if self.unfinished:
            asked = self.unfinished.pop(0)
        elif len(self.numbers) < self.trials:
            asked = self._ask(next(number for number in count() if number not in self.numbers))
        else:
            return Searcher.FINISHED
        self.running[trial_id] = asked
        return {"trial": asked.ident, "values": asked.values}

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        asked = self.running[trial_id]
        asked.curve[result["epoch"]] = self._value(_figures(result), self._first)

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        asked = self.running.pop(trial_id, None)
        if asked is None:
            return
        status, figures = TrialStatus.FAILED, {}
        if not error and result and "error" not in result:
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

    def _ask(self, number: int) -> Asked:
        search, ident = self._of(number), _name(number)
        search.enqueue_trial(convert.stored(self._fixed(number)), user_attrs={IDENT: ident})
        trial = search.ask()
        self.numbers.add(number)
        return Asked(ident, convert.suggest(self.study, trial), trial)

    def _begun(self, record: TrialRecord) -> Asked | None:
        """Tell Optuna of a trial that began before; None if it has ended, too."""
        number = int(record.trial)
        search, kept = self._of(number), self.files[number % len(self.searches)].kept.get(record.trial)
        known = FixedTrial(convert.stored(record.values))
        convert.suggest(self.study, known)
        search.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=known.params,
                distributions=known.distributions,
                user_attrs={IDENT: record.trial},
                system_attrs=dict(kept.system_attrs) if kept is not None else {},
            )
        )
        trial = optuna.Trial(search, _trials(search)[-1]._trial_id)
        curve = {epoch: self._value(metrics, self._first) for epoch, _, metrics in record.history}
        if not record.status.final:
            return Asked(record.trial, record.values, trial, curve)
        self._tell(trial, record.status, record.metrics, curve)
        return None

    def _tell(
        self, trial: optuna.Trial, status: TrialStatus, figures: Mapping[str, Any], curve: Mapping[int, float]
    ) -> None:
        if status is TrialStatus.FAILED:
            trial.study.tell(trial, state=TrialState.FAIL)
        else:
            self._tell_figures(trial, status, figures, curve)
        self.files[self.searches.index(trial.study)].keep(_trials(trial.study)[trial.number])

    def _tell_figures(
        self, trial: optuna.Trial, status: TrialStatus, figures: Mapping[str, Any], curve: Mapping[int, float]
    ) -> None:
        measured = {} if status is TrialStatus.DIVERGED else figures
        values = [self._value(measured, name) for name in self.study.objectives]
        for metric, bound in self.study.bounds.items():
            if metric not in trial.constraints:  # one that ended before has them from Optuna's file
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


def _trials(search: optuna.Study) -> list[FrozenTrial]:
    return search.get_trials(deepcopy=False)


def _balanced_values(study: Study) -> tuple[Any, ...]:
    if study.tune.balance is None:
        return ()
    distribution = study.search[study.tune.balance].distribution
    return distribution.values if isinstance(distribution, Choice) else ()
