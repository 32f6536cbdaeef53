"""The report as one HTML page that needs no other file and no network: plots are inlined."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from string import Template

from search_spaces.space import planned
from study.analysis.findings import Analysis
from study.journal.journal import TrialStatus
from study.report.tables import counts_text
from study.report.text_table import Column, TextTable

PAGE = "report.html"
"""Its name in the folder of the report."""


@dataclass(frozen=True)
class Illustration:
    """A plot with its title and caption, as the bytes of a PNG."""

    title: str
    caption: str
    png: bytes


TEMPLATE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$name</title>
<style>
body { font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; color: #222; background: #fff;
  margin: 0 auto; max-width: 62rem; padding: 2rem 1.5rem 4rem; }
h1 { margin: 0 0 .25rem; font-size: 1.9rem; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.25rem; }
.facts { color: #555; margin: .15rem 0; }
.notice { background: #fff6e0; border-left: 4px solid #e69f00; padding: .6rem 1rem; margin: 1rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: left; white-space: nowrap; }
th { vertical-align: bottom; border-bottom: 2px solid #222; font-weight: 600; white-space: pre-line; }
td { border-bottom: 1px solid #e4e4e4; }
.number { text-align: right; }
td.below { padding-left: 2rem; color: #555; }
figure { margin: 0; }
img { max-width: 100%; height: auto; }
figcaption, .note { color: #555; font-size: .9rem; margin: .3rem 0; max-width: 46rem; }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: .85rem; line-height: 1.4; }
summary { cursor: pointer; }
</style>
</head>
<body>
<h1>$name</h1>
$facts
$tables
$plots
<h2>Files</h2>
<p>Every value of these tables with all digits: $files; every trial with its settings and metrics:
<a href="trials.csv">trials.csv</a>.</p>
<details><summary>Study file</summary><pre>$study_file</pre></details>
</body>
</html>
""")


def page(
    name: str,
    analysis: Analysis,
    *,
    tables: Sequence[TextTable],
    illustrations: Sequence[Illustration],
    files: Sequence[str],
    study_file: str,
) -> str:
    """The report of the study `name` as HTML; `files` are those beside it that hold its tables."""
    return TEMPLATE.substitute(
        name=escape(name),
        facts=_facts(analysis),
        tables="\n".join(map(_table, tables)),
        files=", ".join(f'<a href="{name}">{name}</a>' for name in files),
        plots="\n".join(map(_illustration, illustrations)) if analysis.records else "",
        study_file=escape(study_file),
    )


def _facts(analysis: Analysis) -> str:
    study = analysis.study
    objectives = " and ".join(f"{name} ({mode})" for name, mode in study.objectives.items())
    lines = [
        f"Problem {study.problem.name}, network {study.network.name}. Objectives: {objectives}. "
        f"Sampler {study.tune.sampler}, scheduler {study.tune.scheduler.name}.",
        f"{counts_text(analysis)}. {_when(analysis)}",
    ]
    facts = "\n".join(f'<p class="facts">{escape(line)}</p>' for line in lines)
    records = analysis.records.values()
    if not records:
        return facts + '\n<p class="notice">No trial has started yet.</p>'
    running = any(record.status is TrialStatus.RUNNING for record in records)
    if running or len(records) < planned(study):
        return facts + '\n<p class="notice">Not finished: the study is running, or was stopped before its end.</p>'
    return facts


def _when(analysis: Analysis) -> str:
    records = analysis.records.values()
    if not records:
        return ""
    start = min(record.started for record in records)
    end = max(record.ended or record.started for record in records)
    started = datetime.fromtimestamp(start)
    return f"Started {started:%Y-%m-%d %H:%M}, {_duration(end - start)} until the last trial ended."


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _table(table: TextTable) -> str:
    if not table.rows:
        return f"<h2>{escape(table.title)}</h2>\n<p>{escape(table.empty)}</p>"
    head = "".join(
        f'<th class="{_kind(column)}" title="{escape(column.meaning)}">{escape(column.heading)}</th>'
        for column in table.columns
    )
    body = "\n".join(f"<tr>{_row(row, table.columns)}</tr>" for row in table.rows)
    notes = "\n".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    return (
        f'<h2>{escape(table.title)}</h2>\n<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>\n{notes}"
    )


def _row(cells: Sequence[str], columns: Sequence[Column]) -> str:
    return "".join(
        f'<td class="{_kind(column)}{" below" if cell.startswith("  ") else ""}">{escape(cell.strip())}</td>'
        for cell, column in zip(cells, columns, strict=True)
    )


def _kind(column: Column) -> str:
    return "number" if column.numeric else "text"


def _illustration(illustration: Illustration) -> str:
    data = base64.b64encode(illustration.png).decode("ascii")
    return (
        f"<h2>{escape(illustration.title)}</h2>\n<figure>\n"
        f'<img alt="{escape(illustration.title)}" src="data:image/png;base64,{data}">\n'
        f"<figcaption>{escape(illustration.caption)}</figcaption>\n</figure>"
    )
