"""Training methods, by name. A new one is a file here and a line below."""

from collections.abc import Mapping

from cnn_core.methods.augmented_lagrangian import AugmentedLagrangian
from cnn_core.methods.batch import Batch
from cnn_core.methods.broyden import Broyden
from cnn_core.methods.conflict_free import ConflictFree
from cnn_core.methods.method import Direction, Method, State, Step
from cnn_core.methods.no_loss import NoLoss
from cnn_core.methods.non_projecting import NonProjecting
from cnn_core.methods.null_space import NullSpace
from cnn_core.methods.reduction import Reduction
from cnn_core.methods.sample import Sample
from cnn_core.methods.soft import Soft
from cnn_core.methods.unconstrained import Unconstrained

METHODS: Mapping[str, type[Method]] = {
    "unconstrained": Unconstrained,
    "soft": Soft,
    "sample": Sample,
    "batch": Batch,
    "reduction": Reduction,
    "no-loss": NoLoss,
    "non-projecting": NonProjecting,
    "broyden": Broyden,
    "augmented-lagrangian": AugmentedLagrangian,
    "null-space": NullSpace,
    "conflict-free": ConflictFree,
}

__all__ = [
    "METHODS",
    "AugmentedLagrangian",
    "Batch",
    "Broyden",
    "ConflictFree",
    "Direction",
    "Method",
    "NoLoss",
    "NonProjecting",
    "NullSpace",
    "Reduction",
    "Sample",
    "Soft",
    "State",
    "Step",
    "Unconstrained",
]
