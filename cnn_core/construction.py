"""A fresh network for a problem: built for its coordinates, parameters and outputs, and for its box."""

from torch import nn

from cnn_core.networks import Description
from cnn_core.problems import Problem


def fresh(network: Description, problem: Problem, *, seed: int) -> nn.Module:
    """The network that a description means for this problem. Raises ValueError where it does not suit it."""
    return network.build(
        inputs=len(problem.coordinates),
        parameters=len(problem.parameters),
        outputs=len(problem.outputs),
        seed=seed,
        box=tuple(problem.coordinates.values()),
        coordinates=tuple(problem.coordinates),
    )
