"""Where the seconds of a trial went, by the clock: sections of its training, the rest of that, and projection."""

from collections.abc import Mapping

from cnn_core.clock import SECTIONS

OTHER, PROJECTING = "other", "projection"

PARTS = (*SECTIONS, OTHER, PROJECTING)
"""In the order in which they are shown."""


def sections_of(metrics: Mapping[str, float | str]) -> dict[str, float]:
    """Seconds of a trial with these metrics by section; all 0 where none were measured."""
    found = {name: float(metrics.get(f"time/{name}_s", 0.0)) for name in (*SECTIONS, PROJECTING)}
    known = sum(found[name] for name in SECTIONS)
    return found | {OTHER: max(0.0, float(metrics.get("time/train_s", 0.0)) - known)}
