"""Where the time of an entry's networks went: seconds by the clock, by section."""

from collections.abc import Mapping
from statistics import median

from study.comparison.result import EntryResult, ProblemResult


def sections_by_entry(problem: ProblemResult) -> dict[str, Mapping[str, float]]:
    """Entry → its seconds by section; without entries of which no run with a fresh seed measured any."""
    found = {entry.label: _medians(entry) for entry in problem.entries}
    return {label: seconds for label, seconds in found.items() if seconds}


def _medians(entry: EntryResult) -> dict[str, float]:
    """Of each section the median over the runs that did not fail."""
    measured = [run.sections for run in entry.confirmed if run.sections and not run.failed]
    names = dict.fromkeys(name for sections in measured for name in sections)
    return {name: median(sections.get(name, 0.0) for sections in measured) for name in names}
