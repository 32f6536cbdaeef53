"""The evidence of a study: tables in the terminal and as CSV, figures, and one self-contained report.html.

Everything is made from a study's directory (its study.yaml, its journal and its trials' files), at any time: while the
study runs, after it was killed, or before a trial has ended.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from search_spaces.load import dump_yaml, load_recorded
from study.analysis import findings as tables_of
from study.analysis.findings import Analysis, analyse
from study.journal.files import REPORT, STUDY, TRIALS
from study.journal.journal import Journal
from study.report.page import Illustration, page
from study.report.study_plots import (
    convergence_by_method_figure,
    cost_figure,
    error_figure,
    pareto_figure,
    predictions_by_method_figure,
    progress_figure,
    settings_figure,
)
from study.report.tables import TextTable, all_tables, counts_text
from study.report.trial_plots import percentile_figure
from study.trial.files import PERCENTILES, PREDICTIONS

MOST_ROWS = 20
"""Rows of a table in the terminal; the report has all."""


@dataclass(frozen=True)
class ReportPaths:
    """What `write_report` wrote: the page, and the folders of the figures (PNG) and of the tables (CSV)."""

    html: Path
    figures: Path
    tables: Path


def read_analysis(directory: Path) -> Analysis:
    """All tables of the study in `directory`. Raises StudyFileError if there is no study.yaml, or a wrong one."""
    return analyse(load_recorded(directory / STUDY), Journal(directory).trials())


def write_report(directory: Path) -> ReportPaths:
    """Write report/ anew: leaderboard.csv, pareto.csv, trials.csv, figures/*.png and report.html."""
    analysis = read_analysis(directory)
    folder = directory / REPORT
    paths = ReportPaths(folder / "report.html", folder / "figures", folder)
    paths.figures.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "leaderboard.csv", tables_of.leaderboard_table(analysis.leaderboard))
    write_csv(folder / "pareto.csv", tables_of.variant_table(analysis.pareto))
    write_csv(folder / "trials.csv", tables_of.trial_table(analysis.records.values()))
    illustrations = []
    for name, title, caption, figure in study_figures(analysis, directory / TRIALS):
        path = paths.figures / f"{name}.png"
        figure.savefig(path, dpi=150)
        illustrations.append(Illustration(title, caption, path.read_bytes()))
    paths.html.write_text(
        page(
            directory.name,
            analysis,
            tables=all_tables(analysis),
            illustrations=illustrations,
            study_file=dump_yaml(analysis.study),
        ),
        encoding="utf-8",
    )
    return paths


def study_figures(analysis: Analysis, trials: Path) -> Iterator[tuple[str, str, str, Figure]]:
    """(file name, title, caption, figure) of all figures; `trials` is the folder of the trials' files."""
    best = {method: trials / record.trial for method, record in analysis.best_trials().items()}
    yield (
        "pareto",
        "Trade-off",
        "Every trial's two validation errors. A thin line leads from a network to the same one after projection. The "
        "staircase bounds what was reached; its numbers are those of the Pareto set's table.",
        pareto_figure(analysis),
    )
    yield "errors", "Errors by method", "Every completed trial; bars mark the medians.", error_figure(analysis)
    yield (
        "predictions",
        "Predictions",
        "The best trial of every method on the first wave of the test split.",
        predictions_by_method_figure({method: path / PREDICTIONS for method, path in best.items()}),
    )
    yield (
        "convergence",
        "Convergence",
        "The best trial of every method, before any projection.",
        convergence_by_method_figure(analysis),
    )
    yield (
        "residuals",
        "Residuals",
        "How the magnitudes of the scaled residuals at training points were distributed in the best trials.",
        percentile_figure({method: path / PERCENTILES for method, path in best.items()}),
    )
    yield "cost", "Cost", "Where the time of a trial went.", cost_figure(analysis)
    yield "progress", "Search", "What the search had found after how many trials.", progress_figure(analysis)
    yield "settings", "Settings", "Every completed trial, by the searched settings.", settings_figure(analysis)


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with equal keys as CSV with a header; None is an empty cell, numbers have all their digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


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
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in table.columns:
        justify = "right" if column.figures else "left"
        drawn.add_column(column.heading, justify=justify, overflow="fold", vertical="bottom")
    for row in table.rows[:MOST_ROWS]:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)
    if (hidden := len(table.rows) - MOST_ROWS) > 0:
        console.print(Text(f"{hidden} more in the report.", style="dim"))
    for note in table.notes:
        console.print(Text(note, style="dim"))
