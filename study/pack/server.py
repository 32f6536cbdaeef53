"""The process of a pack, as a Ray actor. What needs torch is imported there, and not where it is only spoken to."""

import os
from collections.abc import Mapping
from typing import Any

BROKEN = 77
"""The exit code of a process that can no longer use its GPU."""


class PackServer:
    """Trains the trials of its members, on the GPUs `gpus` of its node, which it shares with them; Ray gives it none.

    Members call it at the same time, each from a thread of its own.
    """

    def __init__(self, gpus: str) -> None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus
        from study.pack.trials import PackedTrials

        self.trials = PackedTrials()

    def step(self, member: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The next step of a member's trial."""
        import torch

        try:
            return self.trials.step(member, request)
        except torch.AcceleratorError:
            os._exit(BROKEN)  # all members start again in another one

    def leave(self, member: str, *, save: bool = True) -> None:
        """A member asks for no more, or its process is no more."""
        self.trials.leave(member, save=save)

    def is_there(self) -> bool:
        """Answers as long as it lives."""
        return True
