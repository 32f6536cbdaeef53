"""What to try next: Optuna, asked and told by Tune, kept in an SQLite file.

* A trial's id is how many were asked for before it, with four digits; Optuna keeps it as the attribute `trial`.
* What became of a trial is told as it was: completed, or diverged with the worst values; pruned, with its last value if
  there is one objective; failed.
* With `balance`, every value of that choice has an Optuna study of its own, and they are asked in turn: they share the
  trials equally, and none is tuned by what suits another.
* An answer that must be tried (a point of a grid, the balanced value) is queued just before it is asked for. If the
  driver dies in between, the queued one is taken next: nothing is tried twice.
"""

import json
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from ray.tune.search import Searcher

from cnn_core.metrics import WORST
from search_spaces import convert
from search_spaces.schema import Choice, Study

DIRECTIONS = {"min": StudyDirection.MINIMIZE, "max": StudyDirection.MAXIMIZE}

SECONDS_TO_WAIT = 60
"""How long the database may be locked by another reader."""


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
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": SECONDS_TO_WAIT}})


class OptunaSearch(Searcher):
    """Suggests the trials of `study`; goes on from what `storage` holds of it."""

    def __init__(self, study: Study, storage: BaseStorage) -> None:
        super().__init__()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = study
        self.points = convert.grid(study) if study.tune.sampler == "grid" else None
        self.balanced = _balanced_values(study)
        self.trials = min(study.tune.trials, len(self.points)) if self.points is not None else study.tune.trials
        self.searches = [self._search(storage, index) for index in range(max(1, len(self.balanced)))]
        self.asked: dict[str, optuna.Trial] = {}

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

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        count = sum(len(_started(search)) for search in self.searches)
        if count >= self.trials:
            return Searcher.FINISHED
        search = self.searches[count % len(self.searches)]
        self._queue(search, count)
        trial = search.ask()
        self.asked[trial_id] = trial
        trial.set_user_attr("trial", f"{count:04d}")
        return {"trial": f"{count:04d}", "values": convert.suggest(self.study, trial)}

    def _queue(self, search: optuna.Study, count: int) -> None:
        if self.points is not None:
            fixed = self.points[count]
        elif self.balanced:
            fixed = {str(self.study.tune.balance): self.balanced[count % len(self.balanced)]}
        else:
            return
        if not search.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            search.enqueue_trial(convert.stored(fixed))

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        trial = self.asked.pop(trial_id, None)
        if trial is None:
            return
        if error or not result or "error" in result:
            trial.study.tell(trial, state=TrialState.FAIL)
        elif "final/status" in result:
            trial.study.tell(trial, [self._value(result, name) for name in self.study.objectives])
        else:
            first, *more = self.study.objectives
            if not more and f"metrics/{first}" in result:
                trial.report(self._value(result, first), step=result["epoch"])
            trial.study.tell(trial, state=TrialState.PRUNED)

    def _value(self, result: Mapping[str, Any], objective: str) -> float:
        worst = WORST if self.study.objectives[objective] == "min" else -WORST
        value = result.get(f"final/{objective}", result.get(f"metrics/{objective}", worst))
        diverged = result.get("final/status") == "diverged"
        return worst if diverged or not math.isfinite(value) else value

    def save(self, checkpoint_path: str) -> None:
        state = {tune_id: trial.user_attrs["trial"] for tune_id, trial in self.asked.items()}
        Path(checkpoint_path).write_text(json.dumps(state), encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Take up the trials that were running; those of the database that Tune does not know any more have failed."""
        state = json.loads(Path(checkpoint_path).read_text(encoding="utf-8"))
        wanted = {ident: tune_id for tune_id, ident in state.items()}
        for search in self.searches:
            for frozen in search.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                trial = optuna.Trial(search, frozen._trial_id)
                tune_id = wanted.get(frozen.user_attrs.get("trial", ""))
                if tune_id is None:
                    search.tell(trial, state=TrialState.FAIL)
                else:
                    self.asked[tune_id] = trial


def _started(search: optuna.Study) -> list[FrozenTrial]:
    return [trial for trial in search.get_trials(deepcopy=False) if trial.state is not TrialState.WAITING]


def _balanced_values(study: Study) -> tuple[Any, ...]:
    if study.tune.balance is None:
        return ()
    distribution = study.search[study.tune.balance].distribution
    return distribution.values if isinstance(distribution, Choice) else ()
