"""What a terminal says of a comparison."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from study.comparison.summary import print_verdict
from tests.study.comparison.made_up import around, comparison, entry, problem


def printed(width: int) -> list[str]:
    entries = (entry("soft", around(1.0)), entry("augmented-lagrangian-pi + projection", around(0.1)))
    refusing = replace(problem("flow", entries[0]), refused={"augmented-lagrangian-pi": "no data; write problem.data"})
    console = Console(file=StringIO(), width=width)
    print_verdict(console, comparison(problem("waves", *entries), refusing))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "headings"), [(80, False), (120, True)])
def test_a_row_for_each_entry_fits_the_terminal(width: int, headings: bool) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    rows = {line.partition("  ")[0]: line for line in lines}
    assert {"soft", "augmented-lagrangian-pi + projection"} <= {name.strip() for name in rows}
    assert ("interval" in "".join(lines)) is headings


def test_who_is_absent_is_said_without_what_one_would_write() -> None:
    assert "does not take part in flow (no data)" in " ".join(line.strip() for line in printed(200))
