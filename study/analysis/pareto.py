"""The Pareto set of data error against constraint error."""

from collections.abc import Iterable

from study.analysis.variants import CONSTRAINT, DATA, Variant, distinct
from study.journal.events import TrialStatus


def pareto_set(variants: Iterable[Variant]) -> list[Variant]:
    """The completed variants that no other one beats in both errors, by rising data error; each network once.

    One variant beats another if it is nowhere worse and somewhere better; equal ones do not beat each other.
    """
    completed = distinct(variant for variant in variants if variant.status is TrialStatus.COMPLETED)
    pairs = [
        ((data, constraint), variant)
        for variant in completed
        if variant.moved
        and variant.feasible
        and (data := variant.value(DATA)) is not None
        and (constraint := variant.value(CONSTRAINT)) is not None
    ]
    front: list[tuple[tuple[float, float], Variant]] = []
    for errors, variant in sorted(pairs, key=lambda pair: pair[0]):
        if not front or errors[1] < front[-1][0][1] or errors == front[-1][0]:
            front.append((errors, variant))
    return [variant for _, variant in front]
