"""A comparison as files: its page, CSV tables, plots as PNG, and comparison.json from which all are drawn anew.

Predictions alone are drawn from what the runs have left in their studies.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from study.analysis.importance import BEST_SHARE, FEWEST_TRIALS
from study.comparison.cost_plots import cost_plot
from study.comparison.csv_rows import all_rows
from study.comparison.front_plots import front_plot
from study.comparison.importance_plots import importance_plot
from study.comparison.interval_plots import interval_plot
from study.comparison.page import PAGE, page
from study.comparison.panel_plots import profile_plot, seconds_plot, trials_plot
from study.comparison.predicted import Predictions, no_predictions, shown_predictions
from study.comparison.prediction_plots import predictions_plot
from study.comparison.result import Comparison, Links, ProblemResult
from study.comparison.saved import FILE, to_json
from study.comparison.section_plots import sections_plot
from study.comparison.sections import sections_by_entry
from study.comparison.standing import Standing
from study.comparison.targets import profiles_of
from study.comparison.verdict import Verdict
from study.report.files import DOTS_PER_INCH, PLOTS, Plot, write_csv
from study.report.html_parts import Illustration
from study.report.plot_style import message_plot

COLOURS = 128
"""Of a picture: enough for lines and their smooth edges, in a third of the bytes."""

PICTURES = "Predictions"
"""The section of plots in shades."""


def write_comparison(
    comparison: Comparison,
    verdict: Verdict,
    folder: Path,
    *,
    links: Links = lambda run: None,
    predictions: Predictions = no_predictions,
) -> Path:
    """Write the page with all that is beside it into `folder`, which is made; returns the page's path.

    `links` says the address of an MLflow run's page, `predictions` where the file of a run's predictions is: without
    such files none are shown. Raises OSError where there is no room.
    """
    (plots := folder / PLOTS).mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(to_json(comparison), encoding="utf-8")
    rows = {name: table for name, table in all_rows(comparison, verdict).items() if table}
    for name, table in rows.items():
        write_csv(folder / name, table)
    illustrations: dict[str, list[Illustration]] = {}
    for section, plot in all_plots(comparison, verdict, predictions):
        png = _png(plot.figure, shaded=section == PICTURES)
        (plots / f"{plot.name}.png").write_bytes(png)
        illustrations.setdefault(section, []).append(Illustration(plot.title, plot.caption, png))
    for problem in comparison.problems:
        if problem.trades_off:
            (plots / f"front-{problem.name}.png").write_bytes(_png(front_plot(comparison, problem)))
    html = page(comparison, verdict, illustrations=illustrations, files=[*rows, FILE], links=links)
    path = folder / PAGE
    path.write_text(html, encoding="utf-8")
    return path


def _png(figure: Figure, *, shaded: bool = False) -> bytes:
    """A `shaded` figure keeps all its colours: those of several scales are too many for a palette."""
    drawn, small = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
    picture = Image.open(drawn).convert("RGB")
    (picture if shaded else picture.quantize(COLOURS)).save(small, format="png", optimize=True)
    return small.getvalue()


def all_plots(
    comparison: Comparison, verdict: Verdict, predictions: Predictions = no_predictions
) -> Iterator[tuple[str, Plot]]:
    """The page's plots with their sections, in the order in which they are looked at."""
    for problem in comparison.problems:
        drawn = interval_plot(comparison, problem, verdict.problems[problem.name])
        yield "Intervals", Plot(f"intervals-{problem.name}", problem.name, INTERVALS, drawn)
    for problem in comparison.problems:
        if drawn := _predictions(comparison, problem, verdict.problems[problem.name], predictions):
            yield PICTURES, Plot(f"predictions-{problem.name}", problem.name, PREDICTIONS, drawn)
    for problem in comparison.problems:
        drawn = seconds_plot(comparison, problem)
        yield "Best against CPU seconds", Plot(f"seconds-{problem.name}", problem.name, SECONDS, drawn)
    for problem in comparison.problems:
        drawn = trials_plot(comparison, problem)
        yield "Expected best against trials", Plot(f"trials-{problem.name}", problem.name, TRIALS, drawn)
    drawn = profile_plot(comparison, profiles_of(comparison))
    yield "Time to target", Plot("profiles", "Performance profiles", PROFILES, drawn)
    yield "Cost", Plot("cost", "CPU seconds", COST, cost_plot(comparison, verdict.overall))
    for problem in comparison.problems:
        if sections := sections_by_entry(problem):
            drawn = sections_plot(sections)
            yield "Time by section", Plot(f"sections-{problem.name}", problem.name, SECTIONS, drawn)
    for problem in comparison.problems:
        if problem.importances:
            drawn = importance_plot(problem.importances)
            yield "Which settings mattered", Plot(f"importance-{problem.name}", problem.name, IMPORTANCE, drawn)


def _predictions(
    comparison: Comparison, problem: ProblemResult, standings: Sequence[Standing], predictions: Predictions
) -> Figure | None:
    """None where no run has left any."""
    try:
        shown = shown_predictions(comparison, problem, standings, predictions)
        return predictions_plot(comparison, shown) if shown else None
    except Exception as error:  # whatever a file holds, the other plots and the tables are worth having
        return message_plot(f"the runs' predictions cannot be read ({type(error).__name__})")


INTERVALS = (
    "Median test errors with 95 % intervals, the smallest first; those without one had too few runs. The dotted line "
    "is the smallest median of a baseline. Intervals that leave the plot go on to the end of its axis; a tick there is "
    "an interquartile mean that lies beyond, or that is infinite since runs failed."
)
SECONDS = "The best validation value so far: the median over searches, and their range."
TRIALS = (
    "The best validation value that so many of a search's trials may be expected to come to, averaged in decades: the "
    "median over searches, and their range. A line begins where no draw of so many can have failed altogether. Trials "
    "count as draws of one distribution; a sampler that learns makes better ones later."
)
PROFILES = (
    "How many problems' targets an entry reached within so many times the shortest time of any entry. The target is "
    "the validation value that the best baseline's median search ended at."
)
PREDICTIONS = (
    "The first output on the first test wave, of more than two coordinates in the middle of the others: what the entry "
    "predicts that has the smallest median test error and is no baseline, and the best baseline. Of each it is the run "
    "in the middle by test error, or the nearest to it that has left predictions."
)
SECTIONS = (
    "Medians of each section over the runs with fresh seeds that did not fail, by the clock: other trials that ran at "
    "the same time are in them. Without the search for the settings."
)
IMPORTANCE = (
    "The share of each searched setting in whether a trial was among the best of its contestant's, as trained, over "
    f"all searches together (PED-ANOVA of the best {100 * BEST_SHARE:.0f} %). Empty cells are not searched. Nothing is "
    f"said of settings that fewer than {FEWEST_TRIALS} trials had, and of contestants with fewer than two settings."
)
COST = "Medians on every problem: of training and projecting one network, and of the search for its settings."
