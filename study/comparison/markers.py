"""The markers of entries in matplotlib's plots, and what a legend says of them."""

from typing import Any

from matplotlib.lines import Line2D

from study.comparison.looks import BASELINE, entry_look, face
from study.comparison.result import PROJECTED, Comparison
from study.report.plot_style import legend_handle


def marker_style(comparison: Comparison, label: str) -> dict[str, Any]:
    """How an entry's marker is drawn."""
    look = entry_look(comparison, label)
    return {"marker": look.marker, "color": look.colour, "markerfacecolor": face(look, label)}


def kind_handles(comparison: Comparison) -> list[Line2D]:
    """Legend entries of the looks that entries of this comparison have."""
    styles = {_kind(comparison, label): marker_style(comparison, label) for label in comparison.labels}
    return [legend_handle(kind, linestyle="none", **style) for kind, style in styles.items()]


def _kind(comparison: Comparison, label: str) -> str:
    other = "without constraints" if comparison.is_free(label) else "constrained"
    kind = "baseline" if entry_look(comparison, label) is BASELINE else other
    return f"{kind}{PROJECTED}" if label.endswith(PROJECTED) else kind
