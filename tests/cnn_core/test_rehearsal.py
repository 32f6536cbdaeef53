"""A problem's own functions, run as a training will: what fails is told with the function, the point and a remedy."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import jacfwd

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field
from cnn_core.networks import Dense, Modulated
from cnn_core.problems import PROBLEMS, Condition, Problem, ProblemError, Residual, Split, helmholtz, sample
from cnn_core.rehearsal import Cast, parameter_count, rehearse, require_residual
from tests.cnn_core.cases import RANGES, make_problem

CAST = Cast(Modulated((5,)), dtype="float64")
SPLIT = Split({"k": (2.0,)}, points=3, sampling="uniform")


def problem(residual: Residual, **others: Any) -> Problem:
    functions: dict[str, Any] = {"solution": lambda x, p: p * x} | others
    return Problem("own", {"x": (0.0, 1.0)}, ("k",), ("u",), residual, **functions)


def value(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    return {"r": u.value[0]}


def in_place(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    v = u.value * 1
    v += x
    w = torch.zeros(2).to(x)
    w[0] = v[0]
    return {"r": w[0]}


def in_place_of_a_graph(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    e = torch.exp(u.value)
    product = e * e
    e += 1
    return {"r": product[0]}


def third(u: Field, x: Tensor, p: Tensor) -> Tensor:
    """A read of `u.function`, by which a residual takes the general path."""
    return jacfwd(u.function)(x)[0, 0]


NUMBERS = r"it takes numbers out of a tensor, in test_rehearsal.py, line \d+\); write torch.sin instead of numpy's"

FAILING: dict[str, tuple[Callable[..., Any], str]] = {
    "a branch": (
        lambda u, x, p: {"r": u.value[0] if x[0] > 0.5 else x[0]},
        r"it branches on a tensor, in test_rehearsal.py, line \d+\); write torch.where\(condition, a, b\) instead",
    ),
    "a branch, by the general path": (
        lambda u, x, p: {"r": third(u, x, p) if x[0] > 0.5 else x[0]},
        "it branches on a tensor",
    ),
    "a branch on u": (lambda u, x, p: {"r": u.value[0] if u.value[0] > 0 else x[0]}, "it branches on a tensor"),
    "item": (lambda u, x, p: {"r": u.value[0] * x[0].item()}, NUMBERS),
    "float": (lambda u, x, p: {"r": u.value[0] * float(p[0])}, NUMBERS),
    "a count": (lambda u, x, p: {"r": sum((u.value[0] for _ in range(int(p[0]))), u.value[0])}, NUMBERS),
    "math": (lambda u, x, p: {"r": u.value[0] * math.sin(x[0])}, NUMBERS),
    "numpy": (lambda u, x, p: {"r": u.value[0] * torch.from_numpy(x.numpy())[0]}, NUMBERS),
    "in place": (
        in_place,
        r"it changes a tensor in place, in test_rehearsal.py, line \d+\); make a new one, e.g. v \+ 1",
    ),
    "in place of what its gradient needs": (in_place_of_a_graph, r"it changes a tensor in place.*; make a new one"),
    "entries by value": (lambda u, x, p: {"r": u.value[0] * x[x > 0].sum()}, "it picks entries by their values"),
    "random numbers": (
        lambda u, x, p: {"r": u.value[0] * torch.rand(())},
        "it draws random numbers.*; make it a funct",
    ),
    "an error of its own": (
        lambda u, x, p: {"r": u.value[0 if x[0].dtype == u.value.dtype else 7] * p[3]},
        "IndexError: ",
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_residual_that_fails_says_what_to_write(name: str) -> None:
    residual, message = FAILING[name]
    if name == "an error of its own":
        with pytest.raises(
            ProblemError, match=rf"^the residual of problem 'own' fails \({message}.*line \d+\); mend it$"
        ):
            require_residual(problem(residual))
        return
    own = problem(residual)
    require_residual(own)  # at one point all is well
    at = r"at x = \[0.0\], p = \[2.0\]"
    with pytest.raises(ProblemError, match=rf"^the residual of problem 'own' fails {at} \({message}") as caught:
        rehearse(own, SPLIT, CAST, seed=0)
    assert "\n" not in str(caught.value)


def test_too_large_a_residual() -> None:
    own = problem(lambda u, x, p: {"r": (u.value[0] * torch.ones(10**15)).sum()})
    with pytest.raises(ProblemError, match=r"^the residual of .* \(it needs more memory than there is, .*; make it sm"):
        require_residual(own)


def test_a_residual_in_another_precision() -> None:
    weights = torch.ones(1, 1, dtype=torch.float64)
    own = problem(lambda u, x, p: {"r": (weights @ u.value)[0]})
    rehearse(own, SPLIT, CAST, seed=0)
    with pytest.raises(ProblemError, match=r"it mixes float32 and float64, in .*; write plain numbers in place of"):
        rehearse(own, SPLIT, Cast(Modulated((5,)), dtype="float32"), seed=0)


def empty(*arguments: Any) -> Any:
    raise ValueError


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            problem(empty),
            r"^the residual of problem 'own' fails \(ValueError, in test_rehearsal.py, line \d+\); mend it$",
        ),
        (problem(value, scale=empty), r"^the scale of problem 'own' fails at p = \[2.0\] \(ValueError, in "),
        (
            problem(value, scale=lambda p: {"r": 1.0 if p[0] > 1 else 2.0}),
            r"^the scale of problem 'own' fails at p = \[2.0\] \(it branches on a tensor, .*; write torch.where",
        ),
        (
            problem(value, solution=empty),
            r"^the solution of problem 'own' fails at x = \[0.0\], p = \[2.0\] \(ValueError",
        ),
        (
            problem(value, solution=lambda x, p: x if x[0] > 0.5 else p),
            r"^the solution of .* \(it branches on a tensor, .*; write torch.where",
        ),
    ],
)
def test_each_function_is_told_by_its_name(own: Problem, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        require_residual(own)
        rehearse(own, SPLIT, CAST, seed=0)


@pytest.mark.parametrize(
    ("key", "changes", "message"),
    [
        (
            "low",
            {"quantity": empty},
            r"^the condition on x=0 of problem 'own' fails \(ValueError, in test_rehearsal.py",
        ),
        (
            "low",
            {"quantity": "u"},
            r"^the condition on x=0 of problem 'own' fails \(TypeError: 'str' object is not call",
        ),
        ("low", {"scale": empty}, r"^the scale of a condition on x=0 of problem 'own' fails at p = \[2.0\] \(ValueErr"),
        (
            "low",
            {"quantity": lambda u, x, p: {"r": x[0]}},
            r"^the condition .* \(nothing in it is trained\); let it read u",
        ),
        (3, {}, r"^problem 'own': a condition has the name 3; write a text of 1 to 100 letters in one line$"),
        ("", {}, r"^problem 'own': a condition has the name ''; write a text"),
    ],
)
def test_each_function_of_a_condition_is_told_by_its_region(key: Any, changes: Any, message: str) -> None:
    condition = replace(Condition("x=0", lambda u, x, p: {"r": u.value[0]}), **changes)
    own = problem(value, conditions={key: condition})
    with pytest.raises(ProblemError, match=message):
        require_residual(own)
        rehearse(own, replace(SPLIT, points={"interior": 3, "x=0": 1}), CAST, seed=0)


def test_too_many_conditions() -> None:
    condition = Condition("x=0", value)
    with pytest.raises(ProblemError, match=r"^problem 'own' has 1001 conditions; write at most 1000$"):
        require_residual(problem(value, conditions={f"c{index}": condition for index in range(1001)}))


@pytest.mark.parametrize("path", ["layers", "general"])
def test_a_value_that_is_not_finite_is_found_at_any_point(path: str) -> None:
    """1/(x − ½): the middle one of 101 points, which no sample of a few would meet."""
    own = problem(
        lambda u, x, p: {
            "fine": u.value[0],
            "pole": (u.gradient[0, 0] if path == "layers" else third(u, x, p)) / (x[0] - 0.5),
        }
    )
    assert ConstrainedNetwork(own, CAST.network.build(inputs=1, parameters=1, outputs=1, seed=0)).path == path
    split = Split({"k": (2.0, 3.0)}, points=101, sampling="uniform")
    with pytest.raises(
        ProblemError,
        match=r"^problem 'own': the residual 'pole' is -?inf at x = \[0.5\], p = \[2.0\]; choose points where",
    ):
        rehearse(own, split, CAST, seed=0)
    rehearse(own, Split({"k": (2.0, 3.0)}, points=100, sampling="uniform"), CAST, seed=0)


def test_what_only_a_narrow_network_does_is_no_reason() -> None:
    """The logarithm of u + shift: what counts is the network that will be trained."""
    split, cast = Split({"k": (2.0,)}, points=5), Cast(Dense((5,)), seed=3, dtype="float64")

    def logarithm(shift: float) -> Problem:
        return problem(lambda u, x, p: {"r": torch.log(u.value[0] + shift)})

    points = sample(logarithm(0.0), split)
    lowest = [
        cast.model(problem(value), narrow=narrow).network(points.x, points.p).min().item() for narrow in (False, True)
    ]
    assert lowest[0] > lowest[1] + 0.01
    rehearse(logarithm(0.01 - lowest[0]), split, cast, seed=0)
    with pytest.raises(ProblemError, match="the residual 'r' is nan"):
        rehearse(logarithm(-0.01 - lowest[0]), split, cast, seed=0)


def test_numbers_beyond_a_precision() -> None:
    own = problem(lambda u, x, p: {"r": u.value[0] * 1e200 * 1e-150})
    rehearse(own, SPLIT, CAST, seed=0)
    with pytest.raises(ProblemError, match=r"the residual 'r' is -?(inf|nan)"):
        rehearse(own, SPLIT, Cast(Modulated((5,)), dtype="float32"), seed=0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_of_ours_can_be_rehearsed(name: str) -> None:
    ours = make_problem(name)
    split = Split({key: RANGES[key] for key in ours.parameters}, points=4)
    points = rehearse(ours, split, Cast(Modulated((4, 4))), seed=3)
    assert torch.equal(points["interior"].x, sample(ours, split, seed=3).x)


def test_parameters_are_counted_without_being_made() -> None:
    own = Dense((5, 7)).build(inputs=1, parameters=1, outputs=1, seed=0)
    assert parameter_count(Dense((5, 7))) == sum(tensor.numel() for tensor in own.parameters()) == 65
    assert parameter_count(Dense((10**6, 10**6))) > 10**12
    with pytest.raises(ValueError, match="too many parameters to count; write smaller widths"):
        parameter_count(Dense((10**12, 10**12)))


def test_functions_that_change_their_points_are_refused() -> None:
    def moving(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        x.mul_(0.5)
        return {"helmholtz": u.value[0] * x[0]}

    split = Split({"amplitude": (1.0,), "frequency": (1.0,), "phase": (0.0,)}, points=3)
    for changed, said in (
        ({"residual": moving}, "the residual"),
        ({"solution": lambda x, p: x.add_(5.0)}, "the solution"),
    ):
        with pytest.raises(
            ProblemError, match=f"'helmholtz': {said} changes x in place, so that others see other points"
        ):
            rehearse(replace(helmholtz(), **changed), split, Cast(Dense(widths=(4,))), seed=0)
