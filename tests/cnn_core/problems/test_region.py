"""A problem on its regions: which residuals hold there, under which names, and what is refused."""

import math

import pytest
import torch
from torch import Tensor

from cnn_core.domains import Box
from cnn_core.problems import Condition, Problem, ProblemError, Residual, Split, sample_regions
from tests.cnn_core.channel import CONDITIONS, PROBED, channel, channel_points


def value(u, x, p) -> dict[str, Tensor]:
    return {"value": u.value[0]}


def two(u, x, p) -> dict[str, Tensor]:
    return {"value": u.value[0], "slope": u["x"][0]}


def heat(u, x, p) -> dict[str, Tensor]:
    return {"heat": u["t"][0] - u["xx"][0]}


def rod(residual: Residual = heat, /, **conditions: Condition) -> Problem:
    box = Box({"x": (0.0, 1.0), "t": (0.0, 1.0)}, time="t")
    return Problem("rod", box, (), ("u",), residual, conditions=conditions)


def test_rows_are_called_after_conditions_and_their_quantities() -> None:
    problem = channel(inverse=True)
    assert {region: problem.on(region).constraints for region in problem.regions} == {
        "interior": ("carried", "flux", "level"), "boundary": (), "initial": ("start.u", "start.v"), "final": (),
        "x=0": ("warm",), "x=1": ("out",), "y=-1": ("around.value", "around.slope"), "y=1": (),
        "probe": ("probe.u", "probe.slope"), "data": (),
    }  # fmt: skip
    assert problem.on("y=-1").owners == ("around", "around")
    assert problem.on("interior").owners == ("carried", "flux", "level")
    assert problem.region_of == {
        "carried": "interior", "flux": "interior", "start": "initial", "warm": "x=0", "out": "x=1", "around": "y=-1",
        "probe": "probe", "level": "interior",
    }  # fmt: skip


def test_a_region_of_a_problem_is_made_once_and_is_itself() -> None:
    problem = channel(inverse=False)
    for region in problem.regions:
        assert problem.on(region) is problem.on(region)
        assert problem.on(region).on(region) is problem.on(region)
    plain = rod()
    assert plain.on("interior") is plain


def test_some_residuals_in_another_order() -> None:
    interior = channel(inverse=False).on("interior")
    assert interior.only(interior.constraints) is interior
    assert interior.only(("level", "carried")).owners == ("level", "carried")
    assert interior.only(()).constraints == ()


def test_points_carry_normals_and_values_where_residuals_read_them() -> None:
    points = channel_points(channel(inverse=False))
    assert points["interior"].attached is None and points["initial"].attached is None
    normal = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    assert torch.equal(points["x=1"].attached, normal.expand(6, 3))  # type: ignore[arg-type]
    assert torch.equal(points["probe"].attached, PROBED.repeat(2, 1))  # type: ignore[arg-type]
    assert points["probe"].waves == 2 and torch.equal(points["probe"].p[0], points["probe"].p[2])
    assert not torch.equal(points["probe"].p[0], points["probe"].p[3])


