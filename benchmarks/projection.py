"""What a projection makes of a network that has learned waves: does it satisfy the PDE, and does it keep the data?

The network, a modulated 5×50 swish, is trained on the data alone (30 epochs of Adam at 1e-3 in batches of 1000,
float32) on A, ν ∈ linspace(0.2, 5, 10), φ ∈ linspace(−0.5, 0.5, 10) with 50 random points on each wave; for viscous
flow on as many U, W ∈ [0.2, 2], V ∈ [0.2, 1]. It is kept in runs/benchmarks/, one file for each seed. Every wave that
is asked for is then projected by itself, in float64, and measured at points that are not collocation points (501 of a
wave, 11³ of a flow):

* data: the mean of (u − u*)², before and after;
* ideal: that of the nearest wave to the unprojected prediction û, which is all that a projection that knows no data
  could hope for. `helmholtz`: the L2 projection of û onto span(sin kx, cos kx), k = 2πν; `pythagorean`: A sin(kx + φ̂),
  φ̂ the phase of that L2 projection; none for flows, whose other solutions are not known;
* residual: the mean of the squared scaled residuals, before and after.

`solver_of` says how lm is set for each problem. Adam gets lm's points and tolerance, 20,000 steps and the best of four
learning rates; its seconds are those of the best alone, and a rate that is slower than the best so far is given up.
With `--solver lm adam` every wave is projected by both, one after the other. `python -m benchmarks.projection --help`
says what to ask for. With `--json` the last line is a list of all rows.
"""

import argparse
import contextlib
import itertools
import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnn_core import checkpoint
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.methods import Unconstrained
from cnn_core.metrics import errors, measure
from cnn_core.networks import Modulated
from cnn_core.optimizers import Adam
from cnn_core.problems import PointSet, Problem, Split, helmholtz, pythagorean, sample, viscous_flow
from cnn_core.projection import ProjectionResult, project
from cnn_core.solvers import AdamProjection, LevenbergMarquardt, ProjectionStatus, Solver
from cnn_core.training import train

CACHE = Path("runs/benchmarks")
ADAM_RATES = (3e-3, 1e-3, 3e-4, 1e-4)
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """A problem, the name of its network's file, what is trained on, and the waves that are projected by default."""

    problem: Callable[[], Problem]
    network: str
    ranges: Mapping[str, tuple[float, float]]
    waves: Mapping[str, tuple[float, ...]]
    test_points: int


WAVE_RANGES = {"amplitude": (0.2, 5.0), "frequency": (0.2, 5.0), "phase": (-0.5, 0.5)}
WAVES = {"amplitude": (0.6, 2.0, 3.3), "frequency": (0.7, 1.0, 1.7, 2.3, 3.1, 4.1, 4.9), "phase": (-0.3, 0.2)}
FLOW_RANGES = {"u_infinity": (0.2, 2.0), "suction": (0.2, 1.0), "w_infinity": (0.2, 2.0)}
FLOWS = {"u_infinity": (0.5, 1.5), "suction": (0.3, 0.9), "w_infinity": (1.0,)}

CASES = {
    "helmholtz": Case(helmholtz, "waves", WAVE_RANGES, WAVES, 501),
    "pythagorean": Case(pythagorean, "waves", WAVE_RANGES, WAVES, 501),
    "viscous-flow": Case(viscous_flow, "flows", FLOW_RANGES, FLOWS, 11**3),
}

Row = dict[str, Any]


def trained(case: Case, seed: int, directory: Path = CACHE) -> tuple[ConstrainedNetwork, Tensor]:
    """The network, and θ (P,) trained with `seed`, from the cache or by training; waves share one for all problems."""
    problem = case.problem()
    network = Modulated(widths=(50,) * 5, normalise=False)  # as in the results that were published
    model = ConstrainedNetwork(problem, fresh(network, problem, seed=seed))
    path = directory / f"{case.network}-seed-{seed}.pt"
    with contextlib.suppress(checkpoint.CheckpointError):  # none yet, or of an earlier version
        return model, checkpoint.load(path)["theta"]
    grid = {name: tuple(torch.linspace(*ends, 10, dtype=torch.float64).tolist()) for name, ends in case.ranges.items()}
    points = sample(problem, Split(grid, points=50), seed=seed).to(dtype=torch.float32, device="cpu")
    theta = train(model, points, Unconstrained(), optimizer=Adam(1e-3), batch_size=1000, epochs=30, seed=seed)
    directory.mkdir(parents=True, exist_ok=True)
    checkpoint.save({"theta": theta}, path)
    return model, theta


