"""Unknowns: what θ holds, where their values stand, and what is refused."""

import math

import pytest
import torch

from cnn_core.problems import Problem, ProblemError, Split, Unknown, sample_regions
from tests.cnn_core.cases import relative
from tests.cnn_core.channel import channel, channel_model, channel_points, solution


@pytest.mark.parametrize(
    ("start", "positive", "truth", "message"),
    [
        (0.0, True, None, "start of an unknown must be positive and finite, got 0.0"),
        (-1.0, True, None, "start of an unknown must be positive and finite, got -1.0"),
        (math.nan, False, None, "start of an unknown must be finite, got nan"),
        (1.0, True, -2.0, "truth of an unknown must be positive and finite, got -2.0"),
        (1.0, False, math.inf, "truth of an unknown must be finite, got inf"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(start: float, positive: bool, truth: float | None, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        Unknown(start, positive, truth)


@pytest.mark.parametrize("unknown", [Unknown(-0.4), Unknown(0.3, positive=True)])
def test_values_and_slopes_of_what_is_held(unknown: Unknown) -> None:
    held = torch.tensor(unknown.begin, dtype=torch.float64, requires_grad=True)
    value = unknown.value(held)
    assert float(value.detach()) == pytest.approx(unknown.start, rel=1e-15)
    assert torch.autograd.grad(value, held)[0] == unknown.slope(held).detach()


def test_an_unknown_must_be_a_parameter() -> None:
    with pytest.raises(ProblemError, match="'p': unknown 'rate' is none of the parameters; name it there, too, got"):
        Problem("p", {"x": (0.0, 1.0)}, ("k",), ("u",), lambda u, x, p: {"r": p[0]}, unknowns={"rate": Unknown(1.0)})


def test_given_and_unknown_parameters_stand_where_they_belong() -> None:
    problem = channel(inverse=True)
    assert problem.given == ("amplitude", "sink")
    p = torch.tensor([[1.0, 2.0, 7.0], [3.0, 4.0, 8.0]])  # the last column is attached
    complete = problem.complete(p, torch.tensor([10.0, 20.0]))
    assert complete.tolist() == [[1.0, 10.0, 2.0, 20.0, 7.0], [3.0, 10.0, 4.0, 20.0, 8.0]]
    assert problem.complete(p[0], torch.tensor([10.0, 20.0])).tolist() == [1.0, 10.0, 2.0, 20.0, 7.0]
    plain = channel(inverse=False)
    assert plain.complete(p, torch.zeros(0)) is p


def test_data_is_that_of_the_true_values() -> None:
    points = channel_points(channel(inverse=True))["interior"]
    p = torch.stack([points.p[:, 0], torch.full((6,), 0.25), points.p[:, 1], torch.full((6,), 0.5)], dim=1)
    assert relative(points.u, torch.vmap(solution)(points.x, p)) < 1e-15


def test_without_a_true_value_there_is_no_exact_data() -> None:
    problem = Problem(
        "p", {"x": (0.0, 1.0)}, ("k",), ("u",), lambda u, x, p: {"r": u["x"][0] - p[0]}, lambda x, p: p[0] * x,
        unknowns={"k": Unknown(1.0)},
    )  # fmt: skip
    assert not problem.has_solution
    assert not sample_regions(problem, Split({}, 3))["interior"].observed


def test_splits_name_the_given_parameters_only() -> None:
    with pytest.raises(ValueError, match="has the parameters amplitude, sink, got amplitude, diffusivity, sink"):
        Split({"amplitude": (1.0,), "diffusivity": (1.0,), "sink": (1.0,)}, 2).waves(channel(inverse=True))


def test_theta_begins_with_the_network_and_ends_with_the_unknowns() -> None:
    model = channel_model(inverse=True)
    assert model.begin[-2:].tolist() == pytest.approx([math.log(0.3), -0.4])
    assert len(model.of_network(model.begin)) == model.layout.size == len(model.begin) - 2
