"""The benchmark beside the peers: what is asked, what a row holds, how slabs of time join, what the summary says."""

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import pi

from benchmarks.peers import CASES, Case, Peer, in_slabs, later, line, main, parsed, rows, solve, summary, tanh
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.problems import burgers, heat, kdv

KEYS = {
    "problem", "network", "parameters", "points", "seed", "threads", "seconds", "steps", "rmse", "relative_l2",
    "residual_off", "side", "peer", "peer_error", "peer_seconds",
}  # fmt: skip


@pytest.fixture(scope="module")
def one_row():
    case = replace(CASES["poisson-2d"], network=tanh(20), points={"interior": 144, "boundary": 48})
    (found,) = rows("poisson-2d", case, 0, 1.0)
    return found


def test_a_row_has_its_keys_and_a_second_is_enough_for_a_small_error(one_row):
    assert set(one_row) == KEYS
    assert json.loads(json.dumps([one_row])) == [one_row]
    assert (one_row["network"], one_row["parameters"], one_row["points"]) == ("2-20-1", 81, 192)
    assert one_row["relative_l2"] < 1e-4
    assert one_row["rmse"] == pytest.approx(one_row["relative_l2"] / 2, rel=0.05)
    assert 1.0 <= one_row["seconds"] < 30
    assert len(line(one_row)) <= 100


def test_the_peers_own_network_gets_somewhere_in_half_a_second(capsys):
    main(["--problem", "poisson-2d", "--seconds", "0.5", "--seed", "3", "--json"])
    *told, last = capsys.readouterr().out.splitlines()
    (found,) = json.loads(last)
    assert (found["problem"], found["seed"], found["parameters"], found["side"]) == ("poisson-2d", 3, 257, "parameters")
    assert found["relative_l2"] < 0.1
    assert told[-1].startswith("poisson-2d: median of 1 rmse") and "ENGD 6.12e-08 after 468 s" in told[-1]


def test_what_is_asked():
    asked = parsed([])
    assert (asked.problem, asked.seconds, asked.seed, asked.threads) == (list(CASES), None, [0, 1, 2, 3, 4], 1)
    asked = parsed(["--problem", "heat", "kdv", "--seconds", "3", "--seed", "7"])
    assert (asked.problem, asked.seconds, asked.seed) == (["heat", "kdv"], 3.0, [7])


def test_an_unknown_problem_is_refused(capsys):
    with pytest.raises(SystemExit):
        parsed(["--problem", "cavity"])
    assert "invalid choice: 'cavity'" in capsys.readouterr().err


def test_slabs_cover_the_time_one_after_the_other():
    slabs = list(in_slabs(kdv(), 4))
    assert [problem.box["t"] for problem, _ in slabs] == [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)]
    assert [first for _, first in slabs] == [True, False, False, False]
    assert all(problem.box["x"] == (-1.0, 1.0) for problem, _ in slabs)
    ((whole, _),) = in_slabs(problem := burgers(), 1)
    assert whole is problem


def test_a_slab_begins_where_the_network_before_goes_on():
    (earlier, _), (next_one, _) = list(in_slabs(kdv(), 4))[1:3]
    first, second = (
        ConstrainedNetwork(problem, fresh(CASES["kdv"].network, problem, seed=0).double())
        for problem in (earlier, next_one)
    )
    x = torch.tensor([[-0.3, 0.5], [0.4, 0.6]], dtype=torch.float64)  # from the end of the earlier one on
    assert torch.allclose(
        second.predict(later(second, first.begin), x, x[:, :0]), first.predict(first.begin, x, x[:, :0])
    )


def test_slabs_join():
    """Two networks meet where one slab ends: the second begins with the first one's values."""
    points = {"interior": 100, "initial": 20, "boundary": 20}
    case = Case(lambda seed: heat(), tanh(12), points, Peer("nobody", 1.0), wave=(0.25,), slabs=2, tolerance=1e-7)
    solved = solve(case, 0, 60.0)
    assert len(solved.models) == len(solved.results) == 2
    x = torch.linspace(0, 1, 21, dtype=torch.float64)
    at, after = (solved.at(torch.stack([x, torch.full_like(x, t)], dim=1)) for t in (0.5, 0.5 + 1e-9))
    assert float((at - after).abs().max()) < 1e-3
    exact = torch.exp(-torch.tensor(torch.pi**2 / 8)) * torch.sin(torch.pi * x)
    assert float((at[:, 0] - exact).abs().max()) < 1e-3


def test_a_source_is_measured_beside_what_it_heats():
    case = replace(CASES["heat-source"], network=tanh(8), points={"interior": 64, "initial": 16, "boundary": 16})
    found = list(rows("heat-source", case, 0, 0.3))
    assert [(one["problem"], one["peer_error"]) for one in found] == [
        ("heat-source", 3.13e-3),
        ("heat-source f", 4.1e-2),
    ]
    assert found[0]["relative_l2"] != found[1]["relative_l2"]


def test_noise_drawn_anew_is_averaged():
    exact = math.exp(-3) * torch.sin(pi * (torch.arange(128, dtype=torch.float64) + 0.5) / 128)

    def noise(case: str) -> float:
        values = CASES[case].problem(3).conditions["observed"].values
        assert values is not None
        return float((values[:, 0] / exact - 1).square().mean().sqrt())

    assert noise("heat-source") == pytest.approx(0.05, rel=0.2)
    assert noise("heat-source-anew") == pytest.approx(0.05 / math.sqrt(1000), rel=0.2)


def test_the_summary_takes_medians(one_row):
    told = summary([{**one_row, "rmse": rmse, "relative_l2": 2 * rmse} for rmse in (1e-3, 1e-6, 1e-7)])
    assert told == ["poisson-2d: median of 3 rmse 1.00e-06, relative 2.00e-06; ENGD 6.12e-08 after 468 s"]
    (without,) = summary([{**one_row, "peer_seconds": None}])
    assert without.endswith("ENGD 6.12e-08")
