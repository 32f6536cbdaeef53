"""What a trial takes of the machine it runs on: threads, a device, memory."""

import resource
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from search_spaces.schema import Study


def with_device(study: Study) -> Study:
    """The study with `device: auto` decided by its resources: without a share of a GPU a trial stays on the CPU."""
    if study.training.device != "auto" or study.resources.gpu > 0:
        return study
    return replace(study, training=replace(study.training, device="cpu"))


def choose_device(device: str) -> torch.device:
    """`auto` is the GPU that this process was given, if any, otherwise the CPU. Raises ValueError for a missing GPU."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("training.device is cuda, but this process sees no GPU; write auto or cpu")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def threads(study: Study) -> int:
    """How many threads a trial computes with on the CPU."""
    asked = study.training.threads
    return max(1, int(study.resources.cpu)) if asked == "auto" else asked


def peak_memory_mib(device: torch.device) -> float:
    """The most memory held, in MiB: on a GPU the trial's, else its process's so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak_memory() -> None:
    """A process is reused: the next trial's peak must not be the last one's."""
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):  # Linux only
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
