"""Tables in terminals of any width."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from study.terminal.fitting import Fitting, joined

ROWS = [("00000", "augmented-lagrangian", "1.2e-3 … 4.5e0"), ("00001", "soft", "2.5e-3")]


def table(*rows: tuple[str, ...], between: str = "\n") -> Table:
    made = Table("trial", "method", f"validation/{between}data_mse", box=None)
    for row in rows:
        made.add_row(*row)
    return made


def shown(*tables: Table, width: int, wraps: bool = False) -> list[str]:
    console = Console(file=(out := io.StringIO()), width=width)
    console.print(Fitting(*tables, wraps=wraps))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_table_with_room_is_a_table() -> None:
    lines = shown(table(*ROWS), width=60)
    assert [line.split()[0] for line in lines[-2:]] == ["00000", "00001"]


def test_the_widest_one_that_fits_is_taken() -> None:
    tables = table(*ROWS, between=""), table(*ROWS)
    assert len(shown(*tables, width=60)) == 3  # one line of headings
    assert len(shown(*tables, width=47)) == 4


def test_without_room_every_cell_has_a_line() -> None:
    assert shown(table(*ROWS), width=40) == [
        "00000",
        "  method  augmented-lagrangian",
        "  validation/data_mse  1.2e-3 … 4.5e0",
        "00001",
        "  method  soft",
        "  validation/data_mse  2.5e-3",
    ]


@pytest.mark.parametrize("width", [10, 20, 30, 40, 60, 80])
def test_no_number_is_cut(width: int) -> None:
    words = " ".join(shown(table(*ROWS), width=width)).split()
    assert {"1.2e-3", "4.5e0", "2.5e-3", "00000", "00001"} <= set(words)
    assert max(map(len, shown(table(*ROWS), width=width))) <= width


def test_values_stand_below_each_other_where_there_is_room() -> None:
    lines = shown(table(*ROWS), width=44)
    assert lines[1:3] == ["  method               augmented-lagrangian", "  validation/data_mse  1.2e-3 … 4.5e0"]


def test_a_cell_of_several_lines_has_its_heading_once() -> None:
    assert shown(table(("0", "a\nb", "")), width=20) == ["0", "  method  a", "    b"]


def test_the_last_column_may_wrap_at_words() -> None:
    text = "five methods on waves, each tuned with its share of trials"
    lines = shown(table(("0", "soft", text)), width=50, wraps=True)
    assert [line.split()[0] for line in lines if line.startswith(" 0")] == ["0"]
    assert max(map(len, lines)) <= 50 and "tuned" in " ".join(lines)


def test_headings_are_put_together_where_they_were_broken() -> None:
    assert [joined(text) for text in ("val.\nconstr.", "validation/\nconstraint_\nmse", "cost")] == [
        "val. constr.", "validation/constraint_mse", "cost",
    ]  # fmt: skip
