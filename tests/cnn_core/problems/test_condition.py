"""Conditions: what they refuse."""

import math

import pytest
import torch

from cnn_core.problems import Condition


def value_and_slope(u, x, p):
    return {"value": u.value[0], "slope": u.gradient[0, 0]}


@pytest.mark.parametrize(
    ("x", "values", "message"),
    [
        (torch.zeros(2), torch.zeros(2, 2), r"on must have the shape \(points, coordinates\), got \(2,\)"),
        (torch.zeros(0, 1), torch.zeros(1, 2), r"on must have the shape \(points, coordinates\), got \(0, 1\)"),
        (torch.zeros(3, 1), torch.zeros(2, 2), r"values must have the shape \(3, quantities\), got \(2, 2\)"),
        (
            torch.full((1, 1), math.nan),
            torch.zeros(1, 2),
            "on holds a number that is not finite; leave such points out",
        ),
        (torch.zeros(1, 1), torch.full((1, 2), math.inf), "values holds a number that is not finite"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(x, values, message):
    with pytest.raises(ValueError, match=message):
        Condition(x, value_and_slope, values)
