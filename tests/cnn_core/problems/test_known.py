"""Problems whose unknowns are known by now."""

from typing import cast

import pytest
import torch

from cnn_core.derivatives import Field, PointField
from cnn_core.domains import Box
from cnn_core.problems import Condition, Problem, Unknown, with_known

EVERY = torch.tensor([3.0, 1.5, 0.5], dtype=torch.float64)
VALUES = EVERY[[0, 2]]


def rod(unknowns: dict[str, Unknown]) -> Problem:
    """Heat in a rod: every function of it reads an unknown."""
    return Problem(
        "rod",
        Box({"x": (0.0, 1.0), "t": (0.0, 1.0)}, time="t"),
        ("source", "amplitude", "loss"),
        ("u",),
        lambda u, x, p: {"heat": u["t"][0] - u["xx"][0] - p[0] * p[1]},
        scale=lambda p: {"heat": p[0] + p[1]},
        conditions={
            "walls": Condition("boundary", lambda u, x, p: {"flux": u.gradient[0] @ u.normal + p[2] * u.value[0]}),
            "start": Condition("initial", lambda u, x, p: {"u": u.value[0] - p[1]}, scale=lambda p: {"u": 1 + p[0]}),
        },
        unknowns=unknowns,
    )


@pytest.mark.parametrize("region", ["interior", "boundary", "initial"])
def test_residuals_scales_and_conditions_are_those_for_all_parameters(region: str) -> None:
    found = with_known(rod({"source": Unknown(1.0), "loss": Unknown(2.0)}), VALUES)
    assert (found.parameters, found.given, found.unknowns) == (("amplitude",), ("amplitude",), {})
    assert not found.has_solution
    known, whole = found.on(region), rod({}).on(region)
    x, normal = torch.tensor([0.3, 0.7]).double(), torch.tensor([1.0, 0.0]).double()
    attached = normal[: whole.region.attached]
    field = cast(Field, PointField(lambda at: torch.sin(at).prod()[None], x, ("x", "t")))
    for scaled in (True, False):
        residuals = known.point_residuals(field, x, torch.cat([EVERY[1:2], attached]), scaled=scaled)
        assert torch.equal(residuals, whole.point_residuals(field, x, torch.cat([EVERY, attached]), scaled=scaled))
        assert residuals.shape == (1,)


def test_a_problem_without_unknowns_stays_as_it_is() -> None:
    problem = rod({})
    assert with_known(problem, VALUES[:0]) is problem
