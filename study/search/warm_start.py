"""What an earlier study found best → points that a new one tries first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.blocks import TAGS
from search_spaces.contestants import CONTESTANT, plain_studies
from search_spaces.load import StudyFileError, dump, resolve
from search_spaces.schema import Choice, Contestant, Distribution, Integer, Study
from search_spaces.when import Values, is_active, is_set, ordered, setting
from study.analysis.findings import read_analysis


def best_points(study: Study, earlier: Path) -> list[Values]:
    """The points that `study` has to try first, then the best trial of every method of the study in `earlier`.

    A contestant takes that of the contestant of its name; from a study without any, those of trials that have all the
    names (of method, optimizer, …) that it sets.

    A number out of the new search's range is left out, so that the sampler chooses it; a trial with a choice that the
    new search does not have is left out as a whole. Raises StudyFileError if none is left.
    """
    analysis = read_analysis(earlier)
    trials = {method: dump(resolve(analysis.study, record.values)) for method, record in analysis.best_trials().items()}
    points = [
        ({CONTESTANT: name} if name else {}) | point
        for name, plain in plain_studies(study).items()
        for method, settings in trials.items()
        if name is None or (method == name if analysis.study.contestants else _suits(study.contestants[name], settings))
        if (point := _point(plain, settings))
    ]
    if not points:
        raise StudyFileError(
            f"--warm-start {earlier.name}: {len(trials)} methods have a best trial there, and none has values that "
            "this study searches; write the name of a study like this one"
        )
    return [dict(point) for point in study.tune.first] + [point for point in points if point not in study.tune.first]


def _suits(contestant: Contestant, settings: Mapping[str, Any]) -> bool:
    """Whether a trial is of the kind of a contestant."""
    names = {path: value for path, value in contestant.set.items() if path.rpartition(".")[2] in TAGS}
    return all(is_set(settings, path, (value,)) for path, value in names.items())


def _point(study: Study, settings: Mapping[str, Any]) -> Values:
    own, point = dump(study), {}
    for path in ordered(study):
        if not is_active(study, path, point, own):
            continue
        try:
            value = setting(settings, path)
        except KeyError:
            continue
        distribution = study.search[path].distribution
        if _takes(distribution, value):
            point[path] = value
        elif isinstance(distribution, Choice):
            return {}
    return point


def _takes(distribution: Distribution, value: Any) -> bool:
    if isinstance(distribution, Choice):
        return value in distribution.values
    kind = int if isinstance(distribution, Integer) else (int, float)
    return isinstance(value, kind) and distribution.low <= value <= distribution.high
