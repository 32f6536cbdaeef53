"""A table of texts, and how its numbers are written."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnn_core.metrics import WORST


@dataclass(frozen=True)
class Column:
    """A column: its heading's lines, what it means, and whether it is numeric, which stands at the right."""

    heading: str
    meaning: str
    numeric: bool = True


@dataclass(frozen=True)
class TextTable:
    """A table of texts, with notes below it. `empty` stands in the place of no rows."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]
    empty: str


METHOD = Column("method", "training method; below it its networks after projection", numeric=False)


def format_error(value: float | None) -> str:
    """Two digits and a short exponent: 1.2e-3. The worst value is called by its name."""
    return _short(value, ".1e")


def one_digit(value: float | None) -> str:
    """The same in one digit: 1e-3, where there is no room for more."""
    return _short(value, ".0e")


def _short(value: float | None, form: str) -> str:
    if value is None:
        return "–"
    if abs(value) >= WORST / 2:
        return "worst"
    mantissa, exponent = format(value, form).split("e")
    return f"{mantissa}e{int(exponent)}"


def format_value(value: float | None) -> str:
    """A value in its own right, in four digits."""
    return "–" if value is None else f"{value:.4g}"


def format_duration(seconds: float) -> str:
    """In hours, minutes and seconds, as far as one looks at them."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
