"""Every network by its layers against nested differentiation: u and its derivatives, J, J Jᵀ, J v and Jᵀ w."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.linearisation import batch_terms
from cnn_core.networks import Dense, Fourier, HardValues, LayeredNetwork, Modulated, Network, Siren
from cnn_core.problems import Condition, Problem, helmholtz
from tests.cnn_core.cases import grid_points, make_model, relative, residual_jacobian, theta_of

BOX = {"x": (-1.0, 2.0), "t": (0.0, 0.5)}

SMALL: Mapping[str, Network] = {
    "dense": Dense((5, 4), "tanh"),
    "modulated": Modulated((5, 4)),
    "plain": Modulated((5, 4), normalise=False),
    "sine": Dense((5, 4), "sine"),
    "siren": Siren((5, 4), omega=3.0, hidden_omega=2.0),
    "fourier": Fourier((5, 4), features=3, scale=0.3),
    "fourier plain": Fourier((5, 4), features=2, scale=0.3, normalise=False),
    "periodic": Modulated((5, 4), periodic=("x",)),
    "periodic plain": Dense((5, 4), periodic=("t", "x"), normalise=False),
    "periodic fourier": Fourier((5, 4), features=2, scale=0.2, periodic=("x",)),
    "hard": Dense((5, 4), hard={"x": (0.5, -0.7)}),
    "hard box": Modulated((5, 4), "tanh", hard={"x": (0.3, 0.3), "t": (0.3, None)}),
    "hard end": Siren((5, 4), omega=3.0, hidden_omega=2.0, periodic=("x",), hard={"t": (None, 0.2)}),
    "functions": Modulated((5, 4)),
}

READS: Mapping[str, Callable[[Any], Tensor]] = {
    "value": lambda u: u.value[0] ** 2 + u.value[1],
    "gradient": lambda u: u.gradient[0, 1] * u.value[1] + u.gradient[1, 0],
    "laplacian": lambda u: u.laplacian[0] + u.value[0] * u.gradient[1, 0] + u.laplacian[1],
    "hessian": lambda u: u.hessian[0, 0, 1] * u.value[1] + u.hessian[1, 1, 1] + u.hessian[1, 0, 0],
    "third": lambda u: u["xxt"][0] + u["x"][1] * u["ttt"][1],
    "fourth": lambda u: u["xxxx"][0] + u["xxtt"][1] + u["t"][0] * u["xtt"][1],
}


def bump(x: Tensor) -> Tensor:
    return (1 - x[:, :1]) * torch.sin(3 * x[:, 1:]).exp()


def start(x: Tensor) -> Tensor:
    return torch.cat([torch.cos(x[:, :1] * x[:, 1:]), x[:, :1] ** 3], dim=1)


def model_of(network: str, reads: str) -> ConstrainedNetwork:
    problem = Problem(
        reads, BOX, ("amplitude",), ("u", "v"),
        residual=lambda u, x, p: {"first": READS[reads](u), "second": u.value[0] * p[0] + x[0]},
        solution=lambda x, p: torch.stack([(p[0] * x.sum()).sin(), x[0]]),
    )  # fmt: skip
    model = make_model(problem, SMALL[network])
    if network == "functions":
        cast(LayeredNetwork, model.network).transform = HardValues(start, bump)
    return model


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("network", SMALL)
def test_layers_agree_with_nested_differentiation(network: str, reads: str) -> None:
    model = model_of(network, reads)
    twin = replace(model, taylor=False)
    assert (model.path, twin.path) == ("layers", "general")
    points, theta = grid_points(model.problem, 4), theta_of(model)
    found, expected = (one.evaluate(theta, points.x, points.p) for one in (model, twin))
    assert relative(found.prediction, expected.prediction) < 1e-12
    assert relative(found.residuals, expected.residuals) < 1e-12
    jacobian, rows = (
        residual_jacobian(one, theta, evaluation, points.x, points.p)
        for one, evaluation in ((model, found), (twin, expected))
    )
    expected_rows = rows.matrix()
    assert relative(jacobian.matrix(), expected_rows) < 1e-12
    assert relative(jacobian.gram(), expected_rows @ expected_rows.T) < 1e-12
    generator = torch.Generator().manual_seed(0)
    vector, weights = (torch.randn(size, generator=generator).double() for size in expected_rows.shape[::-1])
    assert relative(jacobian.times(vector), expected_rows @ vector) < 1e-11
    assert relative(jacobian.transposed_times(weights), weights @ expected_rows) < 1e-12
    gradients = [
        torch.autograd.grad(one.residuals.square().sum() + one.prediction.pow(3).sum(), theta)[0]
        for one in (found, expected)
    ]
    assert relative(*gradients) < 1e-12


@pytest.mark.parametrize("network", SMALL)
def test_the_data_loss_is_pulled_back_as_well(network: str) -> None:
    model = model_of(network, "laplacian")
    points, theta = grid_points(model.problem, 4), theta_of(model)
    twin = replace(model, taylor=False)
    found, expected = (batch_terms(one, theta, points.x, points.p, points.u) for one in (model, twin))
    assert relative(found.gradient, expected.gradient) < 1e-12
    assert found.losses is not None and expected.losses is not None
    assert relative(found.losses.matrix(), expected.losses.matrix()) < 1e-12


def moved(x: Tensor) -> Tensor:
    return x + torch.tensor([0.4, 0.0]).to(x)


def jump(u: Any, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    return {"jump": u.value[0] - 2 * u.partner.value[0] + u.gradient[1, 0] * u.partner.laplacian[1]}


@pytest.mark.parametrize("network", ["hard box", "functions", "periodic fourier"])
def test_pairs_of_points_by_the_layers(network: str) -> None:
    problem = replace(model_of(network, "value").problem, conditions={"jump": Condition("x=-1", jump, partner=moved)})
    model = replace(model_of(network, "value"), problem=problem).on("x=-1")
    twin = replace(model, taylor=False)
    assert (model.path, twin.path, model.paired) == ("layers", "general", True)
    x = torch.tensor([[-1.0, 0.2], [-1.0, 0.4]], dtype=torch.float64)
    p = torch.tensor([[0.5, -1.0, 0.0], [0.7, -1.0, 0.0]], dtype=torch.float64)  # the normals are attached
    theta = theta_of(model)
    rows = []
    for one in (model, twin):
        evaluation = one.evaluate(theta, x, p)
        rows.append(residual_jacobian(one, theta, evaluation, x, p).matrix())
    assert relative(*rows) < 1e-12


@pytest.mark.parametrize("network", [name for name in SMALL if name.startswith("periodic")])
def test_what_is_periodic_is_so_with_its_derivatives(network: str) -> None:
    model = model_of(network, "fourth")
    points, theta = grid_points(model.problem, 5), theta_of(model)
    moved = points.x + torch.tensor([3.0, 0.0], dtype=torch.float64)
    assert relative(model.predict(theta, moved, points.p), model.predict(theta, points.x, points.p)) < 1e-13
    here, there = (model.residuals(theta, x, points.p)[:, 0] for x in (points.x, moved))
    assert relative(there, here) < 1e-10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hard_values_hold_exactly_whatever_the_parameters(dtype: torch.dtype) -> None:
    for network, place, value in (("hard", 0, 0.5), ("hard", 1, -0.7), ("hard box", 0, 0.3), ("hard box", 1, 0.3)):
        model = model_of(network, "value")
        model.network.to(dtype)
        x = torch.tensor([[BOX["x"][place], 0.2]], dtype=dtype)
        u = model.predict(100 * theta_of(model).detach(), x, x[:, :1])
        torch.testing.assert_close(u, torch.full_like(u, value), rtol=1e-6 if dtype == torch.float32 else 1e-15, atol=0)
    model = model_of("hard box", "value")
    x = torch.tensor([[0.3, BOX["t"][0]]], dtype=torch.float64)
    u = model.predict(theta_of(model), x, x[:, :1]).detach()
    assert torch.equal(u, torch.full_like(u, 0.3))


def test_a_box_is_mapped_to_the_unit_box() -> None:
    """u on [low, high] is what the network without normalisation is on [−1, 1]; derivatives by the chain rule."""
    slopes = [2 / (high - low) for low, high in BOX.values()]
    stretched = make_model(replace(model_of("dense", "hessian").problem), Dense((5, 4), "tanh"))
    unit = make_model(
        replace(stretched.problem, coordinates={"x": (-1.0, 1.0), "t": (-1.0, 1.0)}), Dense((5, 4), "tanh")
    )
    theta, p = theta_of(unit), torch.rand(6, 1, generator=torch.Generator().manual_seed(1)).double()
    z = 2 * torch.rand(6, 2, generator=torch.Generator().manual_seed(0)).double() - 1
    x = torch.stack([(z[:, i] / slopes[i]) + sum(BOX[name]) / 2 for i, name in enumerate(BOX)], dim=1)
    assert relative(stretched.predict(theta, x, p), unit.predict(theta, z, p)) < 1e-14
    first, second = (
        one.layer_pass(theta.detach(), at, p, one.carried).streams for one, at in ((stretched, x), (unit, z))
    )
    factors = [1.0, *slopes, slopes[0] ** 2, slopes[0] * slopes[1], slopes[1] ** 2]
    for stream, factor in enumerate(factors):
        assert relative(first[stream], factor * second[stream]) < 1e-13


def test_on_the_unit_box_nothing_is_multiplied() -> None:
    problem = helmholtz()
    normalised, plain = (make_model(problem, Modulated((6, 5), normalise=normalise)) for normalise in (True, False))
    points, theta = grid_points(problem, 7), theta_of(plain)
    assert torch.equal(theta_of(normalised), theta)
    assert torch.equal(*(one.residuals(theta, points.x, points.p) for one in (normalised, plain)))
    assert list(normalised.network.state_dict()) == list(plain.network.state_dict())


@pytest.mark.parametrize("network", SMALL)
def test_what_is_not_trained_is_in_no_checkpoint(network: str) -> None:
    model = model_of(network, "value")
    assert set(model.network.state_dict()) == set(model.layout.names)


def test_fourier_features_are_those_of_the_seed_and_follow_their_definition() -> None:
    network = Fourier((5,), features=400, scale=2.0)
    first, again, other = (cast(LayeredNetwork, fresh(network, helmholtz(), seed=seed)) for seed in (0, 0, 1))
    x = torch.tensor([[0.3]])
    waves = [one.embedding(x, None, model_of("dense", "value").carried)[0, 0] for one in (first, again, other)]
    assert torch.equal(waves[0], waves[1]) and not torch.equal(waves[0], waves[2])
    cosines, sines = waves[0].split(400)
    torch.testing.assert_close(cosines.square() + sines.square(), torch.ones(400))
    frequencies = cast(Tensor, first.embedding.stages[0].frequencies)[:400, 0] / (2 * math.pi)
    torch.testing.assert_close(cosines, torch.cos(2 * math.pi * frequencies * 0.3), rtol=1e-5, atol=1e-5)
    assert float(frequencies.std()) == pytest.approx(2.0, rel=0.1)


def test_a_siren_begins_as_the_paper_says() -> None:
    """Of n inputs: the first weights within ±1/n, all others within ±√(6/n)/ω; arguments of sines of variance one."""
    module = Siren((256, 256, 256), omega=30.0, hidden_omega=20.0).build(inputs=2, parameters=0, outputs=1, seed=0)
    hidden = [cast(Tensor, layer.weight).detach() for layer in module.hidden]
    assert 0.49 < float(hidden[0].abs().max()) <= 0.5
    for weight in (*hidden[1:], module.output.weight.detach()):
        bound = math.sqrt(6 / 256) / 20
        assert 0.9 * bound < float(weight.abs().max()) <= bound
    x = 2 * torch.rand(400, 2, generator=torch.Generator().manual_seed(0)) - 1
    _, trace = module.propagate(dict(module.named_parameters()), x, x[:, :0], model_of("dense", "value").carried)
    arguments = 20 * (trace.hidden[2].before - cast(Tensor, module.hidden[2].bias)).detach()
    assert float(arguments.std()) == pytest.approx(1.0, rel=0.15)


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: Dense((4,), periodic=("x", "x")), r"periodic has a coordinate twice, got \['x', 'x'\]; name each once"),
    (lambda: Dense((4,), hard={"x": (None, None)}), r"hard.x gives no value at either end; write e.g. \[0.0, null\]"),
    (lambda: Dense((4,), hard={"x": (0.0, 1.0), "t": (0.0, 0.0)}), "hard has different values, 0.0, 1.0, at walls"),
    (lambda: Siren((4,), periodic=("x",), hard={"x": (0.0, 0.0)}), "x is periodic and has hard values at its ends"),
    (lambda: Siren((4,), omega=0.0), "omega must be positive, got 0.0"),
    (lambda: Fourier((4,), features=0), "features must be positive, got 0"),
    (lambda: Fourier((4,), scale=-1.0), "scale must be positive, got -1.0"),
    (lambda: fresh(Dense((4,), periodic=("y",)), helmholtz(), seed=0), "periodic names 'y', which is no coordinate; w"),
    (lambda: fresh(Dense((4,), hard={"y": (0.0, 0.0)}), helmholtz(), seed=0), "hard names 'y', which is no coord"),
    (
        lambda: Dense((4,), periodic=("x",)).build(inputs=1, parameters=0, outputs=1, seed=0),
        "periodic needs the coordinates' ends and names; build the network with box and coordinates",
    ),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message[:24] for _, message in WRONG])
def test_what_makes_no_sense_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
