import torch
from torch import nn

from cnn_core.networks import layout_of, parameter_vector


def module() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()


def test_vector_and_named_parameters_round_trip() -> None:
    network = module()
    layout = layout_of(network)
    theta = parameter_vector(network)
    assert layout.size == len(theta) == 2 * 3 + 3 + 3 + 1
    named = layout.unflatten(theta)
    for name, parameter in network.named_parameters():
        assert torch.equal(named[name], parameter)
    assert torch.equal(layout.flatten(named), theta)


def test_vector_holds_each_tensor_row_by_row_in_the_modules_order() -> None:
    network = module()
    expected = [float(value) for parameter in network.parameters() for value in parameter.detach().flatten()]
    assert parameter_vector(network).tolist() == expected


def test_gradients_flow_through_named_parameters_to_the_vector() -> None:
    layout = layout_of(module())
    theta = torch.arange(layout.size, dtype=torch.float64).requires_grad_()
    sum(tensor.square().sum() for tensor in layout.unflatten(theta).values()).backward()  # type: ignore[union-attr]
    assert torch.equal(theta.grad, 2 * theta.detach())  # type: ignore[arg-type]


def test_the_vector_is_a_copy_without_a_graph() -> None:
    network = module()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    theta = parameter_vector(network)
    theta.zero_()
    assert not theta.requires_grad
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), before, strict=True))


def test_parameters_that_are_not_trained_are_left_out() -> None:
    network = module()
    network[0].weight.requires_grad_(False)  # type: ignore[index, union-attr]
    assert layout_of(network).names == ("0.bias", "2.weight", "2.bias")
