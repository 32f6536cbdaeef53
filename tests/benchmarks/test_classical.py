"""Spectral methods solve the peers' problems: matrices are exact on polynomials, every row is accurate and quick."""

import json

import numpy as np
import pytest
import torch

from benchmarks.classical import METHODS, OnGrid, chebyshev, heat, kovasznay, line, main, parsed, poisson_cosine, row
from benchmarks.peers import CASES
from cnn_core import problems

KEYS = {"problem", "points", "steps", "threads", "seconds", "relative_l2"}

BOUNDS = {
    "poisson-2d": 1e-13,
    "heat": 1e-11,
    "poisson-5d": 1e-12,
    "kovasznay": 1e-11,
    "helmholtz-2d": 1e-12,
    "burgers": 1e-10,
    "kdv": 1e-9,
}


def test_an_axis_differentiates_and_interpolates_polynomials():
    axis = chebyshev(-1, 3, 6)
    cube = axis.points**3
    assert np.allclose(axis.slope @ cube, 3 * axis.points**2, atol=1e-12)
    assert np.allclose(axis.bend @ cube, 6 * axis.points, atol=1e-11)
    at = np.array([-1.0, 0.3, 2.9, axis.points[2]])
    assert np.allclose(axis.weights(at) @ cube, at**3, atol=1e-12)


def test_a_grid_is_evaluated_with_its_axes_in_order():
    axes = [chebyshev(0, 1, 3), chebyshev(0, 2, 4)]
    x, y = np.meshgrid(*(axis.points for axis in axes), indexing="ij")
    at = OnGrid(axes, [x * y**2, x - y]).at(torch.tensor([[0.5, 1.5], [0.1, 0.2]], dtype=torch.float64))
    expected = torch.tensor([[0.5 * 1.5**2, -1.0], [0.1 * 0.04, -0.1]], dtype=torch.float64)
    assert torch.allclose(at, expected, atol=1e-13)


@pytest.mark.parametrize("name", METHODS)
def test_every_problem_is_solved_accurately_in_seconds(name):
    found = row(name, repeat=1)
    assert set(found) == KEYS
    assert found["relative_l2"] < BOUNDS[name]
    assert found["seconds"] < 30
    assert len(line(found)) <= 100


def test_more_points_are_more_digits():
    x = torch.rand(100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact = torch.exp(-(torch.pi**2) / 4 * x[:, 1:]) * torch.sin(torch.pi * x[:, :1])
    coarse, fine = (float((heat(n).at(x) - exact).abs().max()) for n in (4, 8))
    assert 1e-5 < coarse < 1e-2 and fine < 1e-4 * coarse


def test_the_walls_of_a_cube_hold_what_is_given():
    solved = poisson_cosine(6, dimensions=3)
    x = torch.tensor([[0.0, 0.5, 0.5], [1.0, 1.0, 1.0]], dtype=torch.float64)
    assert torch.allclose(solved.at(x)[:, 0], torch.tensor([1.0, -3.0], dtype=torch.float64), atol=1e-4)


def test_a_flow_of_another_reynolds_number_is_found_by_newton():
    problem = problems.kovasznay(20.0)
    x = problem.domain.sample("interior", 50, "random", seed=1).x
    exact = torch.vmap(problem.solution)(x, x[:, :0])
    assert float((kovasznay(17, reynolds=20.0).at(x) - exact).abs().max()) < 1e-5


def test_all_problems_but_the_inverse_ones_have_a_method():
    assert set(METHODS) == set(CASES) - {"heat-source", "heat-source-anew"}


def test_the_table_and_its_json(capsys):
    main(["--problem", "poisson-2d", "heat", "--repeat", "1", "--json"])
    *table, last = capsys.readouterr().out.splitlines()
    assert [told.split()[0] for told in table] == ["problem", "poisson-2d", "heat"]
    assert [found["problem"] for found in json.loads(last)] == ["poisson-2d", "heat"]


def test_an_unknown_problem_is_refused(capsys):
    assert parsed([]).problem == list(METHODS)
    with pytest.raises(SystemExit):
        parsed(["--problem", "cavity"])
    assert "invalid choice: 'cavity'" in capsys.readouterr().err
