"""A study that confirms others: the best settings of every method, trained again with seeds that chose nothing.

The best of many trials looks better than it is, by luck. Trained again with new seeds, which draw other points, other
first parameters and other batches, its errors are honest: their medians and intervals are what to compare methods by.

Each of these settings is a contestant, and all have the same seeds. With a bootstrap each seed draws its own data, too:
then values spread by the errors of the data as well. Several searches for the same thing, which differ by their luck
alone, are confirmed together: how their best ones differ says how far a search is to be trusted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from search_spaces.bootstrap import Bootstrap
from search_spaces.contestants import CONTESTANT, plain_studies
from search_spaces.data_files import observed
from search_spaces.errors import naming
from search_spaces.load import StudyFileError, resolve, settings_of
from search_spaces.modules import look_in
from search_spaces.problems import build_problem
from search_spaces.schema import Choice, Contestant, Scheduler, SearchedParameter, Study
from study.analysis.findings import Analysis, read_analysis
from study.journal.record import TrialRecord
from study.journal.study_folder import whereabouts

SEED = "training.seed"


def read_earlier(directory: Path) -> Analysis:
    """What the study in `directory` found, with its own modules at hand. Raises StudyFileError without a study."""
    look_in(*whereabouts(directory).modules)
    return read_analysis(directory)


def confirming(
    earlier: Mapping[str, Analysis], *, seeds: int, first_seed: int = 0, bootstrap: Bootstrap | None = None
) -> Study:
    """The study of the best trials in the `earlier` ones, by name; each with the same `seeds` seeds, new to all.

    These are the first from `first_seed` on that no trial had. A `bootstrap` draws the observations of the training
    anew with each. A contestant is the best trial of a method or contestant as trained, called like it: `soft`, or of
    several studies `soft.1`, `soft.2`, …. Of contestants that project, `soft.projected` is the best as projected, where
    that is another trial. Raises StudyFileError if no method has a completed trial, for studies of different problems
    or data, or where there are no observations to draw anew.
    """
    first, *others = earlier.values()
    for name, analysis in earlier.items():
        if (analysis.study.problem, analysis.study.data) != (first.study.problem, first.study.data):
            raise StudyFileError(
                f"{name} has another problem, or other data, than {next(iter(earlier))}; confirm it alone"
            )
    base = _drawn_anew(first.study, bootstrap)
    best: dict[str, dict[str, Any]] = {}
    for place, analysis in enumerate(earlier.values(), start=1):
        for name, record in _best(analysis, f".{place}" if others else ""):
            if name in best:
                raise StudyFileError(f"two contestants of the new study would be called {name}; name them otherwise")
            best[name] = _set(base, _drawn_anew(resolve(analysis.study, record.values), bootstrap))
    if not best:
        name = next(iter(earlier))
        raise StudyFileError(
            f"{name}: no method has a completed trial to confirm; finish it with: cnn-study resume {name}"
        )
    used = {seed for analysis in earlier.values() for seed in _seeds(analysis)}
    new = tuple(islice((seed for seed in count(first_seed) if seed not in used), seeds))
    search = {SEED: SearchedParameter(Choice(new))}
    tune = replace(
        base.tune, trials=len(new) * len(best), first=(), sampler="grid", scheduler=Scheduler(), balance=None,
        seconds=None,
    )  # fmt: skip
    contestants = {name: Contestant(settings, search) for name, settings in best.items()}
    return replace(base, search={}, contestants=contestants, tune=tune)


def in_packs(study: Study) -> Study:
    """The same, whose trainings share processes where that pays, unless its study file says how many do.

    Not for a comparison of costs: a method whose steps are stacked looks cheaper than one that was as fast by itself.
    """
    if study.resources.pack is not None or not any(one.trains for one in plain_studies(study).values()):
        return study
    return replace(study, resources=replace(study.resources, pack="auto"))


def unconfirmed(earlier: Mapping[str, Analysis]) -> list[str]:
    """A line for every contestant or method that was tried and has no completed trial to confirm."""
    return [
        f"{name}: {method} has no completed trial{' within the bounds' if analysis.study.bounds else ''}; "
        "it is not confirmed"
        for name, analysis in earlier.items()
        for method in dict.fromkeys((*analysis.study.contestants, *(row.method for row in analysis.leaderboard)))
        if not any(found.method == method for _, found in _best(analysis, ""))
    ]


def _best(analysis: Analysis, ending: str) -> Iterator[tuple[str, TrialRecord]]:
    trained = analysis.best_trials()
    projected = analysis.best_projected() if analysis.study.contestants else {}
    for method in [*(analysis.study.contestants or trained)]:
        if method in trained:
            yield f"{method}{ending}", trained[method]
        if method in projected and projected[method] is not trained.get(method):
            yield f"{method}{ending}.projected", projected[method]


def _drawn_anew(study: Study, bootstrap: Bootstrap | None) -> Study:
    """The same with a bootstrap, if any, of its training data. Raises StudyFileError where it has none for it."""
    if bootstrap is None:
        return study
    drawn = replace(study, data=replace(study.data, train=replace(study.data.train, bootstrap=bootstrap)))
    with naming("data.train: "):
        if drawn.data.train.file is None:
            raise StudyFileError("it has no file, and a bootstrap draws observations anew; confirm it without")
        observed(build_problem(drawn.problem), drawn.data.train)
    return drawn


def _set(base: Study, own: Study) -> dict[str, Any]:
    """The blocks in which a trial differs from what stands in the study file to come; its seed is searched."""
    common, differing = settings_of(base), settings_of(own)
    differing["training"]["seed"] = common["training"]["seed"]
    return {block: settings for block, settings in differing.items() if settings != common[block]}


def _seeds(analysis: Analysis) -> Iterator[Any]:
    """The seeds of all trials of a study."""
    plain = plain_studies(analysis.study)
    for record in analysis.records.values():
        own = plain.get(record.values.get(CONTESTANT), analysis.study)
        yield record.values.get(SEED, own.training.seed)
