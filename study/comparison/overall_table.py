"""All problems together in a table, for the page and for a terminal: how often an entry is better, and by how much."""

from collections.abc import Mapping, Sequence

from study.comparison.interval_plots import SIGNS
from study.comparison.sentences import number
from study.comparison.standing import Overall
from study.comparison.tables import ENTRY, NOTHING, interval, ratio
from study.report.text_table import Column, TextTable
from study.statistics.comparison import Decision
from study.statistics.targets import Profile

DECISIONS = (
    Column("better", "problems on which it is better than every other baseline"),
    Column("undecided", "problems on which the runs cannot tell"),
    Column("worse", "problems on which it is worse than at least one baseline"),
)
TOGETHER = Column("together,\np", "what is claimed of all problems at once, by ranks, and p after Holm's correction")
ERROR = Column("error\nratio", "median over all runs of its error over the median of the best baseline")
INTERVAL = Column("95 %\ninterval", "of that ratio, for other searches on these problems")
CONSTRAINT = Column("constraint\nratio", "ratio of the medians, median over problems")
COST = Column("CPU s\nratio", "training and projection beside the best baseline's, median over problems")
FAILED = Column("failed", "share of all runs with fresh seeds")
TIME = Column("time to\ntarget", "score: mean height of the performance profile up to a factor of 4; 1 is the best")

ALL = (ENTRY, *DECISIONS, TOGETHER, ERROR, INTERVAL, CONSTRAINT, COST, FAILED, TIME)


def overall_table(
    overall: Sequence[Overall], profiles: Mapping[str, Profile], columns: Sequence[Column] = ALL
) -> TextTable:
    """A row for each entry that takes part in any problem."""
    rows = [_cells(one, profiles) for one in overall if one.standings]
    return TextTable(
        title="All problems",
        columns=columns,
        rows=[[cells[column] for column in columns] for cells in rows],
        notes=(),
        empty="No entry takes part in any problem.",
    )


def _cells(one: Overall, profiles: Mapping[str, Profile]) -> dict[Column, str]:
    counts = (len(one.problems(decision)) for decision in (Decision.BETTER, Decision.UNDECIDED, Decision.WORSE))
    return {
        ENTRY: one.label,
        **dict(zip(DECISIONS, map(str, counts), strict=True)),
        TOGETHER: NOTHING if one.together is None else f"{one.together.p_value:.2g}{SIGNS[one.together.decision]}",
        ERROR: ratio(one.ratio and one.ratio.value),
        INTERVAL: (interval(one.ratio, number) if one.ratio else "") or NOTHING,
        CONSTRAINT: ratio(one.constraint_ratio),
        COST: ratio(one.cost_ratio),
        FAILED: f"{100 * one.failures:.0f} %",
        TIME: f"{profiles[one.label].score:.2f}" if one.label in profiles else NOTHING,
    }
