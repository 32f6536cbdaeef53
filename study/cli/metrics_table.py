"""The metrics of one trial as tables for people: errors by split, unknowns, and below them everything else."""

from collections.abc import Mapping, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cnn_core.metrics import METRICS
from search_spaces.measured import FIT
from study.analysis.measured import (
    MEAN_SQUARE,
    NOISE,
    OFF,
    UNFIT,
    UNKNOWN,
    as_projected,
    conditions_in,
    moved_unknowns,
    unfitted,
    unknowns_in,
)
from study.analysis.variants import MISSED, PROJECTED, at_points_alone
from study.report.tables import MISSED_MARK
from study.terminal.fitting import Fitting

SPLITS = ("train", "validation", "test", "projected/train", "projected/validation", "projected/test")

FOUND = f"{PROJECTED}{UNKNOWN}"
"""How the metrics of unknowns begin that a projection has moved."""

RANDOM = ("train/", "validation/", "test/")
"""How the errors of networks begin that nothing has projected."""

Metrics = Mapping[str, float | str]


def metrics_table(metrics: Metrics, *, trains: bool = True) -> Group:
    """Errors with a column for every split that has some; then unknowns, if there are any; below, everything else.

    Of a trial that `trains` nothing, what was measured of random parameters is left out.
    """
    metrics = metrics if trains else _of_solution(metrics)
    splits = [split for split in SPLITS if any(name.rpartition("/")[0] == split for name in metrics)]
    notes = _notes(metrics)
    unknowns = unknowns_in(as_projected(metrics))
    others = Table(box=None, show_header=False, pad_edge=False)
    for name in sorted(metrics):
        shown_above = name.rpartition("/")[0] in splits or (unknowns and name.startswith((UNKNOWN, FOUND)))
        if not shown_above and not (name.startswith("time/") and metrics[name] == 0):  # what was not done took no time
            others.add_row(name, _shown(metrics[name]))
    errors = Fitting(_errors(metrics, splits, mark=MISSED_MARK if notes else ""))
    found = [_unknowns(metrics, unknowns)] if unknowns else []
    return Group(errors, *notes, *found, *_fit(metrics), "", Fitting(others))


def _of_solution(metrics: Metrics) -> Metrics:
    """What does not say something of random parameters, or of unknowns before they moved."""
    left_out = (*RANDOM, UNKNOWN) if moved_unknowns(metrics) else RANDOM
    return {name: value for name, value in metrics.items() if not name.startswith(left_out)}


def _errors(metrics: Metrics, splits: Sequence[str], *, mark: str) -> Table:
    """The usual errors, and the mean square of each equation and condition behind their sum; without empty rows."""
    headings = [split.replace("/", "/\n") + (mark if split.startswith(PROJECTED) else "") for split in splits]
    table = Table("", *headings, box=None, header_style="bold")
    each = dict.fromkeys(f"{name}{MEAN_SQUARE}" for split in splits for name in conditions_in(metrics, split))
    place = METRICS.index("constraint_mse") + 1
    for metric in (*METRICS[:place], *each, *METRICS[place:]):
        values = [metrics.get(f"{split}/{metric}") for split in splits]
        if any(value is not None for value in values):
            table.add_row(f"  {metric}" if metric in each else metric, *map(_shown, values))
    return table


def _unknowns(metrics: Metrics, names: Sequence[str]) -> Group:
    """The values found and, where the true ones are known, how far off they are."""
    moved = moved_unknowns(metrics)
    kinds = {"as trained": UNKNOWN, "as projected": FOUND}
    columns = {heading: kind for heading, kind in kinds.items() if any(f"{kind}{name}" in metrics for name in names)}
    *_, last = columns.values()
    known = any(f"{last}{name}{OFF}" in metrics for name in names)
    columns = columns if len(columns) > 1 else {"value": last}
    table = Table("unknown", *columns, *(["relative error"] if known else []), box=None, header_style="bold")
    for name in names:
        error = [_shown(metrics.get(f"{last}{name}{OFF}"))] if known else []
        table.add_row(name, *(_shown(metrics.get(f"{kind}{name}")) for kind in columns.values()), *error)
    projected = any(name.startswith(PROJECTED) for name in metrics)
    return Group(
        "",
        Fitting(table),
        *([Text("A projection leaves them as they are.", style="dim")] if projected and not moved else []),
    )


def _fit(metrics: Metrics) -> list[Text]:
    """What the errors of measurement say of a network that does not fit the data that it learned from."""
    sought = FIT in metrics
    metrics = as_projected(metrics) if sought else metrics
    if (times := unfitted(metrics)) is None:
        return []
    noise = _shown(metrics[f"{NOISE}train"])
    doubt = ", and unknowns that it found are not to be trusted" if unknowns_in(metrics) else ""
    return [
        Text(""),
        Text(
            f"{FIT if sought else 'train/data_mse'} is {times:.3g} times what errors of measurement leave ({noise}): "
            f"{UNFIT}{doubt}",
            style="bold",
        ),
    ]


def _notes(metrics: Metrics) -> list[Text]:
    """What the errors after a projection do not say themselves."""
    if metrics.get("projection/accepted") == 0:
        return []
    on, off = (float(metrics.get(f"projection/residual_{where}", 0.0)) for where in ("on", "off"))
    notes = []
    if metrics.get("projection/status") in MISSED:
        notes.append(f"{MISSED_MARK} with a projection that did not meet its tolerance on every wave")
    if at_points_alone(metrics):
        notes.append(f"{MISSED_MARK} residual between the projection's points {off:.1e}, at them {on:.1e}: take more")
    return [Text(note) for note in notes]


def _shown(value: float | str | None) -> str:
    return "–" if value is None else value if isinstance(value, str) else f"{value:.4g}"
