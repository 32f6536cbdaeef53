import csv
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image

from study.comparison.files import all_plots, write_comparison
from study.comparison.page import PAGE
from study.comparison.result import Comparison, EntryResult
from study.comparison.saved import FILE, read_comparison
from study.comparison.sentences import sentence
from study.comparison.verdict import judge
from study.trial.files import PREDICTIONS
from tests.study.comparison import synthetic
from tests.study.comparison.made_up import around, comparison, entry, nothing, problem
from tests.study.report.rendering import drawn
from tests.study.report.test_prediction_plots import write_planes

MOST_BYTES = 5_000_000
SERVER = "http://127.0.0.1:5000/#/experiments/1/runs/"
VOID = {"meta", "img", "br"}


class Nesting(HTMLParser):
    """Whether every element ends where it should."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text_of(made: Comparison, folder: Path, *, links: bool = False) -> str:
    path = write_comparison(made, judge(made), folder, links=lambda run: f"{SERVER}{run}" if links else None)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    some = {name: synthetic.CONTESTANTS[name] for name in ("unconstrained", "soft-adam", "null-space", "from-scratch")}
    made = synthetic.comparison(synthetic.PROBLEMS[-2:], some, studies=3, seeds=4, trials=5)
    folder = tmp_path_factory.mktemp("whole")
    write_comparison(made, judge(made), folder, links=lambda run: f"{SERVER}{run}")
    return made, folder


def test_the_page_has_every_entry_its_sentence_and_its_runs(whole: tuple[Comparison, Path]) -> None:
    made, folder = whole
    text = (folder / PAGE).read_text(encoding="utf-8")
    plain = re.sub(r"<[^>]+>", "", text).replace("&nbsp;", " ")
    for one in judge(made).overall:
        assert sentence(one) in plain
    runs = {run.source.run for one in made.problems for found in one.entries for run in found.confirmed}
    assert runs <= set(re.findall(r"runs/(\w+)\"", text))


def test_the_page_says_how_probably_an_entry_is_better_than_the_best_baseline(whole: tuple[Comparison, Path]) -> None:
    made, folder = whole
    _, section = (folder / PAGE).read_text(encoding="utf-8").split("<h2>Probability of improvement</h2>")
    table, _ = section.split("</table>", 1)
    for standings in judge(made).problems.values():
        for one in standings:
            assert not one.best or f">{one.best.improvement.value:.2f}<br>" in table
    assert "Probability of improvement" not in edge("no baseline")


def test_the_smallest_error_of_a_problem_is_bold(whole: tuple[Comparison, Path]) -> None:
    made, folder = whole
    _, section = (folder / PAGE).read_text(encoding="utf-8").split("<h2>Test errors</h2>")
    table, _ = section.split("</table>", 1)
    best = [standings[0] for standings in judge(made).problems.values()]
    bold = re.findall(r"<strong>([^<]+)</strong>", table)
    assert sorted(map(float, bold)) == pytest.approx(sorted(one.median.value for one in best), rel=0.05)


def test_what_failed_is_not_bold(tmp_path: Path) -> None:
    made = comparison(problem("waves", entry("soft", [[math.inf] * 3] * 3)))
    assert "failed" in text_of(made, tmp_path) and "<strong>failed" not in text_of(made, tmp_path)


def test_a_caption_that_plots_share_is_said_once(whole: tuple[Comparison, Path]) -> None:
    made, folder = whole
    text = (folder / PAGE).read_text(encoding="utf-8")
    assert len(made.problems) == 2
    assert text.count("those without one had too few runs") == 1


def test_the_page_needs_no_network(whole: tuple[Comparison, Path]) -> None:
    _, folder = whole
    text = (folder / PAGE).read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"'\s]*", text)) == set(re.findall(rf"{re.escape(SERVER)}\w+", text))
    assert not re.search(r"<link|@import|url\(|src=\"(?!data:)|<script [^>]*src|fetch\(|XMLHttp", text)


@pytest.mark.slow
def test_the_page_of_six_problems_and_fourteen_contestants_is_small(tmp_path: Path) -> None:
    assert len(text_of(synthetic.comparison(), tmp_path, links=True).encode()) < MOST_BYTES


def test_the_page_is_well_formed(whole: tuple[Comparison, Path]) -> None:
    nesting = Nesting()
    nesting.feed((whole[1] / PAGE).read_text(encoding="utf-8"))
    assert nesting.open == []


def test_files_lie_beside_the_page(whole: tuple[Comparison, Path]) -> None:
    made, folder = whole
    text = (folder / PAGE).read_text(encoding="utf-8")
    for path in (*folder.glob("*.csv"), folder / FILE):
        assert f'href="{path.name}"' in text
    pictures = sorted(path.stem for path in (folder / "plots").glob("*.png"))
    kinds = ("intervals", "seconds", "trials", "sections", "importance")
    names = [f"{kind}-{one.name}" for kind in kinds for one in made.problems]
    assert pictures == sorted([*names, "front-fronts", "profiles", "cost"])
    for path in (folder / "plots").glob("*.png"):
        with Image.open(path) as picture:
            assert picture.size[0] >= 1000


def test_the_page_is_drawn_anew_without_the_studies(whole: tuple[Comparison, Path], tmp_path: Path) -> None:
    made, folder = whole
    again = read_comparison(folder)
    assert again == made
    links = (folder / PAGE).read_text(encoding="utf-8")
    path = write_comparison(again, judge(again), tmp_path, links=lambda run: f"{SERVER}{run}")
    assert path.read_text(encoding="utf-8") == links


FAILED = [[math.inf] * 2] * 2


def finding(*rates: float) -> EntryResult:
    """A contestant whose runs of one search find these values of an unknown, which is 0.5."""
    (search,) = (made := entry("soft", [[1.0] * len(rates)])).searches
    runs = [
        replace(run, unknowns={"unknown/rate": rate, "unknown/rate_error": abs(rate - 0.5) / 0.5})
        for run, rate in zip(search.confirmed, rates, strict=True)
    ]
    return replace(made, searches=(replace(search, confirmed=tuple(runs)),))


def test_unknowns_have_a_table_and_columns(tmp_path: Path) -> None:
    text = text_of(comparison(problem("decay", finding(0.4, 0.45, 0.6))), tmp_path)
    assert "Unknowns that were found" in text and "0.45<br><small>smallest 0.4, largest 0.6</small>" in text
    with (tmp_path / "runs.csv").open(encoding="utf-8") as file:
        assert [row["unknown/rate"] for row in csv.DictReader(file)] == ["0.4", "0.45", "0.6"]
    assert "Unknowns that were found" not in text_of(comparison(problem("waves", entry("soft", [[1.0]]))), tmp_path)


EDGES = {
    "all failed": comparison(problem("waves", entry("soft", FAILED), entry("batch", FAILED))),
    "many entries": comparison(problem("waves", *(entry(name, around(1.0)) for name in ("soft", *"abcdefghijk")))),
    "one run": comparison(problem("waves", entry("soft", [[1.0]]), entry("batch", [[0.5]]))),
    "one search": comparison(
        problem("waves", entry("soft", around(1.0, searches=1)), entry("batch", around(0.5, searches=1)))
    ),
    "nothing to confirm": comparison(problem("waves", entry("soft", around(1.0)), nothing("batch"))),
    "no baseline's": comparison(problem("waves", entry("batch", around(1.0)), nothing("soft"))),
    "no baseline": comparison(problem("waves", entry("soft", around(1.0))), baselines=()),
    "exact": comparison(problem("waves", entry("soft", [[0.0, 0.0]] * 2, constraint=0.0), entry("batch", FAILED))),
    "exact and not": comparison(problem("waves", entry("soft", [[0.0] * 4] * 3), entry("batch", around(1.0)))),
    "refused": comparison(
        problem("waves", entry("soft", around(1.0))), problem("heat", refused={"soft": "there is no data"})
    ),
}


@cache
def edge(name: str) -> str:
    """The page of one of these."""
    with TemporaryDirectory() as folder:
        return text_of(EDGES[name], Path(folder))


@pytest.mark.parametrize("name", EDGES)
def test_edges_have_pages_too(name: str) -> None:
    text = edge(name)
    nesting = Nesting()
    nesting.feed(text)
    assert nesting.open == []
    assert "nan" not in re.sub(r"base64,[^\"]+|<script>.*</script>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("name", "notice"),
    [
        ("one search", "One search of each"),
        ("one search", "4 seeds of one search decide nothing on a single problem among 2 entries"),
        ("all failed", "Two searches"),
        ("no baseline", "There is no baseline"),
        ("many entries", "Few searches decide little among so many entries"),
    ],
)
def test_notices_say_what_cannot_be_told(name: str, notice: str) -> None:
    assert f'<p class="notice">{notice}' in edge(name)


def test_what_projecting_changed_has_a_table_where_something_is_projected(whole: tuple[Comparison, Path]) -> None:
    text = (whole[1] / PAGE).read_text(encoding="utf-8")
    table = text.split("<h2>What projecting changed</h2>")[1].split("</table>")[0]
    assert ">null-space</td>" in table and "<strong>0.50</strong><br><small>0.50 to 0.50</small>" in table
    assert "from-scratch" not in table
    assert "What projecting changed" not in edge("nothing to confirm")


def test_what_goes_on_is_not_finished_and_names_are_escaped(tmp_path: Path) -> None:
    made = replace(EDGES["one run"], name="a<b>&c", machine="<i>", ended=None)
    text = text_of(made, tmp_path)
    assert "Not finished" in text
    assert "a&lt;b&gt;&amp;c" in text
    assert "<b>" not in text and "<i>" not in text


def test_predictions_are_shown_where_runs_have_left_them(tmp_path: Path) -> None:
    write_planes(tmp_path / PREDICTIONS, exact=True)
    made = EDGES["one run"]
    names = [name for name, _ in all_plots(made, judge(made), lambda source: tmp_path / PREDICTIONS)]
    assert names.count("Predictions") == 1
    assert "Predictions" not in [name for name, _ in all_plots(made, judge(made), lambda source: tmp_path / "none")]
    assert "<h2>Predictions</h2>" not in edge("one run")


def test_a_spoiled_file_of_predictions_spoils_no_page(tmp_path: Path) -> None:
    (tmp_path / PREDICTIONS).write_text("spoiled")
    made = EDGES["one run"]
    path = write_comparison(made, judge(made), tmp_path, predictions=lambda source: tmp_path / PREDICTIONS)
    assert "<h2>Predictions</h2>" in path.read_text(encoding="utf-8")


def test_what_is_not_known_has_no_section() -> None:
    titles = [name for name, _ in all_plots(EDGES["one run"], judge(EDGES["one run"]))]
    assert titles == ["Intervals", "Best against CPU seconds", "Expected best against trials", "Time to target", "Cost"]


def test_plots_are_drawn_without_warnings() -> None:
    made = EDGES["all failed"]
    for _, plot in all_plots(made, judge(made)):
        drawn(plot.figure)


def test_unknowns_of_projected_networks_are_shown_where_projections_sought_them(tmp_path: Path) -> None:
    held = replace(finding(0.41), projected=True)
    assert "Unknowns that were found" not in text_of(comparison(problem("decay", held)), tmp_path)
    assert "0.41" in text_of(comparison(problem("decay", replace(held, seeks=True))), tmp_path)
