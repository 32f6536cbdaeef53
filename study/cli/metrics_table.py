"""The metrics of one trial as a table for people: errors by split, and below them everything else."""

from collections.abc import Mapping

from rich.console import Group
from rich.table import Table

from cnn_core.metrics import METRICS

SPLITS = ("train", "validation", "test", "projected/validation", "projected/test")


def metrics_table(metrics: Mapping[str, float | str]) -> Group:
    """Errors with a column for every split they were measured on; below, everything else."""
    splits = [split for split in SPLITS if f"{split}/{METRICS[0]}" in metrics]
    table = Table("", *(split.replace("/", "\n") for split in splits), box=None, header_style="bold")
    for metric in METRICS:
        table.add_row(metric, *(_shown(metrics[f"{split}/{metric}"]) for split in splits))
    others = Table(box=None, show_header=False)
    for name, value in sorted(metrics.items()):
        if name.rpartition("/")[0] not in splits:
            others.add_row(name, _shown(value))
    return Group(table, "", others)


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
