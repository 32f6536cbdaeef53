"""The CPU seconds that each part of a search may use for training, and what they have used by now.

All trials count that began, however they ended, with what the journal last heard of them; those that run, too. A part
that has used its seconds begins no trial more, so that it overdraws them by what runs then.

Projections are not counted, so that networks as trained do not pay for them; where nothing is trained, they are all
that counts. Whoever judges projected networks by the same seconds leaves out those that came too late for both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from search_spaces.counts import some
from search_spaces.schema import Study
from search_spaces.space import Part, parts, planned, to_try
from study.journal.record import TrialRecord


@dataclass
class Tally:
    """A part's trials so far: how many, those that may use more, and the seconds of the others."""

    begun: int = 0
    open: list[TrialRecord] = field(default_factory=list)
    seconds: float = 0.0

    def settle(self) -> None:
        """Add up what has ended for good, once."""
        self.seconds += sum(record.tuning_seconds for record in self.open if record.status.final)
        self.open = [record for record in self.open if not record.status.final]


@dataclass(frozen=True)
class Budget:
    """What the parts of a study may use, and have used; `records` may grow meanwhile.

    It is asked before every trial: it looks again at those only that are new, or have not ended for good.
    """

    study: Study
    records: Mapping[str, TrialRecord]

    def is_spent(self, index: int) -> bool:
        """Whether a part may begin no other trial."""
        seconds = self.study.tune.seconds
        return seconds is not None and self.used(index) >= seconds

    def used(self, index: int) -> float:
        """The CPU seconds that a part's trials have used."""
        tally = self._looked()[index]
        return tally.seconds + sum(record.tuning_seconds for record in tally.open)

    def at_most(self) -> int:
        """How many trials the study may come to: those that began, and what may still begin."""
        if self.study.tune.seconds is None:
            return planned(self.study, begun=len(self.records))
        begun = [tally.begun for tally in self._looked()]
        return sum(
            count if self.is_spent(index) else max(count, share)
            for index, (count, share) in enumerate(zip(begun, to_try(self.study), strict=True))
        )

    def told(self) -> list[str]:
        """A line for every part that has used its seconds."""
        return [
            f"{part.name or 'the search'} used its {self.study.tune.seconds:g} s "
            f"after {some(self._looked()[index].begun, 'trial')}"
            for index, part in enumerate(self._parts)
            if self.is_spent(index)
        ]

    @cached_property
    def _parts(self) -> list[Part]:
        return parts(self.study)

    @cached_property
    def _tallies(self) -> list[Tally]:
        return [Tally() for _ in self._parts]

    def _looked(self) -> list[Tally]:
        """The tallies of the parts, as the records are now."""
        tallies = self._tallies
        for ident, record in islice(self.records.items(), sum(tally.begun for tally in tallies), None):
            tally = tallies[int(ident) % len(tallies)]
            tally.begun += 1
            tally.open.append(record)
        for tally in tallies:
            tally.settle()
        return tallies


def too_late(study: Study, records: Mapping[str, TrialRecord]) -> set[str]:
    """The ids of trials before which others of their part had used its seconds for training and projection together."""
    if study.tune.seconds is None:
        return set()
    used, late = [0.0] * len(parts(study)), set[str]()
    for ident, record in records.items():
        part = int(ident) % len(used)
        if used[part] >= study.tune.seconds:
            late.add(ident)
        used[part] += record.cpu_seconds
    return late
