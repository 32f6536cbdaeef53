"""A stand-in for CUDA graphs: operations are written down with their very tensors, and played again in place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as tree
from torch.utils._python_dispatch import TorchDispatchMode

from cnn_core import capture
from cnn_core.training import Training


class _Written(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, answer))
        return answer


class Graph:
    """What a GPU would play."""

    def __init__(self, operations: list[tuple[Any, Any, Any, Any]]) -> None:
        self.operations, self.played = operations, 0

    @torch.no_grad()
    def replay(self) -> None:
        self.played += 1
        for func, args, kwargs, answer in self.operations:
            for mine, new in zip(tree.tree_leaves(answer), tree.tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(mine, Tensor) and mine.data_ptr() != new.data_ptr() and mine.numel():
                    mine.copy_(new)


def kept(trainings: Sequence[Training]) -> Callable[[], None]:
    """Puts back what steps of these trainings change: to record one is not to take it."""
    tensors = [
        held
        for one in trainings
        for held in (one.theta, one._going, one._taken, *one.stepper.state_dict()["state"].get(0, {}).values())
        if isinstance(held, Tensor)
    ]
    before = [held.detach().clone() for held in tensors]

    def put_back() -> None:
        with torch.no_grad():
            for held, was in zip(tensors, before, strict=True):
                held.copy_(was)

    return put_back


def pretend(monkeypatch: pytest.MonkeyPatch, trainings: Sequence[Training] = ()) -> list[Graph]:
    """From now on steps are recorded as if there was a GPU; the graphs are answered. Those of `trainings` change θ."""
    graphs: list[Graph] = []

    def record(recording: capture.Recording) -> None:
        put_back = kept(trainings)
        with _Written() as written:
            recording.answer = recording.move(recording.given)
        put_back()
        recording.graph = Graph(written.operations)
        graphs.append(recording.graph)

    monkeypatch.setattr(capture.Recording, "due", property(lambda held: held.taken == capture.TAKEN_FIRST))
    monkeypatch.setattr(capture.Recording, "record", record)
    return graphs


class Streams:
    """Torch's streams, of which one is `current`, without a GPU. Its recordings break off like a GPU's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.current = "the thread's own"
        monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: self.current)
        monkeypatch.setattr(torch.cuda, "stream", self._on)
        monkeypatch.setattr(torch.cuda, "graph", self._graph)
        monkeypatch.setattr(capture, "_renew_generator", lambda: None)

    @contextmanager
    def _on(self, stream: str) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def _graph(self, graph: object, **settings: str) -> Iterator[None]:
        """Torch ends a recording before it leaves its stream, and that raises if the recording has broken off."""
        before, self.current = self.current, "that of recordings"
        try:
            yield
        except RuntimeError:
            raise RuntimeError("operation failed due to a previous error during capture") from None
        self.current = before
