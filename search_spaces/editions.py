"""Editions of the defaults: a study that began with those of before goes on with them.

A study's own file spells out every setting of what stands in it, but not those of variants that its search or its
contestants choose by name. These take the defaults of the study's `edition`, which a new study file need not write.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from search_spaces.blocks import read
from search_spaces.schema import EDITION, Study

BEFORE_EDITIONS = 1
"""Of the files that studies wrote when there was but one."""

KEYS = {field.name for field in fields(Study)} - {"edition"}
"""A file that has them all was written by a study; nobody else spells everything out."""


@dataclass(frozen=True)
class Change:
    """What a variant of `training.method` took until an edition, where nobody gave it."""

    edition: int
    method: str
    before: Mapping[str, Any]


CHANGES = (
    Change(2, "batch", {"gain": 1.0, "damping": 0.0}),
    Change(2, "null-space", {"damping": 0.0}),
)
"""In the order of their editions."""


def read_study(raw: Mapping[str, Any], edition: int | None = None) -> Study:
    """The study that a mapping describes, with the defaults of its edition. Raises StudyFileError.

    Where it says none, it has this one; else the latest, unless a study wrote it, which then was before editions.
    """
    own = edition or (BEFORE_EDITIONS if raw.keys() >= KEYS else EDITION)
    return read(Study, _spelled_out({"edition": own, **raw}))


def _spelled_out(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The mapping with those settings written into it that another edition has changed since its own."""
    edition, training = raw["edition"], raw.get("training")
    method = training.get("method") if isinstance(training, dict) else None
    if not isinstance(edition, int) or not isinstance(training, dict) or not isinstance(method, dict):
        return raw
    for change in CHANGES:
        if change.edition > edition and change.method == method.get("name"):
            method = {**change.before, **method}
    return {**raw, "training": {**training, "method": method}}
