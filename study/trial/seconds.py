"""What a trial spends: seconds by the clock, and CPU seconds of its process.

CPU seconds are those of all threads together (`time.process_time`): with two of torch's, up to two pass in one by the
clock. What a GPU computes meanwhile is not among them, only what the host does for it.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

TRAINING, PROJECTION, BOTH = "time/train_cpu_s", "time/projection_cpu_s", "time/cpu_s"
"""The metrics of CPU seconds."""


@dataclass
class Seconds:
    """Seconds by the clock, and of the CPU."""

    clock: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Adds what passes meanwhile."""
        clock, cpu = time.perf_counter(), time.process_time()
        yield
        self.clock += time.perf_counter() - clock
        self.cpu += time.process_time() - cpu

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.clock + other.clock, self.cpu + other.cpu)


def most(history: Iterable[Mapping[str, Any]], name: str, otherwise: float = 0.0) -> float:
    """The most that a metric which only grows came to; `otherwise` where an earlier version did not measure it."""
    return max((float(metrics[name]) for metrics in history if name in metrics), default=otherwise)
