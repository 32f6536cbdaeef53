"""Seconds spent in the named sections of a training step."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SECTIONS = ("forward", "residual", "jacobian", "gram", "factorisation", "step")


class Clock:
    """Adds up seconds per section. On a GPU it waits for the device, so that kernels count where they ran."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._device = torch.device(device)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        start = self._now()
        try:
            yield
        finally:
            self.seconds[name] += self._now() - start

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
