"""What a trained network says at the points of a table, each wave as trained or projected by itself."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from search_spaces.tables import Table
from study.prediction.trained import TrainedNetwork

Waves = Callable[[list[np.ndarray]], Iterable[np.ndarray]]
"""Hands on the waves, one after the other, as they are worked on: a progress bar, for instance."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """Coordinates, given parameters and outputs (N,) by name; how often a projection ended how, if there were any.

    `unknowns` are those of the last network that predicted.
    """

    columns: Mapping[str, np.ndarray]
    projections: Mapping[str, int]
    unknowns: Mapping[str, float]


def names_of(network: TrainedNetwork) -> tuple[str, ...]:
    """The columns that points need: coordinates, then given parameters."""
    return (*network.problem.axes, *network.problem.given)


def outside(network: TrainedNetwork, points: Table) -> np.ndarray:
    """The rows' places in the file, of the points that are not in the domain."""
    import torch

    x = torch.from_numpy(points.values[:, : len(network.problem.axes)])
    return points.rows[~network.problem.domain.contains(x).numpy()]


def predict_at(network: TrainedNetwork, points: Table) -> Predicted:
    """The outputs as trained."""
    return Predicted(_columns(network, points, network.predict(*_split(network, points))), {}, network.unknowns)


def project_at(network: TrainedNetwork, points: Table, *, each: Waves = iter) -> Predicted:
    """The outputs of the network projected for every wave, the distinct parameters. Raises ValueError if it cannot."""
    x, p = _split(network, points)
    waves, wave_of = np.unique(p, axis=0, return_inverse=True) if p.shape[1] else (p[:1], np.zeros(len(p), dtype=int))
    found = np.empty((len(x), len(network.problem.outputs)), dtype=network.settings.training.dtype)
    ended, unknowns = dict[str, int](), network.unknowns
    for index, wave in enumerate(each(list(waves))):
        projected, rows = network.projected(wave), wave_of.reshape(-1) == index
        found[rows] = projected.predict(x[rows], wave)
        assert projected.projection is not None
        unknowns = projected.unknowns
        ended[status] = ended.get(status := str(projected.projection.status), 0) + 1
    return Predicted(_columns(network, points, found), ended, unknowns)


def _split(network: TrainedNetwork, points: Table) -> tuple[np.ndarray, np.ndarray]:
    """x (N, D) and p (N, K)."""
    x, p = np.split(points.values, [len(network.problem.axes)], axis=1)
    return x, p


def _columns(network: TrainedNetwork, points: Table, outputs: np.ndarray) -> dict[str, np.ndarray]:
    given = dict(zip(names_of(network), points.values.T, strict=True))
    return given | dict(zip(network.problem.outputs, outputs.T, strict=True))
