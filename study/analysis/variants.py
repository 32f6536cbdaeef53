"""A trial's networks, so that they can be compared: the one that was trained and, if the study projects, the projected.
Where nothing is trained there is one: that to which the projection's solver came.

Both carry their errors under the same names (`validation/data_mse`, `test/constraint_mse` …).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cnn_core.metrics import WORST
from cnn_core.solvers import ProjectionStatus
from search_spaces.measured import FIT
from search_spaces.schema import Study
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord

DATA = "validation/data_mse"
CONSTRAINT = "validation/constraint_mse"
ERRORS = (DATA, CONSTRAINT, "validation/relative_l2", "test/data_mse", "test/constraint_mse", "test/relative_l2")
"""What tables say of a variant, in this order."""

PROJECTED = "projected/"
"""Prefix of a trial's metrics after projection."""

SEARCHED_PROJECTION = "projection."
"""How the paths of its settings begin."""

MISSED = (ProjectionStatus.TOLERANCE_NOT_MET, ProjectionStatus.DIVERGED)
"""How a projection ends whose residual may be far from zero, though nothing keeps it from being there."""

OFF_RATIO, OFF_LEAST = 1e3, 1e-4
"""A mean square of the residuals between a projection's points that is so much larger than at them, and so large, says
that the network obeys the PDE at its points alone.
"""

LEFT_AS_THEY_ARE = ("projection/", "unknown/", "noise/")
"""How metrics begin that a projected network has in common with its trial, unless it has its own."""

NO_BETTER_THAN_ZERO = 0.9
"""From this relative error |u − u*| / |u*| on, a network is hardly nearer to the data than u = 0, where it is 1."""


@dataclass(frozen=True)
class Variant:
    """A trial's network as trained, or after projection. `seconds` includes the projection's where there was one.

    `missed`: the projection of one of its waves, at least, did not meet its tolerance, or the PDE holds at its points
    alone, and it is kept all the same. `sought`: it was brought near the data, and unknowns with it.
    `late`: it was projected beyond the seconds of its search, and is not chosen. `training` are the values of a network
    as trained, where others may differ from it in their projections alone.
    """

    trial: str
    method: str
    projected: bool
    status: TrialStatus
    metrics: Mapping[str, float]
    seconds: float | None
    feasible: bool = True
    missed: bool = False
    late: bool = False
    sought: bool = False
    training: str | None = None

    def value(self, name: str) -> float | None:
        """A metric by its plain name; None where it was not measured or counts as the worst."""
        value = self.metrics.get(name)
        return None if value is None or abs(value) >= WORST else value

    @property
    def eligible(self) -> bool:
        """Whether it may be chosen as the best: it has ended well, keeps the bounds and came in time."""
        return self.status is TrialStatus.COMPLETED and self.feasible and not self.late

    @property
    def astray(self) -> bool:
        """Whether it was brought near the data without obeying the PDE, so that what it found is not to be used."""
        return self.sought and self.missed

    @property
    def moved(self) -> bool:
        """Whether this is another network than the trained one: not if its projection took no step or was refused."""
        return not self.projected or (
            self.metrics.get("projection/steps") != 0 and self.metrics.get("projection/accepted") != 0
        )

    @property
    def flat(self) -> bool:
        """Whether the network is hardly nearer to the test data than the zero function."""
        return (self.value("test/relative_l2") or 0.0) >= NO_BETTER_THAN_ZERO


def variants_of(record: TrialRecord, *, trains: bool = True) -> list[Variant]:
    """The trial as trained and, where it was projected, as projected. A running trial shows its last epoch.

    A projection leaves errors of measurement as they are, and unknowns unless it seeks data, so that both have them.
    One of a study that `trains` nothing has the errors of its projected network for its own, and no others: those of
    random parameters say nothing.
    """
    metrics = {name: float(value) for name, value in record.latest.items() if isinstance(value, int | float)}
    projected = {name.removeprefix(PROJECTED): value for name, value in metrics.items() if name.startswith(PROJECTED)}
    how = {name: value for name, value in metrics.items() if name.startswith(LEFT_AS_THEY_ARE)}
    sought = FIT in metrics
    kept = how.get("projection/accepted") != 0
    missed, alone = kept and record.latest.get("projection/status") in MISSED, kept and at_points_alone(metrics)
    if not trains:  # a solve's tolerance is where it would stop, and seldom met; not so where data are sought
        solved, seconds = how | projected, metrics.get("time/projection_s")
        missed = alone or (missed and sought)
        return [
            Variant(record.trial, record.method, False, record.status, solved, seconds, missed=missed, sought=sought)
        ]
    seconds = metrics.get("time/train_s")
    training = _training(record.values)
    variants = [Variant(record.trial, record.method, False, record.status, metrics, seconds, training=training)]
    if projected:
        total = None if seconds is None else seconds + metrics.get("time/projection_s", 0.0)
        own, missed = how | projected, missed or alone
        variants.append(
            Variant(record.trial, record.method, True, record.status, own, total, missed=missed, sought=sought)
        )
    return variants


def at_points_alone(metrics: Mapping[str, float | str]) -> bool:
    """Whether a projection's network obeys the PDE at its points, and not between them."""
    on, off = (float(metrics.get(f"projection/residual_{where}", 0.0)) for where in ("on", "off"))
    return off > max(OFF_RATIO * on, OFF_LEAST)


def _training(values: Mapping[str, Any]) -> str | None:
    own = {path: value for path, value in values.items() if not path.startswith(SEARCHED_PROJECTION)}
    return json.dumps(own, sort_keys=True) if len(own) < len(values) else None


def distinct(variants: Iterable[Variant]) -> Iterator[Variant]:
    """Every network once: that which several trials of a method have trained, and projected in several ways, too."""
    seen: set[tuple[str, str]] = set()
    for variant in variants:
        if variant.training is None:
            yield variant
        elif (network := (variant.method, variant.training)) not in seen:
            seen.add(network)
            yield variant


def keeps_bounds(study: Study, variant: Variant) -> bool:
    """Whether a network's own errors are within the study's bounds; `projected/…` ones are for projected networks."""
    for name, bound in study.bounds.items():
        split, _, _ = name.partition("/")
        if split == ("train" if variant.projected or not study.trains else "projected"):  # not measured of such a one
            continue
        value = variant.value(name.removeprefix(PROJECTED))
        if value is None or value > bound:
            return False
    return True
