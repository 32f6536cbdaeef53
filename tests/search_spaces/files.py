"""A small valid study file to change, and its error."""

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_spaces.load import StudyFileError, load_study
from search_spaces.schema import Study
from search_spaces.space import new_points

shipped = lru_cache(load_study)
"""A shipped study. Checking one takes seconds: each is checked once."""

WAVES = {"frequency": [1.0], "phase": [0.0]}

SMALL: Mapping[str, Any] = {
    "study": "small",
    "problem": {"name": "helmholtz"},
    "data": {
        "train": {"amplitude": [1.0, 2.0], **WAVES, "points": 4},
        "validation": {"amplitude": [1.2], **WAVES, "points": 5, "sampling": "uniform"},
        "test": {"amplitude": [1.5], **WAVES, "points": 6, "sampling": "uniform"},
    },
    "network": {"name": "modulated", "widths": [4]},
    "training": {"method": {"name": "soft"}, "epochs": 5},
}

HEAT: dict[str, Any] = {
    "problem": {"name": "heat"},
    "data": {
        name: {"diffusivity": [value], "points": {"interior": 4, "initial": 2, "boundary": 2}}
        for name, value in (("train", 0.1), ("validation", 0.2), ("test", 0.3))
    },
}
"""What to change for a problem with conditions on regions."""


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """SMALL with the changes: `block.key` → value. What follows `search:` or `objectives:` is one key."""
    raw = copy.deepcopy(dict(SMALL))
    for path, value in changes.items():
        keys = path.split(":") if ":" in path else path.split(".")
        node = raw
        for key in keys[:-1]:
            node = node.setdefault(key, {})
        node[keys[-1]] = copy.deepcopy(value)
    return raw


def write(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """The file quick.yaml with SMALL and the changes."""
    path = folder / "quick.yaml"
    path.write_text(yaml.safe_dump(changed(changes or {}), sort_keys=False), encoding="utf-8")
    return path


def load(folder: Path, changes: Mapping[str, Any] | None = None, overrides: Mapping[str, Any] | None = None) -> Study:
    return load_study(write(folder, changes), overrides or {})


def without_edition(path: Path) -> dict[str, Any]:
    """Make what a study wrote a file of before there were editions; what it says."""
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    del written["edition"]
    path.write_text(yaml.safe_dump(written), encoding="utf-8")
    return written


def grid(study: Study) -> list[dict[str, Any]]:
    """Every combination of listed values, without those that differ in inactive parameters only."""
    return [values for _, values in new_points(study, set(), {})]


def error_of(folder: Path, changes: Mapping[str, Any] | None = None, overrides: Mapping[str, Any] | None = None) -> str:
    """The one-line error of loading SMALL with the changes, behind the file's name, which must come first."""
    with pytest.raises(StudyFileError) as caught:
        load(folder, changes, overrides)
    source, message = str(caught.value).split(": ", 1)
    assert "\n" not in message
    assert source in ("quick.yaml", "quick.yaml with the settings given")
    return message
