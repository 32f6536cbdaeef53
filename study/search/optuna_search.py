"""What to try next: Optuna, asked by Tune and told by the journal, in the driver's memory.

* A trial's id is its number, with four digits; Optuna keeps it as the attribute `trial`.
* What became of a trial is told as it was: completed, or diverged with the worst values; pruned, with its values so far
  (several objectives: its last ones, as the attribute `figures`); failed. How far it exceeds the `bounds` is told, too.
* With `balance`, every value of that choice has an Optuna study of its own, and they are asked in turn: they share the
  trials equally, and none is tuned by what suits another.
* A trial is queued with its id, and with what must be tried (a point of a grid, one to try first, the balanced value),
  just before it is asked for.
* A search begins with what the journal says: what ended is told to Optuna, what did not end comes first again under
  its old id. Trials that end later are told in the same way, once the journal has them. So a search goes on from
  wherever the last driver was killed. (NSGA-II counts no resumed trial to a generation.)
"""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
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
from search_spaces.errors import StudyFileError, shown
from search_spaces.schema import Choice, Study
from search_spaces.when import Values
from study.journal.journal import Metrics, TrialRecord, TrialStatus
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
        self.asked: dict[str, optuna.Trial] = {}
        self.unfinished: list[TrialRecord] = []
        for ident in sorted(records):
            self._ask_again(records[ident])

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
            record = self.unfinished.pop(0)
            return {"trial": record.trial, "values": record.values}
        if len(self.numbers) < self.trials:
            number = next(number for number in count() if number not in self.numbers)
            return {"trial": _name(number), "values": self._ask(number)}
        return Searcher.FINISHED

    def tell(self, record: TrialRecord) -> None:
        """What became of a trial that was asked for, as the journal has it; Optuna's file keeps it, too."""
        trial = self.asked.pop(record.trial)
        if record.status is TrialStatus.FAILED:
            trial.study.tell(trial, state=TrialState.FAIL)
        elif record.status is TrialStatus.PRUNED:
            self._tell_bounds(trial, record.metrics)
            self._tell_pruned(trial, record)
        else:
            measured = {} if record.status is TrialStatus.DIVERGED else record.metrics
            self._tell_bounds(trial, measured)
            trial.study.tell(trial, self._values(measured))
        self.files[self.searches.index(trial.study)].keep(_trials(trial.study)[trial.number])

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """Tune says so before the journal has it; `tell` says it afterwards."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing of Tune's own state is used to go on."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was saved."""

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

    def _ask(self, number: int) -> Values:
        search, ident = self._of(number), _name(number)
        search.enqueue_trial(convert.stored(self._fixed(number)), user_attrs={IDENT: ident})
        trial = self.asked[ident] = search.ask()
        self.numbers.add(number)
        return convert.suggest(self.study, trial)

    def _ask_again(self, record: TrialRecord) -> None:
        """Enter a trial that began before; if it has ended, with what became of it."""
        number = int(record.trial)
        if not record.known:  # nobody can say what it tried
            return
        search, kept = self._of(number), self.files[number % len(self.searches)].kept.get(record.trial)
        known = self._known(record)
        search.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=known.params,
                distributions=known.distributions,
                user_attrs={IDENT: record.trial},
                system_attrs=dict(kept.system_attrs) if kept is not None else {},
            )
        )
        self.asked[record.trial] = optuna.Trial(search, _trials(search)[-1]._trial_id)
        if record.status.final:
            self.tell(record)
        else:
            self.unfinished.append(record)

    def _known(self, record: TrialRecord) -> FixedTrial:
        """A trial's values as Optuna knows them. Raises StudyFileError if this search does not take them any more."""
        known = FixedTrial(convert.stored(record.values))
        if (strange := convert.strange(self.study, record.values)) is not None:
            value = shown(record.values[strange]) if strange in record.values else "not given"
            raise StudyFileError(
                f"{self.study.study}: trial {record.trial} cannot go on: its {strange} is {value}, which the search in "
                "this study's study.yaml does not take; undo what was changed there, or run the changed one as a study "
                "of its own"
            )
        convert.suggest(self.study, known)
        return known

    def _tell_bounds(self, trial: optuna.Trial, metrics: Metrics) -> None:
        for metric, bound in self.study.bounds.items():
            if metric not in trial.constraints:  # one that ended before has them from Optuna's file
                trial.set_constraint(metric, _finite(metrics.get(metric), WORST) - bound)

    def _tell_pruned(self, trial: optuna.Trial, record: TrialRecord) -> None:
        if len(self.study.objectives) > 1:  # Optuna knows no intermediate values of several objectives
            values = self._values(record.metrics)
            trial.set_user_attr("figures", dict(zip(self.study.objectives, values, strict=True)))
        else:
            for epoch, _, metrics in record.history:
                trial.report(self._values(metrics)[0], step=epoch)
        trial.study.tell(trial, state=TrialState.PRUNED)

    def _values(self, metrics: Metrics) -> list[float]:
        return [_finite(metrics.get(name), WORST_OF[mode]) for name, mode in self.study.objectives.items()]


def _finite(value: float | str | None, otherwise: float) -> float:
    return value if isinstance(value, float | int) and math.isfinite(value) else otherwise


def _name(number: int) -> str:
    return f"{number:04d}"


def _trials(search: optuna.Study) -> list[FrozenTrial]:
    return search.get_trials(deepcopy=False)


def _balanced_values(study: Study) -> tuple[Any, ...]:
    if study.tune.balance is None:
        return ()
    distribution = study.search[study.tune.balance].distribution
    return distribution.values if isinstance(distribution, Choice) else ()
