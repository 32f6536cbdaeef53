"""Names of parameters as MLflow takes them. One that it would refuse becomes another, always the same."""

import posixpath
import re
from zlib import crc32

UNFIT = re.compile(r"[^\w/.\- :]")
LONGEST = 250


def fit(name: str) -> str:
    """The name itself, or a similar one that MLflow takes and no other name gets: `λ [1/s]` → `λ _1/s_ 0a1b2c3d`."""
    similar = UNFIT.sub("_", name)
    if similar == name and len(name) <= LONGEST and _is_a_path(name):
        return name
    if not _is_a_path(similar):
        similar = re.sub(r"[/.]", "_", similar)
    return f"{similar[: LONGEST - 9]} {crc32(name.encode()):08x}".lstrip()


def _is_a_path(name: str) -> bool:
    """Whether it is a path inside a folder, written in the usual way: some of MLflow's stores keep names as files."""
    return posixpath.normpath(name) == name and not name.startswith(("/", "..")) and name != "."
