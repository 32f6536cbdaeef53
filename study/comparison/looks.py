"""How entries look: two colours tell baselines from the others, an open marker is a projected network.

Two dozen entries have no two dozen colours that anybody could tell apart. They are told apart by their names, which
stand beside them or above a panel of their own.
"""

from study.comparison.result import PROJECTED, Comparison
from study.report.looks import METHOD_LOOKS, Look

BASELINE, OTHER = METHOD_LOOKS["soft"], METHOD_LOOKS["batch"]
"""Orange squares, and blue diamonds."""

BACKGROUND = "#d0d0d0"
"""Of all other entries, behind the one that a panel is about."""


def entry_look(comparison: Comparison, label: str) -> Look:
    """The look of an entry: that of its contestant, whether projected or not."""
    return BASELINE if label.removesuffix(PROJECTED) in comparison.baselines else OTHER


def face(look: Look, label: str) -> str:
    """What a marker is filled with."""
    return "white" if label.endswith(PROJECTED) else look.colour
