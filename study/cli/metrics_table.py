"""The metrics of one trial as a table for people: errors by split, and below them everything else."""

from collections.abc import Mapping

from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from cnn_core.metrics import METRICS
from study.analysis.variants import MISSED, PROJECTED
from study.report.tables import MISSED_MARK

SPLITS = ("train", "validation", "test", "projected/validation", "projected/test")

ANY_WIDTH = 10_000


def metrics_table(metrics: Mapping[str, float | str], console: Console) -> Group:
    """Errors with a column for every split they were measured on; below, everything else.

    Where that is too wide for the console, every error has a line: a number is never cut.
    """
    splits = [split for split in SPLITS if f"{split}/{METRICS[0]}" in metrics]
    notes = _notes(metrics)
    marks = {split: MISSED_MARK if notes and split.startswith(PROJECTED) else "" for split in splits}
    headings = [split.replace("/", "\n") + marks[split] for split in splits]
    table = Table("", *headings, box=None, header_style="bold")
    for metric in METRICS:
        table.add_row(metric, *(_shown(metrics[f"{split}/{metric}"]) for split in splits))
    others = {name: value for name, value in sorted(metrics.items()) if name.rpartition("/")[0] not in splits}
    if Measurement.get(console, console.options.update(max_width=ANY_WIDTH), table).maximum > console.width:
        names = [(f"{split}/{metric}", marks[split]) for split in splits for metric in METRICS]
        table = _lines({name + mark: metrics[name] for name, mark in names})
    return Group(table, *notes, "", _lines(others))


def _notes(metrics: Mapping[str, float | str]) -> list[Text]:
    """What the errors after a projection do not say themselves."""
    if metrics.get("projection/status") not in MISSED or metrics.get("projection/accepted") == 0:
        return []
    return [Text(f"{MISSED_MARK} with a projection that did not meet its tolerance on every wave")]


def _lines(metrics: Mapping[str, float | str]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", min_width=max((len(_shown(value)) for value in metrics.values()), default=0))
    for name, value in metrics.items():
        table.add_row(name, _shown(value))
    return table


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
