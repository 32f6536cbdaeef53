"""What is printed of a comparison in a terminal: its first sentences, and how everybody stands."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from study.comparison.headline import headline
from study.comparison.overall_table import CONSTRAINT, COST, DECISIONS, ERROR, FAILED, INTERVAL, overall_table
from study.comparison.result import Comparison
from study.comparison.sentences import absence
from study.comparison.tables import ENTRY
from study.comparison.verdict import Verdict
from study.report.summary import fitting

WIDE = (ENTRY, *DECISIONS, ERROR, INTERVAL, CONSTRAINT, COST, FAILED)
NARROW = (ENTRY, DECISIONS[0], DECISIONS[2], ERROR, CONSTRAINT, COST)

READING = (
    "better, worse: problems on which an entry is better than every tuned baseline, worse than at least one; error, "
    "constraint error and CPU seconds are those of the best baseline times so many"
)


def print_verdict(console: Console, comparison: Comparison, verdict: Verdict) -> None:
    """Print whether it is worth it, and a row for each entry, the best first; it fits 80 columns."""
    for line in headline(comparison, verdict):
        console.print(Text(line, style="bold"))
    console.print()
    console.print(fitting(*(overall_table(verdict.overall, {}, columns) for columns in (WIDE, NARROW))))
    console.print()
    for note in (READING, *_absent(verdict)):
        console.print(Text(f"{note}.", style="dim"))
    console.print()


def _absent(verdict: Verdict) -> Iterator[str]:
    """Who is absent from which problems: a line for all that are so for the same reason."""
    labels: dict[str, list[str]] = {}
    for one in verdict.overall:
        for where in absence(one):
            labels.setdefault(where, []).append(one.label)
    for where, absent in labels.items():
        yield f"{', '.join(absent)}: {where}"
