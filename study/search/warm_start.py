"""What an earlier study found best → points that a new one tries first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.load import StudyFileError, dump, resolve
from search_spaces.schema import Choice, Distribution, Integer, Study
from search_spaces.when import Values, is_active, ordered, setting
from study.analysis.findings import read_analysis


def best_points(study: Study, earlier: Path) -> list[Values]:
    """The points that `study` has to try first, then the best trial of every method of the study in `earlier`.

    A number out of the new search's range is left out, so that the sampler chooses it; a trial with a choice that the
    new search does not have is left out as a whole. Raises StudyFileError if none is left.
    """
    analysis = read_analysis(earlier)
    trials = [dump(resolve(analysis.study, record.values)) for record in analysis.best_trials().values()]
    points = [point for settings in trials if (point := _point(study, settings))]
    if not points:
        raise StudyFileError(
            f"--warm-start {earlier.name}: {len(trials)} methods have a best trial there, and none has values that "
            "this study searches; write the name of a study like this one"
        )
    return [dict(point) for point in study.tune.first] + [point for point in points if point not in study.tune.first]


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
