"""A study whose problem is a file of the user's."""

import sys
from dataclasses import replace
from pathlib import Path

from search_spaces import sources
from search_spaces.schema import ProblemChoice, Study
from tests.study.small_study import small_study

BEFORE = (
    "from cnn_core.problems import helmholtz\nfrom tide_scale import SCALE\n\ndef tides():\n    return helmholtz()\n"
)


def own_study(folder: Path) -> Study:
    """The study of a problem in this folder, which is a place where modules are found."""
    (folder / "tide_scale.py").write_text("SCALE = 1.0\n", encoding="utf-8")
    write(folder, BEFORE)
    return replace(small_study(), problem=ProblemChoice("tide_waves:tides"))


def write(folder: Path, text: str) -> None:
    """Change the module, and forget it as a new process would have."""
    (folder / "tide_waves.py").write_text(text, encoding="utf-8")
    for name in ("tide_waves", "tide_scale"):
        sys.modules.pop(name, None)
    sources._sources.cache_clear()
