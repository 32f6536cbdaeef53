"""What to try next: Optuna, asked by Tune and told by the journal, in the driver's memory.

* A trial's id is its number, with four digits; Optuna keeps it as the attribute `trial`.
* What became of a trial is told as it was: completed, or diverged with the worst values; pruned, with its values so far
  (several objectives: its last ones, as the attribute `figures`); failed. How far it exceeds the `bounds` is told, too.
* Every contestant, or with `balance` every value of that choice, has an Optuna study of its own, and they are asked in
  turn: they share the trials equally, and none is tuned by what suits another. Who has used its `seconds` is asked no
  more.
* A trial is queued with its id, and with what must be tried (a point of a grid, one to try first, the balanced value),
  just before it is asked for.
* No setting is tried twice with one seed. A proposal that was tried before is told Optuna as failed, of which samplers
  learn nothing, and it is asked again; after some proposals in vain they are drawn at random, and at last taken in
  turn. A search without another setting has ended.
* A search begins with what the journal says: what ended is told to Optuna, what did not end comes first again under
  its old id. Trials that end later are told in the same way, once the journal has them. So a search goes on from
  wherever the last driver was killed. (NSGA-II counts no resumed trial to a generation.)
* Where one trial ends before the next is asked for (`max_concurrent: 1`), what the journal has is asked for again, and
  the sampler is where it was. If that gives other values (the journal is of another version, or the study was made
  longer), and where trials run side by side, a sampler with another seed goes on.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count, islice, repeat
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial
from ray.tune.search import Searcher

from cnn_core.metrics import WORST
from search_spaces import convert, space
from search_spaces.contestants import CONTESTANT, settings_in
from search_spaces.errors import StudyFileError, shown
from search_spaces.schema import Study
from search_spaces.space import Part
from search_spaces.when import Values
from study.journal.budget import Budget
from study.journal.events import TrialStatus
from study.journal.record import Metrics, TrialRecord
from study.search.optuna_file import IDENT, OptunaFile
from study.search.samplers import NOT_REPLAYED, samplers

DIRECTIONS = {"min": StudyDirection.MINIMIZE, "max": StudyDirection.MAXIMIZE}
WORST_OF = {"min": WORST, "max": -WORST}

PROPOSALS, RANDOM_PROPOSALS = 20, 200
"""How often the sampler is asked for a trial, and how many are then drawn at random, until one is new."""

NO_RECORDS: Mapping[str, TrialRecord] = {}


class OptunaSearch(Searcher):
    """Suggests the trials of `study`, goes on from the journal's `records` of it, keeps what ended in `storage`.

    Whoever runs the trials keeps the `records` up to date, from which it knows what parts have used of their seconds.
    """

    def __init__(self, study: Study, storage: BaseStorage, records: Mapping[str, TrialRecord] = NO_RECORDS) -> None:
        super().__init__()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = study
        self.parts = space.parts(study)
        begun = Counter(int(ident) % len(self.parts) for ident in records)
        self.replays = study.tune.max_concurrent == 1 and study.tune.sampler not in NOT_REPLAYED
        self.samplers = samplers(study.tune, len(self.parts), Counter() if self.replays else begun)
        self.searches = [self._search(index) for index in range(len(self.parts))]
        self.files = [OptunaFile(search, storage) for search in self.searches]
        self.numbers: set[int] = set()
        self.candidates = count()
        self.tried: set[str] = set()
        self.walks = [part.new_points(self.tried) for part in self.parts]
        self.asked: dict[str, optuna.Trial] = {}
        self.unfinished: list[TrialRecord] = []
        for ident in sorted(records, key=int):
            if self.replays and not self._replay(records[ident]):
                self.replays, self.samplers = False, samplers(study.tune, len(self.parts), begun)
            self._enter(records[ident])
        self.close()
        self.to_try = space.to_try(study, tried=self.tried, begun=begun)
        self.budget = Budget(study, records)
        self._keep_within_budget()

    def _search(self, index: int) -> optuna.Study:
        """One of the searches, empty."""
        part = self.parts[index]
        name = self.study.study if part.name is None else f"{self.study.study}/{part.name}"
        directions = [DIRECTIONS[mode] for mode in part.study.objectives.values()]
        return optuna.create_study(study_name=name, directions=directions, sampler=self.samplers[index])

    @property
    def trials(self) -> int:
        """How many trials there are in all: those that began, and those that are still to begin."""
        return len(self.numbers) + sum(self.to_try)

    @property
    def left(self) -> int:
        """How many trials are still to be run."""
        return len(self.unfinished) + sum(self.to_try)

    def close(self) -> int:
        """Keep what could not be kept before; returns how many trials are still missing in Optuna's file."""
        for file in self.files:
            file.write()
        return sum(len(file.waiting) for file in self.files)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if self.unfinished:
            record = self.unfinished.pop(0)
            return {"trial": record.trial, "values": record.values}
        self._keep_within_budget()
        while any(self.to_try):
            # Whose turn has passed without a trial never has one: a part that has none left gets none anew.
            number = next(
                number for number in self.candidates if number not in self.numbers and self.to_try[self._part(number)]
            )
            if (values := self._ask(number)) is not None:
                self.to_try[self._part(number)] -= 1
                return {"trial": _name(number), "values": self.parts[self._part(number)].values_of(values)}
            self.to_try[self._part(number)] = 0
        return Searcher.FINISHED

    def tell(self, record: TrialRecord) -> None:
        """What became of a trial that was asked for, as the journal has it; Optuna's file keeps it, too."""
        file, trial = self._told(record)
        file.keep(trial)

    def _told(self, record: TrialRecord) -> tuple[OptunaFile, FrozenTrial]:
        """Tell Optuna what became of a trial; returns the file that is to keep it, and what it is to keep."""
        trial, index = self.asked.pop(record.trial), self._part(int(record.trial))
        plain = self.parts[index].study
        if record.status is TrialStatus.FAILED:
            trial.study.tell(trial, state=TrialState.FAIL)
        elif record.status is TrialStatus.PRUNED:
            _tell_bounds(trial, plain, record.metrics)
            _tell_pruned(trial, plain, record)
        else:
            measured = {} if record.status is TrialStatus.DIVERGED else record.metrics
            _tell_bounds(trial, plain, measured)
            trial.study.tell(trial, _values(plain, measured))
        return self.files[index], trial.storage.get_trial(trial._trial_id)

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """Tune says so before the journal has it; `tell` says it afterwards."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing of Tune's own state is used to go on."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was saved."""

    def _keep_within_budget(self) -> None:
        """Ask no more for trials of those who have used their seconds."""
        self.to_try = [0 if self.budget.is_spent(index) else left for index, left in enumerate(self.to_try)]

    def _part(self, number: int) -> int:
        """Which of the searches the trial of this number belongs to."""
        return number % len(self.parts)

    def _ask(self, number: int) -> Values | None:
        """Ask for a trial that is new; None if none is found."""
        search, ident = self.searches[self._part(number)], _name(number)
        part = self.parts[self._part(number)]
        for fixed, sampler in self._proposals(number):
            search.enqueue_trial(convert.stored(fixed), user_attrs={IDENT: ident})
            search.sampler = sampler
            trial = search.ask()
            values = convert.suggest(part.study, trial)
            search.sampler = self.samplers[self._part(number)]
            if (own := part.identity(values)) not in self.tried:
                self._begin(number, trial, own)
                return values
            search.tell(trial, state=TrialState.FAIL)
        return None

    def _begin(self, number: int, trial: optuna.Trial, own: str) -> None:
        self.numbers.add(number)
        self.tried.add(own)
        self.asked[_name(number)] = trial

    def _proposals(self, number: int) -> Iterator[tuple[Values, BaseSampler]]:
        """What to fix, and whom to ask for the rest, until a trial is new."""
        fixed = self.parts[index := self._part(number)].fixed
        if self.study.tune.sampler != "grid":
            first, at_random = self._first(number), RandomSampler(seed=self.study.tune.seed + number)
            yield from repeat((fixed | first, self.samplers[index]), PROPOSALS)
            if first:
                yield from repeat((fixed, self.samplers[index]), PROPOSALS)
            yield from repeat((fixed, at_random), RANDOM_PROPOSALS)
        try:
            yield from ((values, self.samplers[index]) for _, values in self.walks[index])
        except space.EndlessError:
            return

    def _first(self, number: int) -> Values:
        """The point that the trial of this number must try, if there is one."""
        part = self.parts[self._part(number)]
        points = [point for point in part.study.tune.first if part.fixed.items() <= point.items()]
        return dict(next(islice(points, number // len(self.parts), None), {}))

    def _replay(self, record: TrialRecord) -> bool:
        """Ask again for a trial that began before; whether it has the values that it had then."""
        values = self._ask(int(record.trial)) if record.known else None
        if values is None:
            return False
        part = self.parts[self._part(int(record.trial))]
        if convert.stored(part.values_of(values)) == convert.stored(record.values):
            return True
        trial = self.asked.pop(record.trial)
        trial.study.tell(trial, state=TrialState.FAIL)
        self.tried.remove(part.identity(values))
        return False

    def _enter(self, record: TrialRecord) -> None:
        """Enter a trial that began before, unless it was asked for again; if it has ended, what became of it."""
        if not record.known:
            self._enter_unknown(int(record.trial))
            return
        if record.trial not in self.asked:
            trial = self._add(record)
            own = self.parts[self._part(int(record.trial))].identity(settings_in(record.values))
            self._begin(int(record.trial), trial, own)
        if record.status.final:
            file, ended = self._told(record)
            file.note(ended)
        else:
            self.unfinished.append(record)

    def _enter_unknown(self, number: int) -> None:
        """Enter a trial of which the journal does not say what it tried; on a grid its number does."""
        self.numbers.add(number)
        if self.study.tune.sampler == "grid":
            place = number // len(self.parts)
            self.tried.update(own for own, _ in islice(self.parts[self._part(number)].new_points(()), place, place + 1))

    def _add(self, record: TrialRecord) -> optuna.Trial:
        """A trial that Optuna did not choose, with the values that the journal has."""
        index = self._part(int(record.trial))
        search, kept = self.searches[index], self.files[index].kept.get(record.trial)
        known = self._known(record, self.parts[index])
        begun = create_trial(
            state=TrialState.RUNNING,
            params=known.params,
            distributions=known.distributions,
            user_attrs={IDENT: record.trial},
            system_attrs=dict(kept.system_attrs) if kept is not None else {},
        )
        # As `search.add_trial` does it, which does not say what its number is; to look would be a walk along them all.
        return optuna.Trial(search, search._storage.create_new_trial(search._study_id, template_trial=begun))

    def _known(self, record: TrialRecord, part: Part) -> FixedTrial:
        """A trial's values as Optuna knows them. Raises StudyFileError if this search does not take them any more."""
        own = settings_in(record.values) if part.contestant else record.values
        known = FixedTrial(convert.stored(own))
        strange = convert.strange(part.study, own) if part.has(record.values) else CONTESTANT
        if strange is not None:
            value = shown(record.values[strange]) if strange in record.values else "not given"
            raise StudyFileError(
                f"{self.study.study}: trial {record.trial} cannot go on: its {strange} is {value}, which the search in "
                "this study's study.yaml does not take; undo what was changed there, or run the changed one as a study "
                "of its own"
            )
        convert.suggest(part.study, known)
        return known


def _tell_bounds(trial: optuna.Trial, plain: Study, metrics: Metrics) -> None:
    for metric, bound in plain.bounds.items():
        if metric not in trial.constraints:  # one that ended before has them from Optuna's file
            trial.set_constraint(metric, _finite(metrics.get(metric), WORST) - bound)


def _tell_pruned(trial: optuna.Trial, plain: Study, record: TrialRecord) -> None:
    if len(plain.objectives) > 1:  # Optuna knows no intermediate values of several objectives
        values = _values(plain, record.metrics)
        trial.set_user_attr("figures", dict(zip(plain.objectives, values, strict=True)))
    else:
        for epoch, _, metrics in record.history:
            trial.report(_values(plain, metrics)[0], step=epoch)
    trial.study.tell(trial, state=TrialState.PRUNED)


def _values(plain: Study, metrics: Metrics) -> list[float]:
    return [_finite(metrics.get(name), WORST_OF[mode]) for name, mode in plain.objectives.items()]


def _finite(value: float | str | None, otherwise: float) -> float:
    return value if isinstance(value, float | int) and math.isfinite(value) else otherwise


def _name(number: int) -> str:
    return f"{number:04d}"
