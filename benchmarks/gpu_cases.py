"""What `benchmarks.gpu` measures: the cases, in their order, and about how long each takes."""

from collections.abc import Iterator
from dataclasses import dataclass

from cnn_core.methods import Batch, Method, NullSpace, Soft

METHODS: dict[str, Method] = {"soft": Soft(), "batch": Batch(damping=1e-6), "null-space": NullSpace(damping=1e-6)}
WAYS = {
    "eager": (False, False), "compiled": (True, False), "recorded": (False, True), "compiled, recorded": (True, True),
}  # fmt: skip
"""(compile, record)."""

SECONDS = {"step": 3.0, "launches": 4.0, "agreement": 5.0, "pack": 10.0, "projection": 15.0, "processes": 45.0}
COMPILING = 45.0
"""Estimates of what a case takes on an H100, and of what compiling adds."""


@dataclass(frozen=True)
class Case:
    """What a row measures. `aim` is what is hoped for on an H100."""

    what: str
    method: str = "soft"
    batch: int = 1000
    width: int = 50
    dtype: str = "float32"
    way: str = "eager"
    count: int = 1
    aim: str = ""

    @property
    def expected(self) -> float:
        """Seconds that it takes, estimated."""
        return SECONDS[self.what] + (COMPILING if "compiled" in self.way else 0.0)


def cases(*, quick: bool, small: bool) -> Iterator[Case]:
    """All that is measured, the most telling first, but what compiles last; `small` is what a CPU can do."""
    batch, many = (100, (1, 4)) if small else (1000, (1, 64) if quick else (1, 4, 16, 64))
    yield Case("step", batch=batch)
    yield Case("step", batch=batch, way="recorded", aim="0.3 ms, and a tenth of eager, at batch 1000")
    for method in ("batch", "null-space"):
        yield Case("step", method, batch)
        yield Case("step", method, batch, way="recorded", aim="batch: 3 times soft, at batch 1000")
    for method in METHODS:
        yield Case("agreement", method, 100, dtype="float64", way="recorded", aim="1e-9")
    for way in ("eager", "recorded"):
        yield Case("launches", batch=batch, way=way)
    for count in many:
        yield Case("pack", batch=batch, way="recorded", count=count, aim="64: 30 times one" if count == 64 else "")
    yield Case("projection", batch=batch, way="one by one", count=2)
    for count in (2,) if small else (64,) if quick else (4, 16, 64):
        yield Case("projection", batch=batch, way="stacked", count=count)
    if not quick:
        for count in (1, 2) if small else (1, 4, 16):
            yield Case("processes", batch=batch, way="recorded", count=count)
        for count in many:
            yield Case("pack", batch=batch, count=count)
        yield from _further(batch, small=small)
    yield Case("step", batch=batch, way="compiled, recorded", aim="0.3 ms, at batch 1000")
    if not quick:
        yield Case("step", batch=batch, way="compiled")
        for method in ("batch", "null-space"):
            yield Case("step", method, batch, way="compiled, recorded")


def _further(batch: int, *, small: bool) -> Iterator[Case]:
    for count in () if small else (1, 4, 16, 64):
        yield Case("pack", batch=100, way="recorded", count=count)
        yield Case("pack", "null-space", 100, way="recorded", count=count)
    for dtype in ("float32", "float64"):
        for width in (50,) if small else (50, 256):
            for size in (10,) if small else (100, 1000, 4000):
                for method, way in ((method, way) for method in METHODS for way in ("eager", "recorded")):
                    case = Case("step", method, size, width, dtype, way)
                    if (size, width, dtype) != (batch, 50, "float32"):  # those came first
                        yield case
    for method in ("batch", "null-space"):
        yield Case("launches", method, batch)
