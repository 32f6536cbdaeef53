"""A study that confirms another: the best settings of every method, trained again with seeds that chose nothing.

The best of many trials looks better than it is, by luck. Trained again with new seeds, which draw other points, other
first parameters and other batches, its errors are honest: their medians and intervals are what to compare methods by.
"""

from dataclasses import replace
from itertools import count, islice
from pathlib import Path

from search_spaces.load import StudyFileError
from search_spaces.modules import look_in
from search_spaces.schema import Choice, Scheduler, SearchedParameter, Study, Value
from study.analysis.findings import read_analysis
from study.journal.study_folder import whereabouts

SEED = "training.seed"


def confirming(earlier: Path, *, seeds: int) -> Study:
    """The study of the best trial of every method in `earlier`, each with `seeds` seeds that no trial there had.

    All of its trials are points to try first, one seed after another. Raises StudyFileError if no method has a
    completed trial.
    """
    look_in(*whereabouts(earlier).modules)
    analysis = read_analysis(earlier)
    study, best = analysis.study, analysis.best_trials().values()
    if not best:
        raise StudyFileError(
            f"{earlier}: no method has a completed trial to confirm; finish it with: cnn-study resume {earlier.name}"
        )
    used = {record.values.get(SEED, study.training.seed) for record in analysis.records.values()}
    new = tuple(islice((seed for seed in count() if seed not in used), seeds))
    values = [{path: _listed(value) for path, value in record.values.items()} for record in best]
    first = tuple(settings | {SEED: seed} for seed in new for settings in values)
    tune = replace(study.tune, trials=len(first), first=first, sampler="random", scheduler=Scheduler(), balance=None)
    search = {**study.search, SEED: SearchedParameter(Choice(new))}
    return replace(study, search=search, tune=tune)


def _listed(value: Value | list[Value]) -> Value:
    """A journal has lists where a study has tuples."""
    return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]
