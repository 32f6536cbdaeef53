"""The metrics of one trial as a table for people: errors by split, and below them everything else."""

from collections.abc import Mapping

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cnn_core.metrics import METRICS
from study.analysis.variants import MISSED, PROJECTED
from study.report.tables import MISSED_MARK
from study.terminal.fitting import Fitting

SPLITS = ("train", "validation", "test", "projected/validation", "projected/test")


def metrics_table(metrics: Mapping[str, float | str]) -> Group:
    """Errors with a column for every split they were measured on; below, everything else."""
    splits = [split for split in SPLITS if f"{split}/{METRICS[0]}" in metrics]
    notes = _notes(metrics)
    marks = {split: MISSED_MARK if notes and split.startswith(PROJECTED) else "" for split in splits}
    headings = [split.replace("/", "/\n") + marks[split] for split in splits]
    table = Table("", *headings, box=None, header_style="bold")
    for metric in METRICS:
        table.add_row(metric, *(_shown(metrics[f"{split}/{metric}"]) for split in splits))
    others = Table(box=None, show_header=False, pad_edge=False)
    for name in sorted(metrics):
        if name.rpartition("/")[0] not in splits:
            others.add_row(name, _shown(metrics[name]))
    return Group(Fitting(table), *notes, "", Fitting(others))


def _notes(metrics: Mapping[str, float | str]) -> list[Text]:
    """What the errors after a projection do not say themselves."""
    if metrics.get("projection/status") not in MISSED or metrics.get("projection/accepted") == 0:
        return []
    return [Text(f"{MISSED_MARK} with a projection that did not meet its tolerance on every wave")]


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
