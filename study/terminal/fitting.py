"""Tables that fit the terminal: no digit of a number is cut, and no two names become the same."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

ANY_WIDTH = 10_000

FEWEST_COLUMNS = 30
"""Of the terminal, for a text that is wrapped."""


class Fitting:
    """The first of some tables, the widest one first, that the terminal has room for.

    Where none fits, the cells of the last stand below each other, each behind its column's heading, row by row: as
    text, which a terminal of any width can wrap. In a table that `wraps`, the last column may have less room than it
    asks for.
    """

    def __init__(self, *tables: Table, wraps: bool = False) -> None:
        self.tables, self.wraps = tables, wraps
        if wraps:
            for column in (column for table in tables for column in table.columns[:-1]):
                column.no_wrap = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        fitting = (table for table in self.tables if self._width(console, table) <= options.max_width)
        if (table := next(fitting, None)) is not None:
            yield table
        else:
            yield from _lines(self.tables[-1], options.max_width)

    def _width(self, console: Console, table: Table) -> int:
        """How many columns of the terminal a table needs."""
        options = console.options.update(max_width=ANY_WIDTH)
        needed = Measurement.get(console, options, table).maximum
        if not self.wraps:
            return needed
        last = max((Measurement.get(console, options, cell).maximum for cell in table.columns[-1].cells), default=0)
        return needed - max(0, last - FEWEST_COLUMNS)


def joined(heading: str) -> str:
    """A heading of several lines as one; it was broken at spaces, and inside of words behind / and _."""
    text = ""
    for line in heading.split("\n"):
        text += line if not text or text[-1] in "/_" else f" {line}"
    return text


def _lines(table: Table, room: int) -> Iterator[RenderableType]:
    headings = [joined(str(column.header)) for column in table.columns]
    widest = max(map(len, headings[1:]), default=0)
    widest = widest if 2 * (widest + 2) < room else 0  # values below each other need room beside the headings
    for first, *others in zip(*(column.cells for column in table.columns), strict=True):
        yield _text(first)
        for heading, cell in zip(headings[1:], others, strict=True):
            for line in _text(cell).split("\n"):
                if line.plain.strip():
                    yield Padding(
                        Text.assemble((f"{heading:<{widest}}", "dim"), "  ", line), (0, 0, 0, 2), expand=False
                    )
                    heading = ""


def _text(cell: RenderableType) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))
