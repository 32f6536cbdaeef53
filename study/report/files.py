"""The report of a study as files: tables as CSV, plots, and one self-contained page.

Everything is made from a study's directory (its study file, its journal and its trials' files), at any time: while the
study runs, after it was killed, or before a trial has ended.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.figure import Figure

from search_spaces.errors import one_line
from search_spaces.load import dump_yaml
from study.analysis.findings import Analysis, read_analysis
from study.analysis.measured import unknowns_in
from study.journal.files import REPORT, TRIALS
from study.report.csv_rows import leaderboard_rows, trial_rows, variant_rows
from study.report.html_parts import Illustration
from study.report.page import PAGE, page
from study.report.plot_style import message_plot
from study.report.predictions import read_predictions, truths
from study.report.study_plots import (
    convergence_by_method_plot,
    cost_plot,
    predictions_by_method_plot,
    progress_plot,
)
from study.report.tables import all_tables
from study.report.trial_plots import percentile_plot
from study.report.variant_plots import error_plot, pareto_plot, settings_plot, unknowns_plot
from study.trial.files import PERCENTILES, PREDICTIONS

DOTS_PER_INCH = 150
PLOTS = "plots"


@dataclass(frozen=True)
class ReportPaths:
    """What `write_report` wrote: the page, and the folders of the plots (PNG) and of the tables (CSV)."""

    html: Path
    plots: Path
    tables: Path


@dataclass(frozen=True)
class Plot:
    """A plot with its title and caption; `name` is its file's, without the ending."""

    name: str
    title: str
    caption: str
    figure: Figure


def write_report(directory: Path) -> ReportPaths:
    """Write report/ anew: leaderboard.csv, pareto.csv if there is a trade-off, trials.csv, plots/*.png, report.html.

    Raises OSError if there is no room for it; the report that was there is whole then.
    """
    folder = directory / REPORT
    with TemporaryDirectory(prefix=f"{REPORT}-", dir=directory) as draft:
        _write(directory, Path(draft))
        for path in [path for path in Path(draft).rglob("*") if path.is_file()]:
            target = folder / path.relative_to(draft)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    return ReportPaths(folder / PAGE, folder / PLOTS, folder)


def _write(directory: Path, folder: Path) -> None:
    analysis = read_analysis(directory)
    (plots := folder / PLOTS).mkdir()
    tables = {"leaderboard.csv": leaderboard_rows(analysis.leaderboard, analysis.measured)}
    if analysis.may_trade_off:
        tables["pareto.csv"] = variant_rows(analysis.pareto, analysis.measured)
    for name, rows in tables.items():
        write_csv(folder / name, rows)
    write_csv(folder / "trials.csv", trial_rows(analysis.records.values()))
    illustrations = [_save(plot, plots) for plot in all_plots(analysis, directory / TRIALS)]
    html = page(
        directory.name,
        analysis,
        tables=all_tables(analysis),
        illustrations=illustrations,
        files=list(tables),
        study_file=dump_yaml(analysis.study),
    )
    (folder / PAGE).write_text(html, encoding="utf-8")


def _save(plot: Plot, folder: Path) -> Illustration:
    path = folder / f"{plot.name}.png"
    plot.figure.savefig(path, dpi=DOTS_PER_INCH)
    return Illustration(plot.title, plot.caption, path.read_bytes())


def all_plots(analysis: Analysis, trials: Path) -> Iterator[Plot]:
    """The plots of a study in the order in which they are looked at; `trials` is the folder of the trials' files."""
    best = {method: trials / record.trial for method, record in analysis.best_trials().items()}
    if analysis.may_trade_off:
        yield Plot(
            "pareto",
            "Trade-off",
            "Every trial's two validation errors. A thin line leads from a network to the same one after projection. "
            "The staircase bounds what was reached; its numbers are those of the Pareto set's table.",
            pareto_plot(analysis),
        )
    yield Plot("errors", "Errors by method", "Every completed trial; bars mark the medians.", error_plot(analysis))
    yield Plot(
        "predictions",
        "Predictions",
        "The best trial of every method on the first wave of the test split.",
        _from_files(
            partial(predictions_by_method_plot, trains=analysis.study.trains),
            {method: path / PREDICTIONS for method, path in best.items()},
        ),
    )
    known: Mapping[str, float] = {}
    if unknowns_in(analysis.measured):
        known = _truths([path / PREDICTIONS for path in best.values()])
        caption = "What every completed trial found; bars mark the medians."
        yield Plot("unknowns", "Unknowns", caption, unknowns_plot(analysis, truths=known))
    if analysis.study.trains:
        yield from _trained_plots(analysis, best, known)
    yield Plot("cost", "Cost", "Where the time of a trial went.", cost_plot(analysis))
    yield Plot("progress", "Search", "What the search had found after how many trials.", progress_plot(analysis))
    yield Plot("settings", "Settings", "Every completed trial, by the searched settings.", settings_plot(analysis))


def _trained_plots(analysis: Analysis, best: Mapping[str, Path], truths: Mapping[str, float]) -> Iterator[Plot]:
    """What there is to see of epochs; `best` is each method's best trial's folder."""
    yield Plot(
        "convergence",
        "Convergence",
        "The best trial of every method, before any projection.",
        convergence_by_method_plot(analysis, truths=truths),
    )
    yield Plot(
        "residuals",
        "Residuals",
        "How the magnitudes of the scaled residuals at training points were distributed in the best trials.",
        _from_files(percentile_plot, {method: path / PERCENTILES for method, path in best.items()}),
    )


def _truths(paths: Sequence[Path]) -> Mapping[str, float]:
    """The true values of unknowns, as far as these files know them."""
    found: dict[str, float] = {}
    for path in paths:
        with suppress(Exception):  # whatever a file holds, the plot is worth having without them
            found |= truths(read_predictions(path))
    return found


def _from_files(draw: Callable[[Mapping[str, Path]], Figure], paths: Mapping[str, Path]) -> Figure:
    """A plot of trials' files; where these are spoiled, one that says so."""
    try:
        return draw(paths)
    except Exception as error:  # whatever a file holds, the other plots and the tables are worth having
        return message_plot(f"the trials' files cannot be read ({one_line(error)})")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with equal keys as CSV with a header; None is an empty cell, numbers have all their digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
