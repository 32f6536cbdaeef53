"""Compiled passes against the same passes as they are. Most tests only trace, which is where things go wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cnn_core import compilation
from cnn_core.compilation import CompilationError, compiled
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field
from cnn_core.methods import METHODS, AugmentedLagrangian, Batch, ConflictFree, Method, Sample, Soft
from cnn_core.methods.balance import GradientNorms
from cnn_core.networks import Fourier, Modulated, Network
from cnn_core.optimizers import Adam
from cnn_core.problems import PointSet, Problem
from cnn_core.reductions import Huber, Lp
from cnn_core.training import Training
from tests.cnn_core.cases import OwnNetwork, grid_points, make_model, make_problem, make_step, relative, start, theta_of
from tests.cnn_core.channel import channel_model, channel_points
from tests.cnn_core.networks.test_every_network import model_of


@pytest.fixture(autouse=True)
def only_traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing compiled before, and no code generated."""
    monkeypatch.setattr(compilation, "BACKEND", "aot_eager")
    compiled.cache_clear()
    torch._dynamo.reset()
    yield
    compiled.cache_clear()
    torch._dynamo.reset()


def direction(model: ConstrainedNetwork, points: PointSet, method: Method) -> Tensor:
    return method.direction(make_step(model, points), start(method, model, points)).gradient


def compilations(call: Callable[[], object]) -> int:
    """How many graphs a call compiles."""
    counters = torch._dynamo.utils.counters
    before = counters["stats"]["unique_graphs"]
    call()
    return counters["stats"]["unique_graphs"] - before


def test_other_networks_and_weights_compile_nothing_anew() -> None:
    points = grid_points(make_problem("helmholtz"), 6)

    def run(method: Method, seed: int) -> None:
        model = make_model(make_problem("helmholtz"), Modulated(widths=(4, 3)), seed=seed)
        expected = direction(model, points, method)
        assert relative(direction(replace(model, compile=True), points, method), expected) < 1e-12

    assert compilations(lambda: run(Soft(weight=0.5), 0)) == 1
    assert compilations(lambda: run(Soft(weight=7.0), 1)) == 0


def test_derivatives_by_name_compile() -> None:
    problem = Problem(
        "kdv", {"x": (-1.0, 1.0), "t": (0.0, 1.0)}, ("amplitude",), ("u",),
        residual=lambda u, x, p: {"kdv": u["t"][0] + u.value[0] * u["x"][0] + u["xxx"][0]},
        solution=lambda x, p: (p[0] * x.sum()).sin()[None],
    )  # fmt: skip
    model, points = make_model(problem, Modulated(widths=(4, 3))), grid_points(problem, 6)
    for method in (Soft(), Batch(damping=1e-3)):
        expected = direction(model, points, method)
        assert relative(direction(replace(model, compile=True), points, method), expected) < 1e-12


@pytest.mark.parametrize(
    ("network", "reads"),
    [
        pytest.param("periodic fourier", "hessian", marks=pytest.mark.slow),
        pytest.param("hard box", "laplacian", marks=pytest.mark.slow),
        pytest.param("hard end", "third", marks=pytest.mark.slow),
        ("functions", "gradient"),
    ],
)
def test_embeddings_and_hard_values_compile(network: str, reads: str) -> None:
    model = model_of(network, reads)
    points = grid_points(model.problem, 4)
    for method in (Soft(), Batch(damping=1e-3)):
        expected = direction(model, points, method)
        assert relative(direction(replace(model, compile=True), points, method), expected) < 1e-11


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_generated_code_goes_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "BACKEND", "inductor")
    points = grid_points(make_problem("helmholtz"), 6)
    model = make_model(make_problem("helmholtz"), Modulated(widths=(4, 3)))
    for method in (Soft(), Batch(damping=1e-3)):
        expected = direction(model, points, method)
        assert relative(direction(replace(model, compile=True), points, method), expected) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["helmholtz", "viscous-flow", "synthetic"])
def test_every_method_goes_the_same_way(name: str) -> None:
    problem = make_problem(name)
    model, points = make_model(problem, Modulated(widths=(4, 3))), grid_points(problem, 5)
    for kind in METHODS.values():
        compiled_model = replace(model, compile=True)
        assert relative(direction(compiled_model, points, kind()), direction(model, points, kind())) < 1e-9, kind


VARIED: dict[str, Callable[[float], Method]] = {
    "huber": lambda value: Soft(weight=value, reduction=Huber(value)),
    "lp": lambda value: Soft(weight=value, reduction=Lp(2 + value)),
    "lagrangian": lambda value: AugmentedLagrangian(penalty=value),
    "proportional": lambda value: AugmentedLagrangian(penalty=value, proportional_rate=value),
    "balanced": lambda value: Soft(weight=value, balance=GradientNorms(memory=0.1 * value)),
    "conflict-free": lambda value: ConflictFree(project="update", reduction=Huber(value)),
    "batch": lambda value: Batch(gain=value, damping=0.1 * value),
    "sample": lambda value: Sample(gain=value, objective_rate=value, damping=0.1 * value),
}


