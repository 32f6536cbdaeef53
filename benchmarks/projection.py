"""What a projection makes of a network that has learned waves: does it satisfy the PDE, and does it keep the data?

The network, a modulated 5×50 swish, is trained on the data alone (30 epochs of Adam at 1e-3 in batches of 1000,
float32) on A, ν ∈ linspace(0.2, 5, 10), φ ∈ linspace(−0.5, 0.5, 10) with 50 random points on each wave. It is kept in
runs/benchmarks/, one file for each seed. Every wave asked for is then projected by itself, in float64, and measured
at 501 points that are not collocation points:

* data: the mean of (u − u*)², before and after;
* ideal: that of the nearest wave to the unprojected prediction û, which is all that a projection that knows no data
  could hope for. `helmholtz`: the L2 projection of û onto span(sin kx, cos kx), k = 2πν; `pythagorean`: A sin(kx + φ̂),
  φ̂ the phase of that L2 projection;
* residual: the mean of the squared scaled residuals, before and after.

The solver is in its default settings, except that it stays near û's derivatives, too, where the PDE is nonlinear, and
need not be so exact at every weight where it stays near the parameters. Adam gets lm's tolerance, 20,000 steps and the
best of four learning rates; its seconds are those of the best alone. `python -m benchmarks.projection --help` says what
to ask for. With `--json` the last line is a list of all rows.
"""

import argparse
import itertools
import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnn_core import checkpoint
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import Unconstrained
from cnn_core.metrics import errors, measure
from cnn_core.networks import Modulated
from cnn_core.optimizers import Adam
from cnn_core.problem import PointSet, Problem, Split, sample
from cnn_core.problems import helmholtz, pythagorean
from cnn_core.projection import ProjectionResult, project
from cnn_core.solvers import SOLVERS, AdamProjection, LevenbergMarquardt, ProjectionStatus, Solver
from cnn_core.training import train

CACHE = Path("runs/benchmarks")
PROBLEMS = {"helmholtz": helmholtz, "pythagorean": pythagorean}

FREQUENCIES = (0.7, 1.0, 1.7, 2.3, 3.1, 4.1, 4.9)
AMPLITUDES = (0.6, 2.0, 3.3)
PHASES = (-0.3, 0.2)
SEEDS = (0, 1, 2)
ADAM_RATES = (1e-4, 3e-4, 1e-3, 3e-3)
TEST_POINTS = 501

Row = dict[str, Any]


def trained(model: ConstrainedNetwork, seed: int, directory: Path = CACHE) -> Tensor:
    """θ (P,) of the network trained with `seed`, from the cache or by training; the same for all problems."""
    path = directory / f"waves-seed-{seed}.pt"
    if path.exists():
        return checkpoint.load(path)["theta"]
    values = tuple(torch.linspace(0.2, 5, 10, dtype=torch.float64).tolist())
    phases = tuple(torch.linspace(-0.5, 0.5, 10, dtype=torch.float64).tolist())
    split = Split({"amplitude": values, "frequency": values, "phase": phases}, points=50)
    points = sample(model.problem, split, seed=seed).to(dtype=torch.float32, device="cpu")
    theta = train(model, points, Unconstrained(), optimizer=Adam(1e-3), batch_size=1000, epochs=30, seed=seed)
    directory.mkdir(parents=True, exist_ok=True)
    checkpoint.save({"theta": theta}, path)
    return theta


def untrained(problem: Problem, seed: int) -> ConstrainedNetwork:
    """The benchmark's network as it is before training."""
    return ConstrainedNetwork(problem, Modulated(widths=(50,) * 5).build(inputs=1, parameters=3, outputs=1, seed=seed))


def ideal_mse(problem: Problem, points: PointSet, prediction: Tensor) -> float:
    """The data error of the wave that is nearest to the prediction (N, 1)."""
    amplitude, frequency, _ = points.p[0]
    angle = 2 * math.pi * frequency * points.x
    basis = torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)
    weights = torch.linalg.lstsq(basis, prediction).solution
    if problem.name == "pythagorean":
        weights = amplitude * weights / weights.norm()
    return float((basis @ weights - points.u).square().mean())


def row(model: ConstrainedNetwork, theta: Tensor, wave: Tensor, solver: Solver, *, seed: int = 0) -> Row:
    """Project one wave (3,) from θ (P,) in float64 and measure it; `seed` is only noted down."""
    values = {name: (float(value),) for name, value in zip(model.problem.parameters, wave, strict=True)}
    points = sample(model.problem, Split(values, points=TEST_POINTS, sampling="uniform"))
    theta = theta.double()
    before, result = measure(model, theta, points), _fastest(model, theta, points.p[:1], solver)
    old, new = errors(before, points), errors(measure(model, result.theta, points), points)
    return {
        "problem": model.problem.name,
        **{name: value for name, (value,) in values.items()},
        "seed": seed,
        "solver": solver.solver,
        "nearest": getattr(solver, "nearest", None),
        "data_mse_before": old["data_mse"],
        "data_mse_after": new["data_mse"],
        "data_mse_ideal": ideal_mse(model.problem, points, before.prediction),
        "residual_before": old["constraint_mse"],
        "residual_after": new["constraint_mse"],
        "steps": result.steps,
        "status": str(result.status),
        "seconds": result.seconds,
    }


