"""The report as one HTML page that needs no other file and no network: plots are inlined."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from study.analysis.findings import Analysis
from study.journal.budget import Budget
from study.journal.events import TrialStatus
from study.report.html_parts import STYLE, Illustration, document, illustration, table
from study.report.tables import counts_text
from study.report.text_table import TextTable, format_duration

PAGE = "report.html"
"""Its name in the folder of the report."""

TEMPLATE = document("""$facts
$tables
$plots
<h2>Files</h2>
<p>Every value of these tables with all digits: $files; every trial with its settings and metrics:
<a href="trials.csv">trials.csv</a>.</p>
<details><summary>Study file</summary><pre>$study_file</pre></details>
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
        style=STYLE.lstrip(),
        facts=_facts(analysis),
        tables="\n".join(map(table, tables)),
        files=", ".join(f'<a href="{name}">{name}</a>' for name in files),
        plots="\n".join(map(illustration, illustrations)) if analysis.records else "",
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
    if running or len(records) < Budget(study, analysis.records).at_most():
        return facts + '\n<p class="notice">Not finished: the study is running, or was stopped before its end.</p>'
    return facts


def _when(analysis: Analysis) -> str:
    records = analysis.records.values()
    if not records:
        return ""
    start = min(record.started for record in records)
    end = max(record.ended or record.started for record in records)
    started = datetime.fromtimestamp(start)
    return f"Started {started:%Y-%m-%d %H:%M}, {format_duration(end - start)} until the last trial ended."
