"""J as an operator against rows differentiated one by one."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.data_loss import point_losses
from cnn_core.jacobian import Jacobian
from cnn_core.linearisation import Terms, batch_terms
from cnn_core.networks import Dense, Modulated, Network
from cnn_core.problems import PointSet, Problem, helmholtz
from tests.cnn_core.cases import (
    FAMILIES,
    NETWORKS,
    OwnNetwork,
    general_twin,
    grid_points,
    make_model,
    make_problem,
    relative,
    residual_jacobian,
    theta_of,
)
from tests.cnn_core.test_constrained import hessian_problem

POINTS = 3


EVERY_PROBLEM = [*(make_problem(name) for name in FAMILIES), hessian_problem(2)]


def naive_rows(model: ConstrainedNetwork, points: PointSet, *, losses: bool) -> Tensor:
    """One backward pass per row, by the general path."""
    twin = general_twin(model) if model.path == "layers" else model
    theta = theta_of(twin)
    evaluation = twin.evaluate(theta, points.x, points.p)
    quantities = evaluation.residuals
    if losses:
        quantities = torch.cat([point_losses(evaluation.prediction, points.u)[:, None], quantities], dim=1)
    return torch.stack([torch.autograd.grad(row, theta, retain_graph=True)[0] for row in quantities.flatten()])


def jacobian_of(model: ConstrainedNetwork, points: PointSet) -> Jacobian:
    theta = theta_of(model)
    return residual_jacobian(model, theta, model.evaluate(theta, points.x, points.p), points.x, points.p)


def terms_of(model: ConstrainedNetwork, points: PointSet) -> Terms:
    return batch_terms(model, theta_of(model), points.x, points.p, points.u)


def assert_operator(jacobian: Jacobian, rows: Tensor, quantities: int) -> None:
    """Everything that an operator can do, against the rows."""
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(rows.shape[1], generator=generator, dtype=torch.float64)
    weights = torch.randn(rows.shape[0], generator=generator, dtype=torch.float64)
    assert relative(jacobian.matrix(), rows) < 1e-12
    pieces = list(jacobian.pieces(2))
    assert len(pieces) > 1
    assert relative(torch.cat(pieces), rows) < 1e-12
    assert relative(jacobian.gram(), rows @ rows.T) < 1e-12
    assert relative(jacobian.times(vector), rows @ vector) < 1e-12
    assert relative(jacobian.transposed_times(weights), weights @ rows) < 1e-12
    blocks = rows.view(-1, quantities, rows.shape[1])
    assert relative(jacobian.point_products(jacobian), blocks @ blocks.mT) < 1e-12


def assert_terms(model: ConstrainedNetwork, points: PointSet, path: str) -> None:
    """Both Jacobians of a batch, and their products point by point, against rows of one backward pass each."""
    terms = terms_of(model, points)
    constraints = len(model.problem.constraints)
    rows = naive_rows(model, points, losses=True).view(len(points), 1 + constraints, -1)
    assert terms.losses is not None and terms.constraints is not None
    assert (terms.losses.path, terms.constraints.path) == (path, path)
    assert_operator(terms.losses, rows[:, 0], 1)
    assert_operator(terms.constraints, rows[:, 1:].flatten(0, 1), constraints)
    products = rows[:, 1:] @ rows[:, :1].mT
    assert (terms.constraints.point_products(terms.losses) - products).norm() <= 1e-12 * rows.square().sum()
    other_way = terms.losses.point_products(terms.constraints)
    assert (other_way - products.mT).norm() <= 1e-12 * rows.square().sum()
    assert relative(terms.gradient, rows[:, 0].mean(dim=0)) < 1e-12


@pytest.mark.parametrize("problem", EVERY_PROBLEM, ids=lambda problem: problem.name)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_our_networks_against_naive_rows(network: Network, problem: Problem) -> None:
    model, points = make_model(problem, network), grid_points(problem, POINTS)
    assert_operator(jacobian_of(model, points), naive_rows(model, points, losses=False), len(problem.constraints))
    assert_terms(model, points, "layers")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_researchers_own_module_against_naive_rows(name: str) -> None:
    problem = make_problem(name)
    network = OwnNetwork(len(problem.axes), len(problem.parameters), len(problem.outputs))
    model, points = ConstrainedNetwork(problem, network), grid_points(problem, POINTS)
    assert_operator(jacobian_of(model, points), naive_rows(model, points, losses=False), len(problem.constraints))
    assert_terms(model, points, "general")


@pytest.mark.parametrize("general", [False, True], ids=["layers", "general"])
def test_a_part_holds_some_quantities_of_every_point(general: bool) -> None:
    problem = make_problem("viscous-flow")
    model, points = make_model(problem, Modulated(widths=(6, 5))), grid_points(problem, POINTS)
    model = general_twin(model) if general else model
    rows = naive_rows(model, points, losses=False).view(POINTS, 4, -1)
    assert_operator(jacobian_of(model, points).part(1, 3), rows[:, 1:3].flatten(0, 1), 2)


@pytest.mark.parametrize("widths", [(3,), (40,), (64, 2), (2, 64), (10,) * 6])
@pytest.mark.parametrize("points", [1, 2, 37])
@pytest.mark.parametrize("kind", [Dense, Modulated])
def test_gram_whatever_way_is_cheapest(kind: type[Dense | Modulated], points: int, widths: tuple[int, ...]) -> None:
    """Layers of every shape: the cheapest way of filling G must not change it."""
    model = make_model(helmholtz(), kind(widths=widths))
    jacobian = jacobian_of(model, grid_points(helmholtz(), points))
    matrix = jacobian.matrix()
    gram = jacobian.gram()
    assert relative(gram, matrix @ matrix.T) < 1e-13
    assert relative(gram, gram.T) < 1e-14


def test_gram_of_many_rows_is_filled_everywhere() -> None:
    """More rows than fit in one tile, and a number that no tile size divides."""
    problem = make_problem("viscous-flow")
    model = make_model(problem, Dense(widths=(20, 20)))
    jacobian = jacobian_of(model, grid_points(problem, 211))
    matrix = jacobian.matrix()
    assert relative(jacobian.gram(), matrix @ matrix.T) < 1e-13


def test_float32_agrees_with_float64() -> None:
    model = make_model(helmholtz(), Modulated(widths=(20, 20)))
    points = grid_points(helmholtz(), 30)
    exact = jacobian_of(model, points).gram()
    single = points.to(dtype=torch.float32, device="cpu")
    theta = theta_of(model).detach().float().requires_grad_()
    evaluation = model.evaluate(theta, single.x, single.p)
    gram = residual_jacobian(model, theta, evaluation, single.x, single.p).gram()
    assert gram.dtype == torch.float32
    assert relative(gram.double(), exact) < 1e-5


@pytest.mark.parametrize("name", ["helmholtz", "pythagorean", "viscous-flow"])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_products_with_another_jacobian_of_the_same_network(network: Network, name: str) -> None:
    problem = make_problem(name)
    model = make_model(problem, network)
    values = make_model(replace(problem, residual=lambda u, x, p: {"value": u.value[0]}, scale=None), network)
    every = jacobian_of(model, grid_points(problem, 7))
    for other in (jacobian_of(model, grid_points(problem, 3, seed=1)), jacobian_of(values, grid_points(problem, 4))):
        expected = every.matrix() @ other.matrix().T
        assert relative(every.products(other), expected) < 1e-12
        assert relative(other.products(every), expected.T) < 1e-12
