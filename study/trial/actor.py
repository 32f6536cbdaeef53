"""A trial as a Ray Tune actor, which trains it in its own process. Tune's own checkpoints are not used.

What Tune hands over and what it is told are requests and results of `study.trial.stepping`. A process serves one trial
after another.
"""

from typing import Any

from ray import tune

from study.trial.machine import forget_peak_memory
from study.trial.stepping import SteppedTrial


class TrialActor(tune.Trainable):
    """Steps through one trial after another; a new one starts with a new config."""

    trial: SteppedTrial | None = None

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self.trial = SteppedTrial(new_config)
        forget_peak_memory()
        return True

    def step(self) -> dict[str, Any]:
        assert self.trial is not None  # as `setup` has seen to
        return self.trial.step()

    def cleanup(self) -> None:
        """Called when a trial was stopped before its end, too."""
        if self.trial is not None:
            self.trial.close()
        self.trial = None