@pytest.mark.parametrize(
    "varied", [name if name in ("huber", "batch") else pytest.param(name, marks=pytest.mark.slow) for name in VARIED]
)
def test_what_varies_between_trials_compiles_nothing_anew(varied: str) -> None:
    problem = make_problem("helmholtz")
    model = replace(make_model(problem, Modulated(widths=(4,))), compile=True)
    points, make = grid_points(problem, 6), VARIED[varied]
    direction(model, points, make(0.5))
    assert compilations(lambda: [direction(model, points, make(value)) for value in (2, 0.7, 4.0)]) == 0


WAVES = {activation: Fourier((5, 4), activation, features=2, scale=0.3) for activation in ("sine", "tanh")}


@pytest.mark.parametrize(
    "passes",
    [
        [(Modulated((5, 4)), reads) for reads in ("laplacian", "value", "hessian")],
        [(Modulated((5, 4)), reads) for reads in ("hessian", "laplacian", "gradient")],
        [(WAVES["sine"], "gradient"), (WAVES["tanh"], "gradient")],
    ],
    ids=["laplacian", "hessian", "sine"],
)
def test_what_was_compiled_first_serves_its_own_kind_alone(passes: list[tuple[Network, str]]) -> None:
    """Passes of the same shapes that carry other derivatives, or have other activations."""
    for network, reads in passes:
        model = make_model(model_of("modulated", reads).problem, network)
        points, theta = grid_points(model.problem, 4), theta_of(model)
        expected, found = (replace(model, compile=flag).evaluate(theta, points.x, points.p) for flag in (False, True))
        assert found.layers is not None and expected.layers is not None
        assert found.layers.streams.shape == expected.layers.streams.shape
        assert relative(found.residuals, expected.residuals) < 1e-12


FACTOR = 1.0


def test_a_constant_of_the_residuals_module_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"oscillator": u.laplacian[0] + FACTOR * u.value[0]}

    problem = replace(make_problem("helmholtz"), residual=residual, scale=None)
    model, points = make_model(problem, Modulated(widths=(4,))), grid_points(problem, 6)
    for factor in (1.0, 5.0):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        expected = direction(model, points, Soft())
        assert relative(direction(replace(model, compile=True), points, Soft()), expected) < 1e-12


def test_a_module_of_ones_own_runs_as_it_is() -> None:
    problem = make_problem("helmholtz")
    model, points = ConstrainedNetwork(problem, OwnNetwork(1, 3, 1)), grid_points(problem, 6)
    assert torch.equal(direction(replace(model, compile=True), points, Soft()), direction(model, points, Soft()))


@pytest.mark.slow
def test_a_training_compiles_before_it_starts() -> None:
    """Both sizes of batch, before and after a warm-up: the training itself compiles nothing, and is the same."""
    problem = make_problem("helmholtz")
    model, points = make_model(problem, Modulated(widths=(4,))), grid_points(problem, 7)
    method = Batch(warm_up=1.0, damping=1e-3, refresh_interval=2)
    trainings = [Training(replace(model, compile=flag), points, method, Adam(), 5, 2) for flag in (False, True)]
    assert trainings[1].compile() > 0

    def run() -> None:
        for training in trainings:
            training.run_epoch()
            training.run_epoch()

    assert compilations(run) == 0
    assert relative(trainings[1].theta, trainings[0].theta) < 1e-9


def test_too_many_shapes_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "MOST_VARIANTS", 1)

    def double(x: Tensor) -> Tensor:
        return 2 * x

    call = compiled(double)
    assert torch.equal(call(torch.ones(2)), torch.full((2,), 2.0))
    with pytest.raises(
        CompilationError, match="double met more than 1 shapes, or constants of residuals, in this process; let"
    ):
        call(torch.ones(3))


def test_what_cannot_be_compiled_says_so() -> None:
    def hopeless(x: Tensor) -> Tensor:
        return x * float(input())

    with pytest.raises(CompilationError, match=r"hopeless cannot be compiled .*; install a C\+\+ compiler"):
        compiled(hopeless)(torch.ones(2))


@pytest.mark.parametrize(
    ("inverse", "method"),
    [
        (False, Soft(weights={"out": 2.0})),
        pytest.param(False, Soft(balance=GradientNorms()), marks=pytest.mark.slow),
        pytest.param(False, ConflictFree(), marks=pytest.mark.slow),
        pytest.param(True, Batch(damping=1e-3), marks=pytest.mark.slow),
    ],
)
def test_regions_pairs_and_unknowns_compile(inverse: bool, method: Method) -> None:
    model = channel_model(inverse=inverse)
    points = channel_points(model.problem, {"interior": 2, "y=-1": 2})
    state = start(method, model, points)
    expected = method.direction(make_step(model, points), state).gradient
    found = method.direction(make_step(replace(model, compile=True), points), state).gradient
    assert relative(found, expected) < 1e-10
