"""Studies: trials, the search among them, and what was found. `load_trial` is for using that in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from study.prediction.trained import TrainedNetwork

__all__ = ["load_trial"]


def load_trial(path: str | Path, *, device: str = "cpu") -> TrainedNetwork:
    """The network of a trial, from its folder: `runs/NAME/trials/00003`, that of `trial --save`, or MLflow's copy.

    Raises ValueError, one line, where there is none, or it cannot be used.
    """
    from study.prediction import load  # torch takes seconds, and not everybody who imports `study` needs it

    return load.load_trial(path, device=device)
