"""How far studies are, on the terminal."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from study.progress.status import studies_table, trials_table


def show(directories: Iterable[Path], *, trials: bool) -> None:
    """Print a line for each of these studies, or for each of their trials."""
    for table in map(trials_table, directories) if trials else [studies_table(directories)]:
        Console().print(table)