def _fastest(model: ConstrainedNetwork, theta: Tensor, waves: Tensor, solver: Solver) -> ProjectionResult:
    """The projection; for Adam that of the learning rate that met the tolerance first, or came nearest to it."""
    if not isinstance(solver, AdamProjection):
        return project(model, theta, waves, solver)[0]
    tried = [project(model, theta, waves, replace(solver, learning_rate=rate))[0] for rate in ADAM_RATES]
    return min(tried, key=lambda one: (one.status is not ProjectionStatus.CONVERGED, one.steps, one.residual_on))


def solver_of(problem: str, name: str, nearest: str) -> Solver:
    """The solver that `problem` is projected with; Adam has lm's points and tolerance, and 20,000 steps."""
    lm = LevenbergMarquardt(nearest=nearest)  # type: ignore[arg-type]
    if name == "adam":
        return AdamProjection(tolerance=lm.tolerance, points=lm.points, max_steps=20_000)
    if nearest == "parameters":
        return replace(lm, inner_tolerance=1e-2)
    if problem == "pythagorean":
        return replace(lm, derivatives=2, inner_tolerance=1e-3)
    return lm


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    """One row for each wave and seed, as soon as it is measured."""
    solver = solver_of(asked.problem, asked.solver, asked.nearest)
    for seed in asked.seed:
        model = untrained(PROBLEMS[asked.problem](), seed)
        theta = trained(model, seed)
        for wave in itertools.product(asked.amplitude, asked.frequency, asked.phase):
            yield row(model, theta, torch.tensor(wave, dtype=torch.float64), solver, seed=seed)


HEADER = (
    "                  data error                         residual\n"
    "   ν    A    φ seed before    after    ideal ratio  before   after steps seconds status"
)


def line(row: Row) -> str:
    """A row of the table that HEADER heads; `ratio` is the data error after by the ideal one, at most 99.99."""
    data = "".join(f"{row[f'data_mse_{what}']:9.1e}" for what in ("before", "after", "ideal"))
    ratio = min(row["data_mse_after"] / row["data_mse_ideal"], 99.99)
    wave = f"{row['frequency']:4.1f} {row['amplitude']:4.1f} {row['phase']:4.1f} {row['seed']:3d}{data}{ratio:6.2f}"
    residual = f"{row['residual_before']:7.1e} {row['residual_after']:7.1e}"
    return f"{wave} {residual} {row['steps']:5d} {row['seconds']:7.2f} {row['status']}"


def summary(table: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Shares of rows and extremes over all rows, by what they say."""
    near = [row["data_mse_after"] <= 1.25 * row["data_mse_ideal"] for row in table]
    obeying = [row["residual_after"] <= 1e-6 * row["amplitude"] ** 2 for row in table]
    return {
        "share of rows with data error ≤ 1.25 × ideal": statistics.mean(near),
        "largest data error after / before": max(row["data_mse_after"] / row["data_mse_before"] for row in table),
        "share of rows with residual ≤ 1e-6 A²": statistics.mean(obeying),
        "largest residual after / before": max(row["residual_after"] / row["residual_before"] for row in table),
        "median steps": statistics.median(row["steps"] for row in table),
        "median seconds": statistics.median(row["seconds"] for row in table),
    }


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.projection", description="Project waves and measure.")
    parser.add_argument("--problem", choices=PROBLEMS, default="helmholtz")
    waves = {"frequency": FREQUENCIES, "amplitude": AMPLITUDES, "phase": PHASES, "seed": SEEDS}
    for name, default in waves.items():
        parser.add_argument(f"--{name}", type=type(default[0]), nargs="+", default=default, help=f"default: {default}")
    parser.add_argument("--nearest", choices=("function", "parameters"), default="function", help="for lm")
    parser.add_argument("--solver", choices=SOLVERS, default="lm")
    parser.add_argument("--json", action="store_true", help="end with all rows as one line of JSON")
    return parser


def main() -> None:
    asked = options().parse_args()
    torch.set_num_threads(1)
    table: list[Row] = []
    print(HEADER)
    for one in rows(asked):
        table.append(one)
        print(line(one), flush=True)
    print("", *(f"{what}: {value:.3g}" for what, value in summary(table).items()), sep="\n")
    if asked.json:
        print(json.dumps(table))


if __name__ == "__main__":
    main()
