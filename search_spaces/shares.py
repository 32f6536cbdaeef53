"""Shares of a file's rows: `share: [a, b]` is what lies from a·N to b·N of N rows, in one order for all.

The order is drawn from the points themselves: each row's place is a hash of its point (x, p). So it is the same on
every machine, whatever order the rows have in the file; values that are mended leave it as it is; and the rows of one
point stand together, and no share ends among them: what is validated was not trained on.
"""

import math
from collections.abc import Mapping
from hashlib import blake2b
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np

from search_spaces.errors import StudyFileError

Order = Literal["random", "file"]
Share = tuple[float, float]

BYTES = 8
"""Of a hash: among 10⁶ points, two have the same with a chance of 3e-8, and then merely stay together."""


def keys_of(points: np.ndarray, order: Order) -> np.ndarray:
    """What to sort rows by: (N, D + K) float64 → (N,) uint64, the same for the same point; 0, 1, 2, … for `file`.

    0.0 and -0.0 are different.
    """
    if order == "file":
        return np.arange(len(points), dtype=np.uint64)
    raw = np.ascontiguousarray(points, dtype="<f8").tobytes()
    width = points.shape[1] * BYTES
    hashes = (blake2b(raw[at : at + width], digest_size=BYTES).digest() for at in range(0, len(raw), width))
    return np.fromiter((int.from_bytes(one, "little") for one in hashes), dtype=np.uint64, count=len(points))


def part(keys: np.ndarray, share: Share) -> slice:
    """The rows of a share, of rows sorted by their keys. Raises StudyFileError where none is left."""
    low, high = share
    if not 0 <= low < high <= 1:  # nor nan
        raise StudyFileError(f"share is {_shown(share)}; write two numbers from 0 to 1, the smaller one first")
    found = slice(_cut(keys, low), _cut(keys, high))
    if found.start == found.stop:
        alone = len(np.unique(keys))
        raise StudyFileError(
            f"share {_shown(share)} holds none of the {len(keys)} rows ({alone} different points); write a larger share"
        )
    return found


def _cut(keys: np.ndarray, fraction: float) -> int:
    """Where a share ends: where its fraction says, or at the nearer end of the rows of one point."""
    here = round(fraction * len(keys))
    if here == len(keys):
        return here
    first, behind = (int(np.searchsorted(keys, keys[here], side)) for side in ("left", "right"))
    return first if here - first <= behind - here else behind


def require_disjoint(shares: Mapping[str, tuple[Path, Share, Order]]) -> None:
    """Raises StudyFileError where two splits (name → file, share, order) have rows of a file in common."""
    for (one, (path, share, order)), (other, (path_too, share_too, order_too)) in combinations(shares.items(), 2):
        if path.resolve() != path_too.resolve():
            continue
        if order != order_too:
            raise StudyFileError(
                f"{one} and {other} read {path.name} in the orders {order} and {order_too}, "
                f"so that they may have rows in common; write the same order for both"
            )
        if max(share[0], share_too[0]) < min(share[1], share_too[1]):
            raise StudyFileError(
                f"{one} and {other} have rows of {path.name} in common: the shares {_shown(share)} and "
                f"{_shown(share_too)} overlap; write shares that only touch, as [0.0, 0.6] and [0.6, 1.0]"
            )


def _shown(share: Share) -> str:
    return f"[{', '.join(str(float(end)) if math.isfinite(end) else str(end) for end in share)}]"
