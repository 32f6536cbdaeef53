"""Which of its settings mattered to a contestant, over the trials of all searches of a problem together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from search_spaces.contestants import plain_studies, settings_in
from search_spaces.schema import Study
from study.analysis.findings import Analysis
from study.analysis.importance import importances
from study.journal.record import TrialRecord


def mattered(study: Study, searches: Sequence[Analysis]) -> dict[str, Mapping[str, float]]:
    """Contestant → searched setting → its share of the importance for what the searches of this `study` chose by.

    A contestant is missing of which too few trials are known, or that has fewer than two settings to compare.
    """
    if not searches:
        return {}
    metric, mode = searches[0].metric, searches[0].mode
    shares = {
        name: importances(replace(plain, objectives={metric: mode}), _trials(name, metric, searches)).get(metric)
        for name, plain in plain_studies(study).items()
        if name is not None
    }
    return {name: found for name, found in shares.items() if found}


def _trials(contestant: str, metric: str, searches: Sequence[Analysis]) -> Iterator[TrialRecord]:
    """A contestant's trials, each with its settings and the value of the network that it is chosen by."""
    for found in searches:
        for variant in found.variants:
            if variant.method == contestant and not variant.projected:
                record, value = found.records[variant.trial], variant.value(metric)
                metrics = {} if value is None else {metric: value}
                yield replace(record, values=settings_in(record.values), metrics=metrics)
