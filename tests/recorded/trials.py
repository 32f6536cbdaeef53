"""Figures that seeded trials gave once, kept so that a change of structure can be seen to have changed no figure.

`python -m tests.recorded.trials` writes them anew, for a change that means to change them.

Another processor, or another version of torch, rounds otherwise: `arithmetic` says how this one does. Where it is that
of the record, every figure is the same to the last bit, elsewhere to `ELSEWHERE`.
"""

import hashlib
import inspect
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnn_core import methods
from search_spaces.load import load_trial
from study.trial.trial import run_trial

RECORD = Path(__file__).with_name("trials.json")
ELSEWHERE = 1e-2
"""The relative difference that other rounding may make after a few steps."""

MULTIPLIERS = {"gain": 1.0, "damping": 1e-2}
"""Of methods that have them. Undamped, these constraints are so ill-conditioned that λ keeps few digits."""

METHODS: Mapping[str, Mapping[str, Any]] = {
    name: {"training.method.name": name}
    | {
        f"training.method.{key}": value
        for key, value in MULTIPLIERS.items()
        if key in inspect.signature(method).parameters
    }
    for name, method in methods.METHODS.items()
}

SMALL = {
    "training.epochs": 2, "training.batch_size": 16, "training.dtype": "float64", "network.widths": [12, 12],
    "data.train.points": 12,
}  # fmt: skip
WAVES = SMALL | {
    "data.train.amplitude": [0.5, 1.0], "data.train.frequency": [0.6, 1.1], "data.train.phase": [0.0],
    "data.validation.amplitude": [0.8], "data.validation.frequency": [0.9], "data.validation.phase": [0.1],
    "data.validation.points": 21, "data.test.points": 21, "projection.solver": None,
}  # fmt: skip
FLOW = SMALL | {
    "network.normalise": False,
    "training.batch_size": 12,
    "projection.solver": None,
    "data.validation.points": 27,
    "data.test.points": 27,
}
QUICK = {"projection.points": 12, "projection.max_steps": 8, "projection.waves": 1}

OLD_MULTIPLIERS = {"training.method.refresh_interval": 2, "training.method.warm_up": 0.5}

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "soft gradient-norms": {"training.method.balance.name": "gradient-norms", "training.method.balance.interval": 2},
    "soft learning-rate-annealing": {
        "training.method.balance.name": "learning-rate-annealing", "training.method.balance.interval": 2,
    },
    "augmented-lagrangian proportional": METHODS["augmented-lagrangian"] | {"training.method.proportional_rate": 0.5},
    "conflict-free update": METHODS["conflict-free"] | {"training.method.project": "update"},
    "soft adam-lbfgs": {"training.optimizer.name": "adam-lbfgs", "training.optimizer.switch": 1.0},
}  # fmt: skip

TRIALS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **{f"waves {method}": ("helmholtz-quick", WAVES | settings) for method, settings in METHODS.items()},
    **{f"flow {method}": ("viscous-flow", FLOW | settings) for method, settings in METHODS.items()},
    "waves batch float32": ("helmholtz-quick", WAVES | METHODS["batch"] | {"training.dtype": "float32"}),
    "waves batch undamped": (
        "helmholtz-quick", WAVES | METHODS["batch"] | {"training.method.damping": 0.0, "training.batch_size": 3}
    ),
    **{
        f"waves {method} old multipliers": ("helmholtz-quick", WAVES | METHODS[method] | OLD_MULTIPLIERS)
        for method in ("batch", "reduction", "null-space")
    },
    "waves null-space safeguarded": (
        "helmholtz-quick",
        WAVES | METHODS["null-space"] | {"training.method.corrections": 2, "training.method.growth_limit": 1.5},
    ),
    **{f"waves {name}": ("helmholtz-quick", WAVES | settings) for name, settings in VARIANTS.items()},
    "waves dense tanh": ("helmholtz-quick", WAVES | {"network.name": "dense", "network.activation": "tanh"}),
    "waves adam": ("helmholtz-quick", WAVES | QUICK | {"projection.solver": "adam"}),
    "waves lm function": ("helmholtz-quick", WAVES | QUICK | {"projection.solver": "lm"}),
    "waves lm parameters": (
        "helmholtz-quick", WAVES | QUICK | {"projection.solver": "lm", "projection.nearest": "parameters"}
    ),
    "pythagorean lm general": (
        "pythagorean", WAVES | QUICK | {"projection.solver": "lm", "projection.solutions": "general"}
    ),
    "flow lm function": ("viscous-flow", FLOW | QUICK | {"projection.solver": "lm"}),
}  # fmt: skip


def figures_of(trial: str) -> dict[str, float | str]:
    """What a trial of the table measures, without its times and its memory."""
    space, settings = TRIALS[trial]
    return without_costs(run_trial(load_trial(space, settings)))


def without_costs(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics that a second run has, too."""
    return {name: value for name, value in sorted(metrics.items()) if not name.startswith(("time/", "memory/"))}


def arithmetic() -> str:
    """How this machine rounds what networks are made of, and solving for multipliers, as one short text."""
    generator = torch.Generator().manual_seed(0)
    digest = hashlib.sha256(torch.__version__.encode())
    for dtype, size in itertools.product((torch.float32, torch.float64), range(1, 130)):
        matrix = torch.randn(3, size, size % 16 + 1, generator=generator, dtype=torch.float64).to(dtype)
        gram = (matrix @ matrix.mT).sum(dim=0) + torch.eye(size, dtype=dtype)
        factor = torch.linalg.cholesky(gram)
        digest.update(
            _bytes(gram, factor, torch.cholesky_solve(matrix[0], factor), gram @ matrix[0], *_reduced(matrix))
        )
    return digest.hexdigest()[:16]


def _reduced(matrix: Tensor) -> list[Tensor]:
    functions = (torch.tanh, torch.sigmoid, torch.sin, torch.square, torch.exp)
    applied = [matrix, *(function(matrix) for function in functions)]
    return [*applied, *(one.sum(dim=dim) for one in applied for dim in (0, 1, 2)), *(one.mean() for one in applied)]


def _bytes(*results: Tensor) -> bytes:
    return b"".join(result.contiguous().numpy().tobytes() for result in results)


def read() -> dict[str, Any]:
    """The record: `arithmetic`, and the `figures` of every trial."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    record = {"arithmetic": arithmetic(), "figures": {trial: figures_of(trial) for trial in TRIALS}}
    RECORD.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