def ideal_mse(problem: Problem, points: PointSet, prediction: Tensor) -> float:
    """The data error of the wave that is nearest to the prediction (N, 1)."""
    amplitude, frequency, _ = points.p[0]
    angle = 2 * math.pi * frequency * points.x
    basis = torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)
    weights = torch.linalg.lstsq(basis, prediction).solution
    if problem.name == "pythagorean":
        weights = amplitude * weights / weights.norm()
    return float((basis @ weights - points.u).square().mean())


def row(
    model: ConstrainedNetwork, theta: Tensor, wave: Tensor, solver: Solver, *, test_points: int = 501, seed: int = 0
) -> Row:
    """Project one wave (3,) from θ (P,) in float64 and measure it; `seed` is only noted down."""
    values = {name: (float(value),) for name, value in zip(model.problem.parameters, wave, strict=True)}
    points = sample(model.problem, Split(values, points=test_points, sampling="uniform"))
    theta = theta.double()
    before, result = measure(model, theta, points), _fastest(model, theta, points.p[:1], solver)
    old, new = errors(before, points), errors(measure(model, result.theta, points), points)
    flow = model.problem.name == "viscous-flow"
    return {
        "problem": model.problem.name,
        **dict.fromkeys(WAVES),
        **{name: value for name, (value,) in values.items()},
        "seed": seed,
        "solver": solver.solver,
        "nearest": getattr(solver, "nearest", None),
        "data_mse_before": old["data_mse"],
        "data_mse_after": new["data_mse"],
        "data_mse_ideal": None if flow else ideal_mse(model.problem, points, before.prediction),
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
    tried: list[ProjectionResult] = []
    for rate in ADAM_RATES:
        (one,) = project(model, theta, waves, replace(solver, learning_rate=rate))
        tried.append(one)
        if one.status is ProjectionStatus.CONVERGED and one.steps > 1:
            solver = replace(solver, max_steps=one.steps - 1)
    return min(tried, key=lambda one: (one.status is not ProjectionStatus.CONVERGED, one.steps, one.residual_on))


def solver_of(problem: str, name: str, nearest: str) -> Solver:
    """The solver that `problem` is projected with; Adam has lm's points and tolerance, and 20,000 steps."""
    lm = LevenbergMarquardt(nearest=nearest)  # type: ignore[arg-type]
    if problem == "viscous-flow":  # predictions so near a solution bear the constraint from the start
        lm = replace(lm, first_weight=100.0, growth=10.0, inner_tolerance=0.03, points=250)
    elif nearest == "parameters":
        lm = replace(lm, first_weight=10.0, growth=10.0, inner_tolerance=0.1)
    elif problem == "pythagorean":
        lm = replace(lm, solutions="general", inner_tolerance=1e-5, points=160)
    return AdamProjection(tolerance=lm.tolerance, points=lm.points, max_steps=20_000) if name == "adam" else lm


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    """One row for each wave, seed and solver, as soon as it is measured."""
    case = CASES[asked.problem]
    waves = [getattr(asked, name) or default for name, default in case.waves.items()]
    for seed in asked.seed:
        model, theta = trained(case, seed)
        for wave in itertools.product(*waves):
            p = torch.tensor(wave, dtype=torch.float64)
            for name in asked.solver:
                solver = solver_of(asked.problem, name, asked.nearest)
                yield row(model, theta, p, solver, test_points=case.test_points, seed=seed)


HEADER = (
    "                            data error                    residual\n"
    "{} sd with  before   after   ideal ratio  before   after steps      s status"
)


def header(problem: str) -> str:
    """The two lines above the table's rows."""
    names = {"amplitude": "A", "frequency": "ν", "phase": "φ", "u_infinity": "U", "suction": "V", "w_infinity": "W"}
    return HEADER.format(" ".join(f"{names[name]:>4}" for name in CASES[problem].waves))


def line(row: Row) -> str:
    """A row of the table that `header` heads; `ratio` is the data error after by the ideal one, at most 99.99."""
    ideal = row["data_mse_ideal"]
    ratio = f"{min(row['data_mse_after'] / ideal, 99.99):6.2f}" if ideal else "     -"
    data = f"{row['data_mse_before']:7.1e} {row['data_mse_after']:7.1e} " + (f"{ideal:7.1e}" if ideal else " " * 7)
    wave = " ".join(f"{row[name]:4.1f}" for name in CASES[row["problem"]].waves)
    residual = f"{row['residual_before']:7.1e} {row['residual_after']:7.1e}"
    run = f"{row['steps']:5d} {row['seconds']:6.1f} {row['status']}"
    return f"{wave} {row['seed']:3d} {row['solver']:>4} {data}{ratio} {residual} {run}"


def summary(table: Sequence[Row]) -> dict[str, float]:
    """Shares of rows and extremes over all rows, by what they say."""
    values: dict[str, float] = {
        "largest data error after / before": max(row["data_mse_after"] / row["data_mse_before"] for row in table),
        "largest residual after / before": max(row["residual_after"] / row["residual_before"] for row in table),
        "median steps": statistics.median(row["steps"] for row in table),
        "median seconds": statistics.median(row["seconds"] for row in table),
        "most seconds": max(row["seconds"] for row in table),
    }
    if all(row["data_mse_ideal"] for row in table):
        near = [row["data_mse_after"] <= 1.25 * row["data_mse_ideal"] for row in table]
        obeying = [row["residual_after"] <= 1e-6 * row["amplitude"] ** 2 for row in table]
        values["share of rows with data error ≤ 1.25 × ideal"] = statistics.mean(near)
        values["share of rows with residual ≤ 1e-6 A²"] = statistics.mean(obeying)
    return values


def speed_ups(table: Sequence[Row]) -> list[float]:
    """Adam's seconds by lm's, for every wave that both were asked to project."""
    seconds = {name: [row["seconds"] for row in table if row["solver"] == name] for name in ("adam", "lm")}
    return [adam / lm for adam, lm in zip(seconds["adam"], seconds["lm"], strict=False)]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.projection", description="Project waves and measure.")
    parser.add_argument("--problem", choices=CASES, default="helmholtz")
    for name, default in {**WAVES, **FLOWS}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, nargs="+", help=f"default: {default}")
    parser.add_argument("--seed", type=int, nargs="+", default=SEEDS, help=f"default: {SEEDS}")
    parser.add_argument("--nearest", choices=("function", "parameters"), default="function", help="for lm")
    parser.add_argument("--solver", choices=("lm", "adam"), nargs="+", default=["lm"])
    parser.add_argument("--json", action="store_true", help="end with all rows as one line of JSON")
    return parser


