"""What a terminal says of a comparison."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from study.comparison.summary import print_verdict
from study.comparison.verdict import judge
from tests.study.comparison.made_up import around, comparison, entry, problem


def printed(width: int) -> list[str]:
    entries = (
        entry("soft", around(1.0)),
        entry("batch", around(0.5)),
        entry("augmented-lagrangian-pi + projection", around(0.1)),
    )
    refused = dict.fromkeys(("augmented-lagrangian-pi", "batch"), "no data; write problem.data")
    refusing = replace(problem("flow", entries[0]), refused=refused)
    console = Console(file=StringIO(), width=width)
    made = comparison(problem("waves", *entries), refusing)
    print_verdict(console, made, judge(made))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "headings"), [(80, False), (120, True)])
def test_a_row_for_each_entry_fits_the_terminal(width: int, headings: bool) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    rows = {line.partition("  ")[0]: line for line in lines}
    assert {"soft", "augmented-lagrangian-pi + projection"} <= {name.strip() for name in rows}
    assert ("interval" in "".join(lines)) is headings


def test_who_is_absent_is_said_without_what_one_would_write() -> None:
    told = [line for line in printed(200) if "absent" in line]
    assert told == ["augmented-lagrangian-pi + projection, batch: absent from flow (no data)."]
