"""A node as somebody describes it, and how many trials it holds at once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch

from search_spaces.schema import Resources

ROUNDING = 1e-9
FORM = "cpu=16,gpu=1,memory=64,gpu_memory=80"
SPARE = 0.1
"""The share of memory that is left to the system, and to what no estimate knows."""

CONTEXT_MIB = 500.0
"""What a process takes of a GPU before its first tensor: a usual figure, measured on none of ours."""

MEMBER_MIB = 180.0
"""What the process takes that asks and tells for a member of a pack, without torch."""


@dataclass(frozen=True)
class Node:
    """Cores, GPUs, and GiB of memory; `gpu_memory` is that of each GPU."""

    cpu: float = 1.0
    gpu: float = 0.0
    memory: float = 0.0
    gpu_memory: float = 0.0


def this_node() -> Node:
    """The machine that this runs on."""
    gpus = torch.cuda.device_count()
    on_gpu = torch.cuda.get_device_properties(0).total_memory / 2**30 if gpus else 0.0
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Node(len(os.sched_getaffinity(0)), gpus, memory, on_gpu)


def parse_node(text: str) -> Node:
    """The node that a text like `cpu=16,gpu=1,memory=64,gpu_memory=80` describes. Raises ValueError, one line."""
    known, found = [field.name for field in fields(Node)], {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name not in known:
            raise ValueError(f"--node has {part.strip()!r}; write {FORM}, each of them once at most")
        try:
            found[name] = float(value)
        except ValueError:
            raise ValueError(f"--node: {name} is {value!r}; write a number, as in {FORM}") from None
        if not 0 <= found[name] < 1e6:
            raise ValueError(f"--node: {name} is {value}; write a number that is not negative, as in {FORM}")
    if missing := [name for name in ("cpu", "memory") if not found.get(name)]:
        raise ValueError(f"--node says nothing of {' and '.join(missing)}; write {FORM}")
    if found.get("gpu") and not found.get("gpu_memory"):
        raise ValueError(f"--node has GPUs and says nothing of gpu_memory, GiB of each; write {FORM}")
    return Node(**found)


def trials_at_once(
    node: Node, resources: Resources, *, process_mib: float, tensors_mib: float, pack: int = 1
) -> dict[str, int]:
    """What bounds the trials on a node → how many of them it lets run at once, in packs of so many.

    Tensors are in the GPU's memory where a trial has a share of one. Ray shares out CPUs and GPUs, and no memory.
    """
    usable, on_gpu = (1 - SPARE) * 1024, resources.gpu > 0
    process = process_mib if pack == 1 else process_mib / pack + MEMBER_MIB
    bounds: dict[str, float] = {
        "CPU": pack * int(node.cpu / resources.cpu + ROUNDING),
        "memory": usable * node.memory / (process + (0.0 if on_gpu else tensors_mib)),
    }
    if on_gpu:
        bounds["GPU"] = pack * int(_of_gpus(node.gpu, 1 / resources.gpu) + ROUNDING)
        bounds["GPU memory"] = _of_gpus(node.gpu, usable * node.gpu_memory / (CONTEXT_MIB / pack + tensors_mib))
    return {name: int(bound + ROUNDING) for name, bound in bounds.items()}


def _of_gpus(gpus: float, on_each: float) -> float:
    """Trials on all GPUs, where so many fit on each; less than one where a trial takes several."""
    return gpus * on_each if on_each < 1 else gpus * int(on_each + ROUNDING)


def first(bounds: Mapping[str, int]) -> str:
    """What bounds first."""
    return min(bounds, key=lambda name: bounds[name])
