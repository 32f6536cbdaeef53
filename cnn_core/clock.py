"""Seconds spent in the named sections of a training step."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

SECTIONS = ("forward", "residual", "jacobian", "gram", "factorisation", "step")

Pending = tuple[str, Any, Any]
"""A section, and two marks on a GPU's time: where it began there, and where it ended."""


MOST_PENDING = 10_000
"""Sections that may wait to be asked for."""


class Clock:
    """Adds up seconds per section, on a GPU those that its kernels took there.

    The host leaves marks among a GPU's kernels and goes on; it waits for them when `seconds` are asked for, or where
    nobody has asked for long.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._device = torch.device(device)
        self._pending: list[Pending] = []

    @property
    def seconds(self) -> defaultdict[str, float]:
        """The seconds by section so far."""
        if self._pending:
            self._pending[-1][2].synchronize()
        for name, start, end in self._pending:
            self._seconds[name] += start.elapsed_time(end) / 1000
        self._pending.clear()
        return self._seconds

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        if self._device.type == "cuda":
            start = self._mark()
            try:
                yield
            finally:
                self._pending.append((name, start, self._mark()))
                if len(self._pending) >= MOST_PENDING:
                    _ = self.seconds
            return
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - begun

    def _mark(self) -> Any:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event
