"""Which trials of a study one looks at first: those whose plots are drawn before anybody asks for them."""

from collections.abc import Iterable

from study.analysis.findings import Analysis
from study.journal.events import TrialStatus

MOST_PARETO, MOST_FAILURES, MOST_OTHERS = 20, 5, 5

FAILURES = (TrialStatus.FAILED, TrialStatus.DIVERGED, TrialStatus.LOST)


def looked_at(analysis: Analysis) -> list[str]:
    """The best of every method, the Pareto set, and a few of those that failed and of the others that ended."""
    best = [record.trial for record in analysis.best_trials().values()]
    pareto = [variant.trial for variant in analysis.pareto[:MOST_PARETO]]
    failed = _ended(analysis, FAILURES)[:MOST_FAILURES]
    others = _ended(analysis, set(TrialStatus) - {TrialStatus.RUNNING, *FAILURES})[:MOST_OTHERS]
    return list(dict.fromkeys([*best, *pareto, *failed, *others]))


def _ended(analysis: Analysis, statuses: Iterable[TrialStatus]) -> list[str]:
    return [record.trial for record in analysis.records.values() if record.status in statuses]
