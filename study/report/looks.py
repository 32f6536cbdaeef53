"""How methods look: a colour and a marker each, the same in all plots and in MLflow's charts. Imports no matplotlib.

Contestants with a method's name look like it; the others are told apart by their places among all of them.

Colours are those of Okabe and Ito, told apart by colour-blind readers too.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from search_spaces.schema import Study


class Look(NamedTuple):
    """A method's colour and marker."""

    colour: str
    marker: str


METHOD_LOOKS: Mapping[str, Look] = {
    "unconstrained": Look("#555555", "o"),
    "soft": Look("#E69F00", "s"),
    "sample": Look("#009E73", "P"),
    "batch": Look("#0072B2", "D"),
    "reduction": Look("#56B4E9", "^"),
    "no-loss": Look("#CC79A7", "X"),
    "non-projecting": Look("#000000", "<"),
    "broyden": Look("#8C5A2B", "p"),
    "augmented-lagrangian": Look("#D55E00", "v"),
    "null-space": Look("#B3A300", "*"),
    "conflict-free": Look("#6A51A3", ">"),
}

SOLVER_LOOKS: Mapping[str, Look] = {
    "adam": Look("#E69F00", "s"),
    "lm": Look("#0072B2", "D"),
    "least-squares": Look("#D55E00", "v"),
}
"""Where nothing is trained, trials are told apart by what solved them."""

Looks = Callable[[str], Look]

OTHER_LOOK = Look("#999999", "h")


def look(method: str, among: Sequence[str] = ()) -> Look:
    """The colour and marker of a method, or of a contestant `among` others, the same in all plots."""
    known = {**SOLVER_LOOKS, **METHOD_LOOKS}
    if method in known or method not in among:
        return known.get(method, OTHER_LOOK)
    taken = {known[name].colour for name in among if name in known}
    free = sorted(PALETTE, key=lambda one: one.colour in taken)  # stable: other colours first
    return free[[name for name in among if name not in known].index(method) % len(free)]


def looks_of(study: Study) -> Looks:
    """How the contestants, or the methods, of a study look."""
    return partial(look, among=tuple(study.contestants))


def _palette() -> list[Look]:
    """Every colour with every marker, one colour after another, first as methods have them."""
    looks = list(METHOD_LOOKS.values())
    return [
        Look(one.colour, looks[(place + turn) % len(looks)].marker)
        for turn in range(len(looks))
        for place, one in enumerate(looks)
    ]


PALETTE = _palette()
"""What contestants look like whose names are no method's."""
