"""The page of a comparison: one HTML file that needs no other and no network. The verdict comes first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape

from search_spaces.counts import some
from study.comparison import front_svg, tables
from study.comparison.gains import gains
from study.comparison.headline import headline
from study.comparison.overall_table import overall_table
from study.comparison.result import PROJECTED, Comparison, Links, ProblemResult
from study.comparison.script import SCRIPT
from study.comparison.sentences import sentence, undecidable
from study.comparison.standing import Overall
from study.comparison.targets import profiles_of, times_to_target
from study.comparison.verdict import Verdict
from study.comparison.worth import HALF, SURE, champions
from study.report.html_parts import STYLE, Illustration, document, figure, grid
from study.report.text_table import format_duration

PAGE = "comparison.html"
"""Its name in the folder of the comparison."""

OWN_STYLE = """
body { max-width: 70rem; }
h3 { margin: 1.5rem 0 .3rem; font-size: 1rem; }
ul { padding-left: 1.2rem; margin: .4rem 0; }
li { margin: .35rem 0; max-width: 54rem; }
small { color: #555; }
a { color: #00527f; }
td { vertical-align: top; }
.scroll { margin: .5rem 0; }
.matrix table { border-collapse: separate; border-spacing: 0; }
.matrix th, .matrix td { padding: .3rem .55rem; }
.matrix th:first-child, .matrix td:first-child { position: sticky; left: 0; background: #fff; }
.wrapped td:last-child { white-space: normal; min-width: 20rem; }
th[aria-sort="ascending"]::after { content: " ↑"; }
th[aria-sort="descending"]::after { content: " ↓"; }
th[tabindex] { cursor: pointer; }
th:focus-visible { outline: 2px solid #0072b2; }
#highlight { margin: .5rem 0; }
#beside { position: absolute; z-index: 1; margin: 0; max-width: 22rem; padding: .5rem .7rem; font-size: .8rem;
  white-space: pre-wrap; background: #fff; border: 1px solid #555; pointer-events: none; }
#beside[hidden] { display: none; }
@media screen and (max-width: 45rem) {
  .matrix td:first-child { white-space: normal; min-width: 4rem; }
}
@page { margin: 14mm; }
@media print {
  html { font-size: 9pt; }
  body { max-width: none; padding: 0; font-size: 1rem; }
  .scroll { overflow: visible; }
  table { font-size: 6.5pt; }
  th, td { padding: .12rem .35rem; }
  .matrix th:first-child, .matrix td:first-child { position: static; }
  .front { min-width: 0; max-width: 15cm; }
  figure, tr, li { break-inside: avoid; }
  figure img { max-height: 23cm; }
  h2, h3 { break-after: avoid; }
  a { color: inherit; text-decoration: none; }
  #highlight, #beside, .folded { display: none; }
}
"""

TEMPLATE = document("""$facts
$sections
<script>$script</script>
""")

READING = (
    "Errors are those of test data, medians over all searches and seeds, the smallest in bold; a run that failed is "
    "worse than any other. "
    "Test data chose no trial, ended none and taught none.",
    "▲ better than every other baseline, ▽ worse than at least one, · undecided: the runs cannot tell. Any claim on a "
    "problem is false with a probability of 5 % at most, for all entries of that problem together, but not for all "
    "problems: Welch's test of the searches' medians in decades, or Wilcoxon's of the seeds of one search, corrected "
    "by Holm. Of few searches this takes medians in decades for about normal: where searches end in one of two places "
    "far apart, ▽ is said too often.",
    "All together: van Elteren's test, which ranks the searches' medians on each problem and adds up, corrected for "
    "all entries; it takes nothing for normal, and asks whether an entry wins on the whole, not by how much. Of one "
    "search each it is the sign test, which decides nothing on fewer than six problems.",
    "An interval holds the value for other searches with a probability of 95 %; where there was one search, for other "
    "seeds of the settings that it found. Where there is none, runs were too few.",
    "The best baseline is that of the smallest median test error on the problem, a choice that flatters the baseline. "
    "Whoever picks the best of many entries by the same errors flatters that entry.",
    "A trial's name, or a seed in the last table, is a link to its run in MLflow; one to 127.0.0.1 opens while "
    "cnn-study ui runs on this machine.",
)

WORTH = (
    f"An error is halved (ratio in bold) where the ratio of median test errors is at most {HALF:g}, and a run of the "
    f"contestant has the smaller error with a probability of at least {SURE:g}. The contestant is that of the smallest "
    "median validation error of the runs with fresh seeds, so that no test error picks it."
)

IMPROVEMENTS = (
    "How probably a run of an entry has a smaller test error than one of the problem's best other baseline, with its "
    "95 % interval; above 0.5 the entry does better."
)

GAINS = (
    "Test error of a network after its projection over that of the same network before: median and range over the runs "
    "with fresh seeds of what was chosen as trained, as far as these have an error; in bold where all of them have a "
    "smaller one than before. Projected networks are chosen by what they are worth after the projection, and so are "
    "often others in the tables above."
)

UNKNOWNS = (
    "Medians over searches and seeds; the smallest and the largest value tell how runs differ, which is no interval "
    "for the truth: what all of them get wrong alike, by errors of measurement or a wrong PDE, is not in them."
)

TARGETS = (
    "CPU seconds of training until the median search has a validation value as good as the one that the median search "
    "of the problem's best baseline ends with. Never: no trial of it came so far within its budget."
)

HYPERVOLUMES = "Square decades that an entry's points dominate, up to the largest errors of any point: more is better."


def page(
    comparison: Comparison,
    verdict: Verdict,
    *,
    illustrations: Mapping[str, Sequence[Illustration]],
    files: Sequence[str],
    links: Links,
) -> str:
    """The page; `illustrations` has plots by section, `files` are those beside it, `links` leads to MLflow's runs."""
    sections = _sections(comparison, verdict, illustrations, files, links)
    return TEMPLATE.substitute(
        name=escape(comparison.name),
        style=STYLE.lstrip() + OWN_STYLE.lstrip() + front_svg.STYLE.lstrip(),
        facts=_facts(comparison),
        sections="\n".join(sections),
        script=SCRIPT,
    )


def _facts(comparison: Comparison) -> str:
    contestants = len({entry.contestant for problem in comparison.problems for entry in problem.entries})
    budget = [some(comparison.trials, "trial")] if comparison.trials is not None else []
    budget += [f"{comparison.cpu_seconds:g} CPU seconds"] if comparison.cpu_seconds is not None else []
    lines = [
        f"{some(len(comparison.problems), 'problem')}, {some(contestants, 'contestant')}; of each "
        f"{some(comparison.studies, 'search', 'searches')} with {' and '.join(budget) or 'no bound on its budget'}, "
        f"whose best by validation data was trained again with {some(comparison.seeds, 'fresh seed')}.",
        f"Baselines: {', '.join(comparison.baselines) or 'none'}.",
        f"Errors: {'; '.join(_metrics(comparison))}.",
        f"Started {datetime.fromtimestamp(comparison.started):%Y-%m-%d %H:%M}{_took(comparison)}. "
        f"Machine: {comparison.machine}. Version: {comparison.version}.",
    ]
    facts = "\n".join(f'<p class="facts">{escape(line)}</p>' for line in lines)
    return "\n".join([facts, *(f'<p class="notice">{escape(notice)}</p>' for notice in _notices(comparison))])


def _metrics(comparison: Comparison) -> Iterator[str]:
    """What is called the error, and on which problems."""
    for metric in dict.fromkeys(problem.error for problem in comparison.problems):
        where = [problem.name for problem in comparison.problems if problem.error == metric]
        yield f"{metric} on {'all problems' if len(where) == len(comparison.problems) else ', '.join(where)}"


def _took(comparison: Comparison) -> str:
    return "" if comparison.ended is None else f", took {format_duration(comparison.ended - comparison.started)}"


def _notices(comparison: Comparison) -> Iterator[str]:
    if comparison.ended is None:
        yield "Not finished: what is missing of an entry that has begun counts as failed."
    yield from undecidable(comparison.baselines, comparison.studies, comparison.seeds, len(comparison.labels))


def _sections(
    comparison: Comparison,
    verdict: Verdict,
    illustrations: Mapping[str, Sequence[Illustration]],
    files: Sequence[str],
    links: Links,
) -> Iterator[str]:
    labels, profiles = [one.label for one in verdict.overall], profiles_of(comparison)
    yield from _verdict(comparison, verdict)
    yield "<h2>How to read this</h2>\n" + _list(list(map(escape, READING)))
    yield "<h2>Test errors</h2>"
    yield _matrix(tables.errors_table(comparison, verdict.problems, labels))
    if comparison.baselines:
        yield f'<h2>Probability of improvement</h2>\n<p class="note">{IMPROVEMENTS}</p>'
        yield _matrix(tables.improvements_table(comparison, verdict.problems, labels))
    if changed := tables.gains_table(comparison, gains(comparison), labels):
        yield f'<h2>What projecting changed</h2>\n<p class="note">{GAINS}</p>'
        yield _matrix(changed)
    if unknowns := tables.unknowns_table(comparison):
        yield f'<h2>Unknowns that were found</h2>\n<p class="note">{UNKNOWNS}</p>\n{_matrix(unknowns)}'
    yield "<h2>All problems together</h2>"
    table = overall_table(verdict.overall, profiles)
    yield _matrix(grid(table.columns, (map(escape, row) for row in table.rows)))
    if refused := tables.refused_table(comparison):
        yield f'<h2>Who did not take part</h2>\n<div class="wrapped">{refused}</div>'
    for title, plots in illustrations.items():
        yield f"<h2>{escape(title)}</h2>"
        if title == "Time to target":
            yield f'<p class="note">{TARGETS}</p>'
            yield _matrix(tables.targets_table(comparison, times_to_target(comparison), labels))
        yield from _plots(plots)
        if title == "Intervals":
            yield from _fronts(comparison, labels, links)
    yield from _folded("Chosen settings", comparison, tables.settings_table, links)
    yield from _folded("Runs behind each figure", comparison, tables.runs_table, links)
    yield (
        "<h2>Files</h2>\n<p>Every figure with all its digits, and the ids of its runs: "
        + ", ".join(f'<a href="{escape(name)}">{escape(name)}</a>' for name in files)
        + '. Plots as PNG: <a href="plots/">plots</a>.</p>'
    )


def _plots(plots: Sequence[Illustration]) -> Iterator[str]:
    """Plots by problem; a caption that all of them have stands above."""
    captions = {plot.caption for plot in plots}
    if shared := len(captions) == 1 < len(plots):
        yield f'<p class="note">{escape(captions.pop())}</p>'
    for plot in plots:
        yield f"<h3>{escape(plot.title)}</h3>\n{figure(replace(plot, caption='') if shared else plot)}"


def _verdict(comparison: Comparison, verdict: Verdict) -> Iterator[str]:
    """Whether it is worth it; then a sentence for each entry, the best of its kind first."""
    overall = verdict.overall
    of_baselines = [one for one in overall if one.label.removesuffix(PROJECTED) in comparison.baselines]
    others = [one for one in overall if one not in of_baselines]
    kinds = {
        "Constrained": [one for one in others if not comparison.is_free(one.label)],
        "Without constraints": [one for one in others if comparison.is_free(one.label)],
        "Baselines": [one for one in of_baselines if one.baseline],
        "Baselines, projected": [one for one in of_baselines if not one.baseline],
    }
    yield "<h2>Verdict</h2>"
    for line in headline(comparison, verdict):
        yield f"<p><strong>{_unbroken(line)}</strong></p>"
    if found := list(champions(comparison, verdict)):
        yield f'<p class="note">{WORTH}</p>\n{_matrix(tables.worth_table(verdict, found))}'
    for kind, among in kinds.items():
        if among:
            yield f"<h3>{kind}</h3>\n{_list(map(_quoted, among))}"


def _list(lines: Sequence[str] | Iterator[str]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{line}</li>" for line in lines) + "\n</ul>"


def _quoted(overall: Overall) -> str:
    """Its sentence, with the name in bold."""
    name = escape(overall.label)
    return f"<strong>{name}</strong>{_unbroken(sentence(overall)).removeprefix(name)}"


def _unbroken(text: str) -> str:
    """Text in which numbers stay with their signs."""
    return escape(text, quote=False).replace(" ×", "&nbsp;×").replace(" %", "&nbsp;%")


def _matrix(table: str) -> str:
    return f'<div class="matrix sortable">{table}</div>'


def _fronts(comparison: Comparison, labels: Sequence[str], links: Links) -> Iterator[str]:
    """The trade-off of each problem that has one: interactive, and a table of its Pareto set."""
    if not any(problem.trades_off for problem in comparison.problems):
        return
    yield (
        '<h2>Trade-off</h2>\n<p class="note">A point for each search: medians over its seeds. Orange squares are '
        "baselines, blue diamonds the others; open ones are projected networks. The staircase is the Pareto set. A "
        "point says its trial and settings when the mouse is over it, or with Tab and the arrow keys.</p>\n"
        '<div id="highlight"></div>'
    )
    for problem in comparison.problems:
        if drawn := front_svg.front_svg(comparison, problem, links):
            yield f'<h3>{escape(problem.name)}</h3>\n<div class="scroll">{drawn}</div>'
            yield tables.front_table(problem, links)
    yield "<h3>Hypervolumes</h3>"
    yield f'<p class="note">{HYPERVOLUMES}</p>'
    yield _matrix(tables.hypervolume_table(comparison, labels))


def _folded(
    title: str, comparison: Comparison, table: Callable[[ProblemResult, Links], str], links: Links
) -> Iterator[str]:
    yield f'<section class="folded">\n<h2>{escape(title)}</h2>'
    for problem in comparison.problems:
        name = escape(problem.name)
        yield f'<details class="wrapped"><summary>{name}</summary>\n{table(problem, links)}\n</details>'
    yield "</section>"