def test_only_the_interior_has_exact_data() -> None:
    points = channel_points(channel(inverse=True))
    assert [region for region, part in points.items() if part.observed] == ["interior"]
    assert torch.isfinite(points["interior"].u).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: rod(walls=Condition("boundery", value)),
            "'rod': condition 'walls' is on 'boundery', which the domain lacks",
        ),
        (lambda: rod(walls=Condition("data", value)), "condition 'walls' is on 'data', which the domain lacks"),
        (
            lambda: rod(data=Condition("boundary", value)),
            "condition 'data' is called like the metric data_mse; rename it",
        ),
        (lambda: rod(constraint=Condition("boundary", value)), "'constraint' is called like the metric constraint_mse"),
        (
            lambda: rod(initial=Condition("boundary", value)),
            "'initial' is called like a region that it is not on; rename it",
        ),
        (
            lambda: rod(initial=Condition(torch.zeros(1, 2), value)),
            "'initial' is called like a region that it is not on",
        ),
        (
            lambda: rod(at=Condition(torch.zeros(1, 3), value)),
            "condition 'at' is at points with 3 coordinates, and the problem has 2",
        ),
        (
            lambda: rod(at=Condition(torch.tensor([[0.5, 1.0], [0.5, -0.1]]), value)),
            "condition 'at' is at x = 0.5, t = -0.1, which is outside of the domain; leave such points out",
        ),
    ],
)
def test_conditions_that_fit_no_problem_are_refused_at_once(make, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        make()


@pytest.mark.parametrize("x", [torch.tensor([[0, 1], [1, 0]]), torch.tensor([[0.5, 1.0000001], [-1e-7, 0.0]]).double()])
def test_conditions_may_be_at_whole_numbers_and_at_points_of_few_digits(x: Tensor) -> None:
    assert rod(at=Condition(x, value)).regions[-2] == "at"


def normal(u, x, p) -> dict[str, Tensor]:
    return {"flux": u["x"][0] * u.normal[0]}


def across(u, x, p) -> dict[str, Tensor]:
    return {"jump": u.value[0] - u.partner.value[0]}


@pytest.mark.parametrize(
    ("region", "make", "message"),
    [
        (
            "boundary",
            lambda: rod(heat=Condition("boundary", value)),
            "'rod': 'heat' names a condition and a residual of the PDE",
        ),
        (
            "interior",
            lambda: rod(heat=Condition("interior", value)),
            "'rod': 'heat' names a condition and a residual of the PDE",
        ),
        (
            "interior",
            lambda: rod(level=Condition("interior", normal)),
            "'rod, condition level': u.normal is read where there is none",
        ),
        (
            "initial",
            lambda: rod(start=Condition("initial", normal)),
            "'rod, condition start': u.normal is read where there is none",
        ),
        (
            "at",
            lambda: rod(at=Condition(torch.zeros(1, 2), normal)),
            "'rod, condition at': u.normal is read where there is none",
        ),
        (
            "boundary",
            lambda: rod(walls=Condition("boundary", across)),
            "'rod, condition walls': u.partner is read where there is none",
        ),
        (
            "x=0",
            lambda: rod(walls=Condition("x=0", lambda u, x, p: {"u": u.value})),
            "condition walls': residual 'u' must be a scalar",
        ),
        (
            "x=0",
            lambda: rod(walls=Condition("x=0", lambda u, x, p: u.value[0])),  # type: ignore[arg-type]
            "condition walls': residual returned a Tensor",
        ),
        (
            "x=0",
            lambda: rod(walls=Condition("x=0", lambda u, x, p: {})),
            "condition walls': residual returned no constraint",
        ),
        (
            "x=0",
            lambda: rod(walls=Condition("x=0", value, values=torch.zeros(1, 2))),
            "'rod': condition 'walls' has 1 quantities, and values in 2 columns",
        ),
        (
            "at",
            lambda: rod(at=Condition(torch.zeros(3, 2), two, values=torch.zeros(3, 1))),
            "'rod': condition 'at' has 2 quantities, and values in 1 columns",
        ),
        (
            "x=0",
            lambda: rod(
                a=Condition("x=0", across, partner=lambda x: x + 1), b=Condition("x=0", across, partner=lambda x: x)
            ),
            "'rod': the conditions a, b are on one region, and have different partners",
        ),
        (
            "x=0",
            lambda: rod(a=Condition("x=0", across, partner=lambda x: x[:1])),
            r"'rod', condition 'a': partner returned the shape \(1,\) for one point; return \(2,\)",
        ),
        (
            "x=0",
            lambda: rod(a=Condition("x=0", across, partner=lambda x: 1.0)),  # type: ignore[arg-type]
            "condition 'a': partner returned a float",
        ),
        ("nowhere", lambda: rod(), "'rod' has no region 'nowhere'; its regions are interior, boundary, initial"),
        ("interior", lambda: rod(lambda u, x, p: {"r": u.normal[0]}), "'rod': u.normal is read where there is none"),
        (
            "interior",
            lambda: rod(lambda u, x, p: {"data": u.value[0]}),
            "'rod': residual 'data' is called like the data; rename it",
        ),
        (
            "x=0",
            lambda: rod(heat, **{"a": Condition("x=0", two), "a.slope": Condition("x=0", value)}),
            "'rod': there are two residuals 'a.slope'; rename one of them",
        ),
    ],
)
def test_conditions_that_do_not_fit_their_region_are_refused_there(region: str, make, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        _ = make().on(region).constraints


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (lambda p: {"value": 0.0}, "the scale of 'walls' is 0.0 at"),
        (lambda p: {"value": math.inf}, "the scale of 'walls' is inf at"),
        (lambda p: {"valu": 1.0}, "scale has no entry for 'walls'; add one"),
    ],
)
def test_scales_of_conditions_are_looked_at(size, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        sample_regions(rod(walls=Condition("boundary", value, scale=size)), Split({}, {"boundary": 2}))


def test_one_partner_serves_all_conditions_of_a_region() -> None:
    def up(x: Tensor) -> Tensor:
        return x + 1

    problem = rod(a=Condition("x=0", across, partner=up), b=Condition("x=0", value))
    assert problem.on("x=0").region.partner is up


def test_points_on_regions_that_are_none_are_refused() -> None:
    with pytest.raises(
        ProblemError, match=r"points\.wall is no region of problem 'rod'; write some of: interior, boundary"
    ):
        sample_regions(rod(), Split({}, {"wall": 2}))
    measured = rod(at=Condition(torch.tensor([[0.5, 1.0]]), value))
    with pytest.raises(ProblemError, match=r"points\.at: condition 'at' has points of its own; remove it"):
        sample_regions(measured, Split({}, {"at": 2}))


def test_conditions_of_a_region_are_told_apart_by_their_order_in_the_problem() -> None:
    conditions = {"second": CONDITIONS["warm"], "first": Condition("x=0", two)}
    assert channel(inverse=False, conditions=conditions).on("x=0").constraints == (
        "second",
        "first.value",
        "first.slope",
    )
