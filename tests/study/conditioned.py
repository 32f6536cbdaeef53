"""Problems with conditions on regions, no exact solution, observations, an unknown; and small studies of them.

`tests.study.conditioned:membrane` is what a study file calls one of them.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cnn_core.domains import Ball, Box, Without
from cnn_core.problems import Condition, Problem, Unknown
from search_spaces.load import load_text
from search_spaces.measured import with_objectives
from search_spaces.schema import Study
from study.journal.events import TrialStatus
from study.journal.journal import Journal

TRUE_RATE = 0.5


def membrane() -> Problem:
    """A membrane under a load, held at its walls; its shape is not known."""
    return _loaded("membrane", Box({"x": (0.0, 1.0), "y": (0.0, 1.0)}), {"walls": "boundary"})


def holed() -> Problem:
    """The same with a round hole, twice as long as it is wide."""
    hole = Ball({"x": 0.5, "y": 0.5}, 0.25)
    return _loaded("holed", Without(Box({"x": (0.0, 2.0), "y": (0.0, 1.0)}), hole), {"walls": "outer", "rim": "hole"})


def block() -> Problem:
    """The same in three dimensions."""
    return _loaded("block", Box(dict.fromkeys("xyz", (0.0, 1.0))), {"walls": "boundary"})


def string() -> Problem:
    """The same in one dimension."""
    return _loaded("string", Box({"s": (0.0, 1.0)}), {"ends": "boundary"})


def cooling() -> Problem:
    """u_t = −r u with an unknown rate r = 1/2, on a line and a time; u = exp(−r t) cos x begins as cos x."""
    return Problem(
        name="cooling",
        coordinates=Box({"x": (0.0, 1.0), "t": (0.0, 2.0)}, time="t"),
        parameters=("rate",),
        outputs=("warmth",),
        residual=lambda u, x, p: {"decay": u["t"][0] + p[0] * u.value[0]},
        solution=lambda x, p: torch.exp(-p[0] * x[1:]) * x[:1].cos(),
        conditions={"start": Condition("initial", lambda u, x, p: {"start": u.value[0] - x[0].cos()})},
        unknowns={"rate": Unknown(start=1.0, positive=True, truth=TRUE_RATE)},
    )


def _loaded(name: str, domain: Any, held: Mapping[str, str]) -> Problem:
    conditions = {key: Condition(region, lambda u, x, p: {"height": u.value[0]}) for key, region in held.items()}
    return Problem(
        name=name,
        coordinates=domain,
        parameters=(),
        outputs=("height",),
        residual=lambda u, x, p: {"load": u.laplacian[0] + 1.0},
        conditions=conditions,
    )


def study(problem: str, points: Mapping[str, int], *, files: Mapping[str, str] | None = None, more: str = "") -> Study:
    """Two epochs of a tiny network; `files` are added to the splits, `more` are further lines of the study file."""
    counts = ", ".join(f"{region}: {count}" for region, count in points.items())
    splits = {"train": "", "validation": "", "test": ""} | dict(files or {})
    rows = [f"  {split}: {{points: {{{counts}}}{file}}}" for split, file in splits.items()]
    lines = [
        "study: conditioned",
        f"problem: {{name: 'tests.study.conditioned:{problem}'}}",
        "data:",
        *rows,
        "network: {name: dense, widths: [4], activation: tanh}",
        "training:",
        "  method: {name: soft}",
        "  optimizer: {name: adam, learning_rate: 0.01}",
        "  batch_size: 100",
        "  epochs: 2",
        more,
    ]
    return with_objectives(load_text("\n".join(lines)))


def write_observations(path: Path) -> None:
    """What was measured of `cooling` at thirty points, every fifth of which has a gap."""
    rows = ["x,t,warmth"]
    for index in range(30):
        x, t = (0.37 * index) % 1, (0.71 * index) % 2
        rows.append(f"{x},{t},{'' if index % 5 == 0 else math.exp(-TRUE_RATE * t) * math.cos(x)}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def fill(directory: Path, metrics: Mapping[str, float], *, trials: int = 2, epochs: int = 3) -> Journal:
    """A journal of completed trials of one method with these metrics, which rise by a tenth from trial to trial."""
    journal = Journal(directory)
    journal.append("study-start", study="conditioned")
    for index in range(trials):
        own = {name: value * (1 + 0.1 * index) for name, value in metrics.items()}
        journal.trial_start(f"{index:04d}", values={}, method="soft")
        for epoch in range(1, epochs + 1):
            journal.epoch(f"{index:04d}", epoch, own | {"time/train_s": float(epoch)})
        at_end = own | {"time/train_s": float(epochs), "status": "completed"}
        journal.trial_end(f"{index:04d}", TrialStatus.COMPLETED, at_end)
    return journal


WITHOUT_DATA = {
    f"{split}/{name}": value
    for split in ("train", "validation", "test")
    for name, value in {"constraint_mse": 0.3, "load_mse": 0.2, "walls_mse": 0.1}.items()
}
"""What trials of the membrane measure."""

WITH_UNKNOWN = WITHOUT_DATA | {
    "validation/data_mse": 0.01, "test/data_mse": 0.02, "test/relative_l2": 0.1,
    "unknown/rate": 0.4, "unknown/rate_error": 0.2,
}  # fmt: skip
"""What trials of a problem with an unknown measure that have data in validation and test alone."""
