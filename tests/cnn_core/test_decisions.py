"""Steps in which the host looks at no number: as many as there can be, with the numbers of those in which it does.

Nor does the host bring anything to the device of such a step.
"""

import math
from dataclasses import replace

import pytest
import torch

from cnn_core.clock import Clock
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.decisions import away_from_host, chosen, host_decides, surely
from cnn_core.methods import METHODS, Batch, NullSpace, Soft
from cnn_core.methods.balance import GradientNorms, LearningRateAnnealing
from cnn_core.methods.method import Method, Step
from cnn_core.networks import Dense, Fourier, Network, Siren
from cnn_core.optimizers import Adam, AdamLbfgs, Lbfgs, Optimizer, Sgd, Soap
from cnn_core.problems import PROBLEMS, Condition, Problem, Split, Unknown, heat, helmholtz, kovasznay, sample_regions
from cnn_core.problems.problem import unknown
from cnn_core.training import Training, TrainingStatus
from tests.cnn_core.cases import relative, third_order
from tests.cnn_core.synchronisation import FromHost, Waits
from tests.cnn_core.test_training import make_training, setting

WAITS: dict[str, dict[str, int]] = {
    "unconstrained": {},
    "soft": {},
    "sample": {},
    "batch": {},
    "reduction": {},
    "no-loss": {},
    "non-projecting": {},
    "broyden": {},
    "augmented-lagrangian": {},
    "null-space": {},
    "conflict-free": {"read": 1},  # torch's eigenvalues refuse what is not finite, so somebody must look before
}
"""Method → what a step makes the host wait for."""

SETTINGS: dict[str, tuple[Method, Optimizer, dict[str, int]]] = {
    "soft with weights": (Soft(weights={"residual": 2.0}), Adam(1e-4), {}),
    "soft, gradient norms": (Soft(balance=GradientNorms(interval=1)), Adam(1e-4), {}),
    "soft, annealing": (Soft(balance=LearningRateAnnealing(interval=1)), Adam(1e-4), {}),
    "batch with a cap": (METHODS["batch"](cap=0.1), Adam(1e-4), {}),  # type: ignore[call-arg]
    "batch, held multipliers": (METHODS["batch"](refresh_interval=2), Adam(1e-4), {}),  # type: ignore[call-arg]
    "null-space, corrections": (NullSpace(corrections=2), Adam(1e-4), {}),
    "soft, sgd": (Soft(), Sgd(1e-4, momentum=0.9), {}),
}
"""What may be set, and what a step of it makes the host wait for."""


def waits_of_steps(training: Training, epochs: int = 3) -> dict[str, float]:
    """What each step of some epochs makes the host wait for, on top of what an epoch of no step does."""
    training.run_epoch()  # what is made once
    batches = list(training.batches)
    with away_from_host(), Waits() as waits:
        for parts in batches * epochs:
            assert training.take_step(parts, 1.0)
    steps = len(batches) * epochs
    return {kind: count / steps for kind, count in waits.counted.items()}


@pytest.mark.parametrize("method", METHODS)
def test_a_step_waits_for_nothing(method: str) -> None:
    assert waits_of_steps(make_training(METHODS[method](), Adam(1e-4))) == WAITS[method]
    assert unrecorded(METHODS[method]()) == bool(WAITS[method])


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_wait_for_nothing_either(name: str) -> None:
    method, optimizer, expected = SETTINGS[name]
    assert waits_of_steps(make_training(method, optimizer)) == expected


@pytest.mark.parametrize(
    ("method", "optimizer"),
    [
        (NullSpace(growth_limit=1.5), Adam(1e-4)),  # each halving costs a pass, so that looking is cheaper
        (Soft(), Lbfgs(max_iterations=2)),  # a line search decides by values
        (Soft(), AdamLbfgs(1e-4, switch=0.0, max_iterations=2)),
        (Soft(), Soap(1e-4)),  # its package looks at what it decomposes
    ],
)
def test_what_has_to_look_does(method: Method, optimizer: Optimizer) -> None:
    assert waits_of_steps(make_training(method, optimizer))["read"] >= 1
    assert optimizer.searches or unrecorded(method) or unrecorded(optimizer)


def unrecorded(one: Method | Optimizer) -> bool:
    return getattr(one, "unrecorded", None) is not None


@pytest.mark.parametrize("method", [*METHODS, *SETTINGS])
def test_the_numbers_are_the_same(method: str) -> None:
    """Over three epochs, where no damping has to be raised."""
    kind, optimizer, _ = SETTINGS.get(method) or (METHODS[method](), Adam(1e-4), {})
    looking, apart = make_training(kind, optimizer, epochs=3), make_training(kind, optimizer, epochs=3)
    while looking.status is TrainingStatus.RUNNING:
        looking.run_epoch()
    with away_from_host():
        while apart.status is TrainingStatus.RUNNING:
            apart.run_epoch()
    assert (apart.status, apart.epoch) == (TrainingStatus.COMPLETED, 3)
    assert relative(apart.theta, looking.theta) < 1e-12
    watched, expected = apart.watched, looking.watched
    assert watched.keys() == expected.keys()
    for name, value in expected.items():
        assert watched[name] == pytest.approx(value, rel=1e-6), name


