"""What a comparison says first."""

from collections.abc import Iterator

from study.comparison.gains import gains, gains_in_short
from study.comparison.result import Comparison
from study.comparison.verdict import Verdict
from study.comparison.worth import champions, worth_in_short


def headline(comparison: Comparison, verdict: Verdict) -> Iterator[str]:
    """A sentence each: whether training with constraints is worth it, projection is, and what that changes.

    Of a comparison that goes on they say that it is so far.
    """
    for said in (
        *worth_in_short(comparison, list(champions(comparison, verdict))),
        *gains_in_short(comparison, list(gains(comparison))),
    ):
        yield said if comparison.ended is not None else f"So far, {said[0].lower()}{said[1:]}"
