"""Networks against passes written out by hand."""

import math

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.networks import NETWORKS, Dense, LayeredNetwork, Modulated, Network
from cnn_core.problems import helmholtz
from tests.cnn_core import cases


def activate(name: str, a: float) -> float:
    return math.tanh(a) if name == "tanh" else a / (1 + math.exp(-a))


def forward_by_hand(module: LayeredNetwork, activation: str, x: Tensor, p: Tensor) -> list[float]:
    """One point, neuron by neuron."""
    tensors = {name: tensor.tolist() for name, tensor in module.named_parameters()}

    def linear(layer: str, entered: list[float]) -> list[float]:
        rows = zip(tensors[f"{layer}.weight"], tensors[f"{layer}.bias"], strict=True)
        return [sum(w * h for w, h in zip(row, entered, strict=True)) + bias for row, bias in rows]

    modulated = module.modulation is not None
    rates = linear("modulation", p.tolist()) if modulated else [1.0] * sum(module.widths)
    values = x.tolist() if modulated else x.tolist() + p.tolist()
    for index, width in enumerate(module.widths):
        here, rates = rates[:width], rates[width:]
        outputs = linear(f"hidden.{index}", values)
        values = [rate * activate(activation, a) for rate, a in zip(here, outputs, strict=True)]
    return linear("output", values)


@pytest.mark.parametrize("network", cases.NETWORKS.values(), ids=cases.NETWORKS)
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 3), (2, 4)])
def test_forward_against_a_pass_by_hand(network: Dense | Modulated, inputs: int, outputs: int) -> None:
    module = network.build(inputs=inputs, parameters=3, outputs=outputs, seed=1).double()
    x, p = torch.randn(5, inputs, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    expected = [forward_by_hand(module, network.activation, x[n], p[n]) for n in range(5)]
    torch.testing.assert_close(module(x, p), torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-14)


def test_main_size_has_the_workbooks_number_of_parameters() -> None:
    module = Modulated().build(inputs=1, parameters=3, outputs=1, seed=0)
    assert sum(parameter.numel() for parameter in module.parameters()) == 11_351
    assert Modulated().widths == Dense().widths == (50,) * 5


@pytest.mark.parametrize("network", cases.NETWORKS.values(), ids=cases.NETWORKS)
def test_leading_axes_are_kept(network: Network) -> None:
    module = network.build(inputs=2, parameters=3, outputs=4, seed=1).double()
    x, p = torch.randn(2, 3, 2, dtype=torch.float64), torch.randn(2, 3, 3, dtype=torch.float64)
    assert module(x, p).shape == (2, 3, 4)
    torch.testing.assert_close(module(x, p)[1, 2], module(x[1, 2], p[1, 2]), rtol=1e-13, atol=0)


@pytest.mark.parametrize("network", cases.NETWORKS.values(), ids=cases.NETWORKS)
def test_seed_decides_the_parameters_and_spares_the_global_generator(network: Network) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (
        cases.theta_of(ConstrainedNetwork(helmholtz(), network.build(inputs=1, parameters=3, outputs=1, seed=seed)))
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("network", cases.NETWORKS.values(), ids=cases.NETWORKS)
def test_prediction_does_not_need_the_modules_own_parameters(network: Network) -> None:
    model = cases.make_model(helmholtz(), network, seed=0)
    other = cases.make_model(helmholtz(), network, seed=1)
    points = cases.grid_points(helmholtz(), 6)
    torch.testing.assert_close(
        model.predict(cases.theta_of(other), points.x, points.p), other.network(points.x, points.p), rtol=1e-13, atol=0
    )


@pytest.mark.parametrize("network", cases.NETWORKS.values(), ids=cases.NETWORKS)
def test_a_family_without_parameters(network: Network) -> None:
    module = network.build(inputs=2, parameters=0, outputs=1, seed=0).double()
    x = torch.randn(4, 2, dtype=torch.float64)
    assert torch.isfinite(module(x, torch.zeros(4, 0, dtype=torch.float64))).all()


@pytest.mark.parametrize("widths", [(), (5, 0), (-1,)])
@pytest.mark.parametrize("kind", NETWORKS.values())
def test_meaningless_widths_are_refused(kind: type[Network], widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="widths must be one or more positive whole numbers, got"):
        kind(widths=widths)


def test_without_parameters_nothing_is_modulated() -> None:
    modulated, dense = (
        kind(widths=(6,)).build(inputs=1, parameters=0, outputs=1, seed=0).double() for kind in (Modulated, Dense)
    )
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None]
    assert torch.equal(modulated(x, x[:, :0]), dense(x, x[:, :0]))
    assert modulated(x, x[:, :0]).unique().numel() == 5
