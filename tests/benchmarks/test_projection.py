"""The projection benchmark: what a row holds and what its figures mean, on a small network."""

import json

import pytest
import torch

from benchmarks.projection import (
    CASES,
    header,
    ideal_mse,
    line,
    options,
    parsed,
    row,
    rows,
    solver_of,
    speed_ups,
    summary,
    trained,
)
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.networks import Modulated, parameter_vector
from cnn_core.problems import Split, helmholtz, pythagorean, sample, viscous_flow
from cnn_core.solvers import AdamProjection, LevenbergMarquardt

WAVE = torch.tensor([1.3, 1.0, 0.1], dtype=torch.float64)

KEYS = {
    "problem", "frequency", "amplitude", "phase", "seed", "solver", "nearest", "data_mse_before", "data_mse_after",
    "data_mse_ideal", "residual_before", "residual_after", "steps", "status", "seconds",
}  # fmt: skip


def small_row(solver):
    network = Modulated(widths=(20, 20)).build(inputs=1, parameters=3, outputs=1, seed=0)
    model = ConstrainedNetwork(helmholtz(), network)
    return row(model, parameter_vector(network), WAVE, solver, seed=7)


@pytest.fixture(scope="module")
def one_row():
    return small_row(LevenbergMarquardt(points=40, max_steps=5))


def test_a_row_has_its_keys_and_survives_json(one_row):
    assert set(one_row) == KEYS
    assert json.loads(json.dumps([one_row])) == [one_row]
    assert (one_row["amplitude"], one_row["frequency"], one_row["phase"], one_row["seed"]) == (1.3, 1.0, 0.1, 7)
    assert (one_row["solver"], one_row["nearest"], one_row["steps"]) == ("lm", "function", 5)
    assert one_row["residual_after"] < one_row["residual_before"]


def test_a_parameter_of_another_problem_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["projection", "--problem", "viscous-flow", "--frequency", "1"])
    with pytest.raises(SystemExit):
        parsed()
    said = capsys.readouterr().err
    assert "argument --frequency: viscous-flow has none; it has --u-infinity, --suction, --w-infinity" in said


def test_adam_gets_several_learning_rates_and_says_the_same():
    measured = small_row(AdamProjection(points=40, max_steps=3, tolerance=1e-8))
    assert set(measured) == KEYS
    assert (measured["solver"], measured["nearest"], measured["steps"]) == ("adam", None, 3)


def test_the_table_fits_100_columns(one_row):
    widest = {**one_row, "status": "tolerance not met", "steps": 20_000, "seconds": 999.99, "phase": -0.3}
    assert len(line(widest)) <= 100 and all(len(heading) <= 100 for heading in header("helmholtz").splitlines())


def test_the_ideal_keeps_a_wave_and_drops_what_is_none():
    points = sample(helmholtz(), Split({"amplitude": (2.0,), "frequency": (1.5,), "phase": (0.2,)}, 501, "uniform"))
    assert ideal_mse(helmholtz(), points, points.u + 0.1) < 1e-5
    assert ideal_mse(helmholtz(), points, 0.5 * points.u) == pytest.approx(float((0.5 * points.u).square().mean()))
    assert ideal_mse(pythagorean(), points, 0.5 * points.u) < 1e-20


def test_the_summary_counts_rows(one_row):
    good = {**one_row, "data_mse_after": 1.0, "data_mse_ideal": 1.0, "data_mse_before": 2.0, "residual_after": 1e-9}
    bad = {**good, "data_mse_after": 3.0, "residual_after": 1e-3}
    figures = summary([good, bad])
    assert figures["share of rows with data error ≤ 1.25 × ideal"] == 0.5
    assert figures["largest data error after / before"] == 1.5
    assert figures["share of rows with residual ≤ 1e-6 A²"] == 0.5


def test_a_flow_has_no_ideal_and_is_named_by_its_own_parameters():
    network = Modulated(widths=(6,)).build(inputs=3, parameters=3, outputs=3, seed=0)
    model, wave = ConstrainedNetwork(viscous_flow(), network), torch.tensor([1.0, 0.5, 0.7], dtype=torch.float64)
    solver = LevenbergMarquardt(points=8, max_steps=1)
    one = row(model, parameter_vector(network), wave, solver, test_points=27)
    assert set(one) == KEYS | {"u_infinity", "suction", "w_infinity"}
    assert one["data_mse_ideal"] is None and one["frequency"] is None and one["suction"] == 0.5
    assert len(line(one)) <= 100 and line(one).startswith(" 1.0  0.5  0.7")
    assert header("viscous-flow").splitlines()[1].startswith("   U    V    W")
    assert "share of rows with residual ≤ 1e-6 A²" not in summary([one])


def test_the_network_is_trained_once(monkeypatch, tmp_path):
    trainings = []

    def train(model, points, *args, **settings):
        trainings.append(len(points))
        return parameter_vector(model.network)

    monkeypatch.setattr("benchmarks.projection.train", train)
    for name in ("helmholtz", "pythagorean", "viscous-flow", "viscous-flow"):
        model, theta = trained(CASES[name], 3, tmp_path)
        assert torch.equal(theta, parameter_vector(model.network))
    assert trainings == [50_000, 50_000]


def test_any_wave_can_be_asked_for_and_any_solver(monkeypatch):
    asked = options().parse_args(
        ["--frequency", "0.7", "1.1", "--amplitude", "2", "--phase", "0.2", "--seed", "4", "--solver", "lm", "adam"]
    )
    network = Modulated(widths=(5,)).build(inputs=1, parameters=3, outputs=1, seed=0)
    model = ConstrainedNetwork(helmholtz(), network)
    one_step = {"lm": LevenbergMarquardt(max_steps=1), "adam": AdamProjection(max_steps=1)}
    monkeypatch.setattr("benchmarks.projection.trained", lambda case, seed: (model, parameter_vector(network)))
    monkeypatch.setattr("benchmarks.projection.solver_of", lambda _, name, nearest: one_step[name])
    table = list(rows(asked))
    assert [(one["frequency"], one["seed"], one["solver"]) for one in table] == [
        (0.7, 4, "lm"), (0.7, 4, "adam"), (1.1, 4, "lm"), (1.1, 4, "adam"),
    ]  # fmt: skip
    assert len(speed_ups(table)) == 2 and all(ratio > 0 for ratio in speed_ups(table))


def test_adam_stops_where_lm_does():
    lm, adam = solver_of("helmholtz", "lm", "parameters"), solver_of("helmholtz", "adam", "function")
    assert isinstance(lm, LevenbergMarquardt) and lm.nearest == "parameters"
    assert isinstance(adam, AdamProjection)
    assert (adam.tolerance, adam.points) == (lm.tolerance, lm.points)
