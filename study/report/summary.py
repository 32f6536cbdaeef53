"""What is printed of a study in a terminal: the report's tables, as much of them as one looks at there."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from study.analysis.findings import read_analysis
from study.report.tables import all_tables, counts_text
from study.report.text_table import TextTable
from study.terminal.fitting import Fitting

MOST_ROWS = 20
"""Rows of a table; the report has all."""


def print_summary(console: Console, directory: Path) -> None:
    """Print the leaderboard, the Pareto set, how errors spread and how trials ended; it fits 80 columns."""
    analysis = read_analysis(directory)
    study = analysis.study
    console.print(Text(f"{directory.name} ({study.problem.name}): {counts_text(analysis)}", style="bold"))
    if not analysis.records:
        console.print("No trial has started yet.")
        return
    for table in all_tables(analysis):
        console.print()
        print_table(console, table)
    console.print()


def print_table(console: Console, table: TextTable) -> None:
    """One table with its title above and its notes below."""
    console.print(Text(table.title, style="bold"))
    if not table.rows:
        console.print(table.empty)
        return
    console.print(Fitting(_drawn(table, MOST_ROWS)))
    if (hidden := len(table.rows) - MOST_ROWS) > 0:
        console.print(Text(f"{hidden} more in the report.", style="dim"))
    for note in table.notes:
        console.print(Text(note, style="dim"))


def fitting(*tables: TextTable) -> Fitting:
    """The first of some tables, the widest one first, that a terminal has room for, with all rows."""
    return Fitting(*map(_drawn, tables))


def _drawn(table: TextTable, most: int | None = None) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in table.columns:
        justify = "right" if column.numeric else "left"
        grid.add_column(column.heading, justify=justify, overflow="fold", vertical="bottom")
    for row in table.rows[:most]:
        grid.add_row(*(Text(cell) for cell in row))
    return grid
