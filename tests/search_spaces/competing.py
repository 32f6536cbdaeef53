"""A small study file of three contestants, to change."""

from collections.abc import Mapping
from typing import Any

METHOD, WEIGHT, RATE = "training.method.name", "training.method.weight", "training.optimizer.learning_rate"
GAIN, SEED = "training.method.gain", "training.seed"

RATES = {"log_uniform": [1.0e-4, 1.0e-2]}
SOFT = {"set": {METHOD: "soft"}, "search": {WEIGHT: {"log_uniform": [1.0e-3, 1.0e3]}}}
BATCH = {
    "set": {METHOD: "batch", "training.optimizer.name": "sgd"},
    "search": {GAIN: {"uniform": [0.1, 1.0]}, RATE: {"log_uniform": [1.0e-3, 1.0e-1]}},
}
SCRATCH = {
    "set": {"training.epochs": 0, RATE: 1.0e-3, "projection.solver": "least-squares", "projection.max_steps": 3},
    "search": {SEED: {"int": [0, 3]}},
}

CONTESTANTS: Mapping[str, Any] = {
    f"search:{RATE}": RATES,
    "contestants": {"soft": SOFT, "batch.sgd": BATCH, "scratch": SCRATCH},
    "tune.trials": 8,
}
"""What to change in the small study file."""
