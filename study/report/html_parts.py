"""What HTML pages of ours are made of: their style, tables and pictures. A page needs no other file and no network."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

from study.report.text_table import Column, TextTable

STYLE = """
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
@media screen and (max-width: 45rem) {
  body { padding: 1rem .8rem 2rem; }
  figure { overflow-x: auto; }
  figure img { max-width: none; width: 44rem; }
  figcaption { position: sticky; left: 0; max-width: calc(100vw - 2rem); }
}
"""


def document(body: str) -> Template:
    """The template of a page with this body below its title; `$name` and `$style` are filled in with the body's own."""
    return Template(f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$name</title>
<style>
$style</style>
</head>
<body>
<h1>$name</h1>
{body}</body>
</html>
""")


@dataclass(frozen=True)
class Illustration:
    """A plot with its title and caption, as the bytes of a PNG."""

    title: str
    caption: str
    png: bytes


def table(table: TextTable) -> str:
    """A table of texts with its title above and its notes below."""
    if not table.rows:
        return f"<h2>{escape(table.title)}</h2>\n<p>{escape(table.empty)}</p>"
    rows = (map(escape, row) for row in table.rows)
    notes = "\n".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    return f"<h2>{escape(table.title)}</h2>\n{grid(table.columns, rows)}\n{notes}"


def grid(columns: Sequence[Column], rows: Iterable[Iterable[str]]) -> str:
    """Rows of cells that are HTML already below the columns' headings; a wide one scrolls."""
    head = "".join(
        f'<th class="{_kind(column)}" title="{escape(column.meaning)}">{escape(column.heading)}</th>'
        for column in columns
    )
    body = "\n".join(f"<tr>{_row(row, columns)}</tr>" for row in rows)
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _row(cells: Iterable[str], columns: Sequence[Column]) -> str:
    return "".join(
        f'<td class="{_kind(column)}{" below" if cell.startswith("  ") else ""}">{cell.strip()}</td>'
        for cell, column in zip(cells, columns, strict=True)
    )


def _kind(column: Column) -> str:
    return "number" if column.numeric else "text"


def illustration(illustration: Illustration) -> str:
    """A plot below its title, with its caption."""
    return f"<h2>{escape(illustration.title)}</h2>\n{figure(illustration)}"


def figure(illustration: Illustration) -> str:
    """A plot with its caption."""
    data = base64.b64encode(illustration.png).decode("ascii")
    caption = f"<figcaption>{escape(illustration.caption)}</figcaption>\n" if illustration.caption else ""
    return f'<figure>\n<img alt="{escape(illustration.title)}" src="data:image/png;base64,{data}">\n{caption}</figure>'