def parsed() -> argparse.Namespace:
    """What was asked for; ends the program if the problem has no such parameter."""
    parser = options()
    asked = parser.parse_args()
    known = CASES[asked.problem].waves
    for name in {**WAVES, **FLOWS}.keys() - known.keys():
        if getattr(asked, name) is not None:
            others = ", ".join(f"--{other.replace('_', '-')}" for other in known)
            parser.error(f"argument --{name.replace('_', '-')}: {asked.problem} has none; it has {others}")
    return asked


def main() -> None:
    asked = parsed()
    torch.set_num_threads(1)
    table: list[Row] = []
    print(header(asked.problem))
    try:
        for one in rows(asked):
            table.append(one)
            print(line(one), flush=True)
        conclude(asked, table)
    finally:  # what was measured is not lost with a wave that cannot be projected
        if asked.json:
            print(json.dumps(table))


def conclude(asked: argparse.Namespace, table: Sequence[Row]) -> None:
    """Print what all rows say together."""
    for name in asked.solver:
        values = summary([row for row in table if row["solver"] == name])
        print("", f"{name}:", *(f"{what}: {value:.3g}" for what, value in values.items()), sep="\n")
    if ratios := speed_ups(table):
        print("", f"Adam's time / lm's: {', '.join(f'{ratio:.3g}' for ratio in ratios)}", sep="\n")


if __name__ == "__main__":
    main()
