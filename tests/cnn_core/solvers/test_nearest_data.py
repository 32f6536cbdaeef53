"""The network nearest to observations that satisfies the PDE, and the unknowns with it: an inverse problem, solved."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.domains import Box
from cnn_core.networks import Dense
from cnn_core.problems import Condition, PointSet, Problem, Unknown
from cnn_core.projection import project
from cnn_core.solvers import LevenbergMarquardt, ProjectionStatus

SOLVER = LevenbergMarquardt(nearest="data", points={"interior": 40, "initial": 1})
AT, ERROR = torch.linspace(0.05, 1.0, 12, dtype=torch.float64), 0.02


def decay(**changes: object) -> Problem:
    """du/dt = −r u from u(0) = 1, with an unknown r."""
    problem = Problem(
        "decay", Box({"t": (0.0, 1.0)}, time="t"), ("rate",), ("u",),
        lambda u, x, p: {"decay": u["t"][0] + p[0] * u.value[0]},
        conditions={"start": Condition("initial", lambda u, x, p: {"u": u.value[0] - 1})},
        unknowns={"rate": Unknown(0.3, positive=True)},
    )  # fmt: skip
    return replace(problem, **changes)  # type: ignore[arg-type]


def model_of(problem: Problem, seed: int = 0) -> ConstrainedNetwork:
    network = Dense(widths=(8,), activation="tanh").build(
        inputs=len(problem.axes), parameters=len(problem.given), outputs=len(problem.outputs), seed=seed
    )
    return ConstrainedNetwork(problem, network.double())


def observed(values: Tensor, weight: Tensor | None = None, p: Tensor | None = None) -> PointSet:
    p = torch.zeros(len(values), 0, dtype=torch.float64) if p is None else p
    return PointSet(AT[:, None], p, values[:, None], 1, weight=None if weight is None else weight[:, None])


def noisy(rate: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.exp(-rate * AT) + ERROR * torch.randn(len(AT), generator=generator, dtype=torch.float64)


def least_squares(values: Tensor, weight: Tensor) -> float:
    """The rate that exp(−r t) fits best with, by trying them all."""
    rates = torch.linspace(1.0, 4.0, 300_001, dtype=torch.float64)
    costs = (weight * (torch.exp(-rates[:, None] * AT) - values).square()).sum(dim=1)
    return float(rates[costs.argmin()])


@pytest.mark.parametrize("weights", ["alike", "own"])
def test_an_unknown_is_what_fits_the_data_best_among_solutions_of_the_pde(weights: str) -> None:
    own = 0.2 + AT
    weight = own / own.mean() if weights == "own" else torch.ones_like(AT)
    model, values = model_of(decay()), noisy()
    (result,) = project(
        model, model.begin, torch.zeros(1, 0), SOLVER, data=observed(values, weight if weights == "own" else None)
    )
    assert result.status is ProjectionStatus.CONVERGED and result.residual_off < 1e-7
    best = least_squares(values, weight)
    assert float(model.unknowns(result.theta)) == pytest.approx(best, rel=2e-3)
    assert best != pytest.approx(2.0, rel=5e-3)  # the errors of measurement tell it from the truth


def test_what_was_not_observed_does_not_matter() -> None:
    model, weight = model_of(decay()), torch.ones_like(AT)
    weight[3] = 0
    found = []
    for there in (1e3, -1e3):
        values = noisy()
        values[3] = there
        (result,) = project(model, model.begin, torch.zeros(1, 0), SOLVER, data=observed(values, weight))
        found.append(result.theta)
    assert torch.equal(*found)


def test_a_trained_theta_is_untouched_and_its_unknown_moves_with_the_network() -> None:
    model = model_of(decay())
    theta = model.begin
    before = theta.clone()
    (result,) = project(model, theta, torch.zeros(1, 0), SOLVER, data=observed(noisy()))
    assert torch.equal(theta, before) and len(result.theta) == len(theta)
    assert result.distance_parameters == pytest.approx(float((result.theta - before).norm()))
    (held,) = project(model, theta, torch.zeros(1, 0), replace(SOLVER, nearest="function"))
    assert float(model.unknowns(held.theta)) == pytest.approx(0.3)


def test_each_wave_comes_near_its_own_observations() -> None:
    """u(0) = 1 and du/dt = −k u with a k that is given: nothing is left to find, but data of the other k would tell."""
    family = decay(
        parameters=("rate", "factor"), residual=lambda u, x, p: {"decay": u["t"][0] + p[0] * p[1] * u.value[0]}
    )
    model, waves = model_of(replace(family, unknowns={})), torch.tensor([[1.0, 1.0], [2.0, 1.0]], dtype=torch.float64)
    parts = [observed(torch.exp(-p[0] * AT), p=p.expand(len(AT), -1)) for p in waves]
    x, p, u = (torch.cat([getattr(part, name) for part in parts]) for name in ("x", "p", "u"))
    data = PointSet(x, p, u, 2)
    for p, result in zip(waves, project(model, model.begin, waves, SOLVER, data=data), strict=True):
        assert result.status is ProjectionStatus.CONVERGED
        end = model.predict(result.theta, torch.ones(1, 1, dtype=torch.float64), p[None])
        assert float(end) == pytest.approx(float(torch.exp(-p[0])), rel=1e-3)
    with pytest.raises(ValueError, match=r"needs observations of every wave, and there are none of \[2.0, 1.0\]"):
        project(model, model.begin, waves, SOLVER, data=parts[0])


def test_a_network_of_ones_own_goes_the_general_path() -> None:
    model = model_of(decay())
    general = replace(model, taylor=False)
    results = [
        project(one, one.begin, torch.zeros(1, 0), SOLVER, data=observed(noisy()))[0] for one in (model, general)
    ]
    rates = [float(model.unknowns(result.theta)) for result in results]
    assert rates[0] == pytest.approx(rates[1], rel=1e-4)


def test_without_observations_there_is_nothing_to_come_near() -> None:
    model = model_of(decay())
    with pytest.raises(ValueError, match="needs observations of every wave"):
        project(model, model.begin, torch.zeros(1, 0), SOLVER)


def test_general_solutions_belong_to_the_nearest_function() -> None:
    with pytest.raises(ValueError, match="solutions: general belongs to nearest: function, got data"):
        LevenbergMarquardt(nearest="data", solutions="general")


def test_a_start_that_is_not_finite_is_left_alone() -> None:
    model = model_of(decay(unknowns={"rate": Unknown(0.3)}))
    theta = model.begin
    theta[-1] = torch.inf
    (result,) = project(model, theta, torch.zeros(1, 0), SOLVER, data=observed(noisy()))
    assert result.status is ProjectionStatus.DIVERGED and result.steps == 0
