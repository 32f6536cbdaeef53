"""How methods look: a colour and a marker each, the same in all plots and in MLflow's charts. Imports no matplotlib.

Colours are those of Okabe and Ito, told apart by colour-blind readers too.
"""

from collections.abc import Mapping
from typing import NamedTuple


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

OTHER_LOOK = Look("#999999", "h")


def look(method: str) -> Look:
    """A method's colour and marker, the same in all plots."""
    return {**SOLVER_LOOKS, **METHOD_LOOKS}.get(method, OTHER_LOOK)
