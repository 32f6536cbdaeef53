"""The CPU seconds that each part of a search may use for training and projection, and what they have used by now.

All trials count that began, however they ended, with what the journal last heard of them; those that run, too. A part
that has used its seconds begins no trial more, so that it overdraws them by what runs then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from search_spaces.schema import Study
from search_spaces.space import Part, parts, planned, to_try
from study.journal.journal import TrialRecord


@dataclass(frozen=True)
class Budget:
    """What the parts of a study may use, and have used; `records` may grow meanwhile."""

    study: Study
    records: Mapping[str, TrialRecord]

    def is_spent(self, index: int) -> bool:
        """Whether a part may begin no other trial."""
        seconds = self.study.tune.seconds
        return seconds is not None and self.used(index) >= seconds

    def used(self, index: int) -> float:
        """The CPU seconds that a part's trials have used."""
        return sum(record.cpu_seconds for record in self._trials(index))

    def at_most(self) -> int:
        """How many trials the study may come to: those that began, and what may still begin."""
        if self.study.tune.seconds is None:
            return planned(self.study, begun=len(self.records))
        begun = [len(self._trials(index)) for index in range(len(self._parts))]
        return sum(
            count if self.is_spent(index) else max(count, share)
            for index, (count, share) in enumerate(zip(begun, to_try(self.study), strict=True))
        )

    def told(self) -> list[str]:
        """A line for every part that has used its seconds."""
        return [
            f"{part.name or 'the search'} used its {self.study.tune.seconds:g} s "
            f"after {_counted(len(self._trials(index)))}"
            for index, part in enumerate(self._parts)
            if self.is_spent(index)
        ]

    @cached_property
    def _parts(self) -> list[Part]:
        return parts(self.study)

    def _trials(self, index: int) -> list[TrialRecord]:
        return [one for ident, one in self.records.items() if int(ident) % len(self._parts) == index]


def _counted(trials: int) -> str:
    return f"{trials} trial{'' if trials == 1 else 's'}"