@pytest.mark.parametrize("method", ["soft", "batch", "null-space", "augmented-lagrangian"])
@pytest.mark.parametrize("position", [0, 4, 7])
def test_a_step_that_is_not_finite_is_found_at_the_end_of_its_epoch(method: str, position: int) -> None:
    """θ is that before the step, and the message names the step; what followed it has moved nothing."""

    def broken() -> Training:
        model, points = setting()
        u = points.u.clone()
        u[position] = math.nan
        return Training(model, replace(points, u=u), METHODS[method](), Sgd(1e-4), batch_size=2, epochs=3)

    looking, apart = broken(), broken()
    looking.run_epoch()
    with away_from_host():
        apart.run_epoch()
    assert (apart.status, apart.reason, apart.epoch) == (TrainingStatus.DIVERGED, looking.reason, 0)
    assert torch.isfinite(apart.theta).all()
    assert torch.equal(apart.theta, looking.theta) or relative(apart.theta, looking.theta) < 1e-12
    assert torch.equal(apart.state_dict()["shuffler"], looking.state_dict()["shuffler"])


def test_what_the_host_may_not_see_does_not_hold_surely() -> None:
    one, two, yes = torch.zeros(2), torch.ones(2), torch.tensor(True)
    assert host_decides(one)
    assert surely(yes)
    assert chosen(yes, one, two) is one
    with away_from_host():
        assert not host_decides(one)
        assert not surely(yes)
        assert surely(True)
        assert torch.equal(chosen(yes, one, two), one)
        assert torch.equal(chosen(~yes, one, two), two)


DENSE = Dense(widths=(6, 5))


def with_values(problem: Problem) -> Problem:
    """It has a wall of another temperature, and two points where it is known."""
    wall = Condition("x=1", lambda u, x, p: {"wall": u.value[0]}, values=torch.tensor([[0.5]], dtype=torch.float64))
    at = torch.tensor([[0.2, 0.1], [0.3, 0.2]], dtype=torch.float64)
    known = Condition(at, lambda u, x, p: {"known": u.value[0]}, values=at[:, :1])
    return replace(problem, conditions={**problem.conditions, "wall": wall, "known": known})


NETWORKS: dict[str, tuple[Problem, Network]] = {
    "values": (with_values(heat()), DENSE),
    "unknown": (replace(heat(), unknowns={"diffusivity": Unknown(0.5, truth=0.7)}), DENSE),
    "general": (third_order(), DENSE),
    "siren": (heat(), Siren(widths=(6, 5))),
    "fourier": (kovasznay(), Fourier(widths=(6, 5), features=3, periodic=("y",))),
    "hard": (heat(), Dense(widths=(6, 5), hard={"x": (0.0, 0.0)})),
}


def brought(problem: Problem, network: Network, method: Method) -> list[str]:
    """What a step on `meta`, whose tensors have no numbers, brings from the CPU, after one that makes what stays."""
    problem = replace(problem, solution=unknown) if problem.name == "kdv" else problem  # which takes seconds
    regions = {region for region in problem.region_of.values() if region in problem.domain.regions} | {"interior"}
    points = sample_regions(problem, Split(dict.fromkeys(problem.given, (0.7,)), dict.fromkeys(sorted(regions), 6)))
    model = ConstrainedNetwork(problem, fresh(network, problem, seed=0).to(device="meta"))
    held = {region: part.to(dtype=torch.float32, device="meta") for region, part in points.items()}
    training = Training(model, held, method, batch_size=6, epochs=2)
    step = Step(next(iter(training.batches)), training.theta, 0.5, training.optimizer, Clock())
    state = method.direction(step, training.method_state).state
    with FromHost() as host:
        method.direction(step, state)
    return host.listed


@pytest.mark.parametrize("method", [Soft(), Batch()], ids=lambda one: one.name)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_passes_of_problems_bring_nothing(problem: str, method: Method) -> None:
    assert brought(PROBLEMS[problem](), DENSE, method) == []


@pytest.mark.parametrize("method", [Soft(), Batch()], ids=lambda one: one.name)
@pytest.mark.parametrize("name", NETWORKS)
def test_passes_of_networks_and_conditions_bring_nothing(name: str, method: Method) -> None:
    assert brought(*NETWORKS[name], method) == []


@pytest.mark.parametrize("method", [*sorted(METHODS.keys() - {"conflict-free"}), *SETTINGS])  # which looks
def test_steps_of_methods_bring_nothing(method: str) -> None:
    assert brought(helmholtz(), DENSE, SETTINGS[method][0] if method in SETTINGS else METHODS[method]()) == []


def test_what_is_brought_is_seen() -> None:
    x, table = torch.zeros(3, 2, device="meta"), torch.ones(3)
    with FromHost() as host:
        _ = x * 2.0, x + x.new_full((2,), 1.0), torch.where(x > 0, x, 1.0)
        assert host.listed == []
        _ = table.to(x), table[0].to(x), x[:, 0].copy_(table), x[torch.tensor([0, 1])]
    assert host.listed == ["aten::_to_copy", "aten::_to_copy", "aten::copy_", "aten::index"]
    with pytest.raises(RuntimeError, match="device"):
        torch.vmap(lambda one: one + one.new_tensor([1.0, 0.0]))(x)
