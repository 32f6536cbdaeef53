"""PDEs solved from random parameters by `least-squares`, beside the best figures that others have published.

Problems, networks and numbers of points are those of the peers where they name them (`CASES`); all runs are in
float64. `seconds` is the CPU time of the process for the solve alone, which ends at `--seconds`. Errors are measured at
9,000 random points of the domain, none of which is a collocation point, against the exact solution, or a spectral
one: `rmse`, the root mean square of all outputs, and `relative_l2`. `residual_off` is the mean square of the scaled
residuals off the collocation points, with that of every condition added; `side` says whether steps were solved in the
space of rows or of parameters.

* `kdv` is solved in time slabs, one after the other: each has the end of the one before for initial values, and its
  network, going on in time, to start from.
* `heat-source` finds a source f(x) from 128 values of u(x, 1) with 5 % noise that is drawn once for each seed, as in
  life; its second row is the error of f. For `heat-source-anew` every value is the mean of a thousand draws: what a
  training that draws the noise anew sees on average, after a thousand steps.

`python -m benchmarks.peers --help` says what to ask for. With `--json` the last line is a list of all rows.

Peers: ENGD (Müller & Zeinhofer 2023) and KFAC (Dangel, Müller & Zeinhofer 2024); ConFIG (Liu, Chu & Thuerey 2025) with
GUA (2026); PECANN (Basir & Senocak 2022) and PECANN-CAPU (2025); SSBroyden (Kiyani et al. 2025); DSGNAR (2026).
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, pi

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.domains import Box
from cnn_core.networks import Dense
from cnn_core.problems import Condition, Problem, burgers, heat, heat_source, helmholtz_2d, kdv, kovasznay, poisson
from cnn_core.projection import ProjectionResult, project
from cnn_core.renewal import Refinement
from cnn_core.solvers import LeastSquaresSolver

TEST_POINTS = 9_000
TEST_SEED = 77_777
"""Added to the seed, so that no test point is a collocation point."""

LEAST_SECONDS = 0.1
"""For what is left to solve when the time is over."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """The best published figure: whose, which error, and after how many seconds if they say so."""

    name: str
    error: float
    seconds: float | None = None


@dataclass(frozen=True)
class Case:
    """A problem, what it is solved with, and the peer. `wave` is p (K,), `slabs` in time are solved one by one.

    What a slab that meets the tolerance leaves of its seconds, the later ones share. Where a problem has a source to
    find, its last output, `source` is the peer's figure for that.
    """

    problem: Callable[[int], Problem]
    network: Dense
    points: Mapping[str, int]
    peer: Peer
    source: Peer | None = None
    wave: tuple[float, ...] = ()
    refine: Refinement | None = None
    seconds: float = 60.0
    slabs: int = 1
    tolerance: float = 1e-30


def tanh(*widths: int, periodic: tuple[str, ...] = ()) -> Dense:
    return Dense(widths=widths, activation="tanh", periodic=periodic)


def observed_source(seed: int, draws: int = 1) -> Problem:
    """The problem `heat_source` with 128 values of u(x, 1), each the mean of so many observations with 5 % noise."""
    generator, problem = torch.Generator().manual_seed(seed), heat_source()
    x = (torch.arange(128, dtype=torch.float64) + 0.5)[:, None] / 128
    noise = 0.05 * torch.randn(draws, 128, 1, generator=generator, dtype=torch.float64).mean(dim=0)
    observed = Condition(
        torch.cat([x, torch.ones_like(x)], dim=1),
        lambda u, x, p: {"observed": u.value[0]},
        values=math.exp(-3) * torch.sin(pi * x) * (1 + noise),
    )
    return replace(problem, conditions={**problem.conditions, "observed": observed})


POISSON = {"interior": 900, "boundary": 120}
CASES = {
    "poisson-2d": Case(lambda seed: poisson(), tanh(64), POISSON, Peer("ENGD", 6.12e-8, 468)),
    "heat": Case(
        lambda seed: heat(),
        tanh(64),
        {"interior": 900, "initial": 40, "boundary": 80},
        Peer("KFAC", 1.98e-8, 1000),
        wave=(0.25,),
    ),
    "poisson-5d": Case(
        lambda seed: poisson(5, "cosine"), tanh(64), {"interior": 3000, "boundary": 500}, Peer("ENGD", 5.58e-8, 3000)
    ),
    "kovasznay": Case(
        lambda seed: kovasznay(), tanh(30, 30, 30), {"interior": 700, "boundary": 200}, Peer("ConFIG + GUA", 9.25e-5)
    ),
    "helmholtz-2d": Case(
        lambda seed: helmholtz_2d(1, 4),
        tanh(30, 30, 30),
        {"interior": 1024, "boundary": 256},
        Peer("PECANN", 1.702e-4),
    ),
    "burgers": Case(
        lambda seed: burgers(),
        tanh(20, 20, 20, 20),
        {"interior": 2000, "initial": 100, "boundary": 60},
        Peer("SSBroyden", 1.62e-8, 2878),
        refine=Refinement(every=20, share=0.3, candidates=10),
        seconds=120.0,
    ),
    "kdv": Case(
        lambda seed: kdv(),
        tanh(30, 30, periodic=("x",)),
        {"interior": 800, "initial": 128, "x=-1": 0},
        Peer("DSGNAR", 8.2e-11, 1210),
        seconds=120.0,
        slabs=8,
        tolerance=1e-9,
    ),
    "heat-source": Case(
        observed_source,
        tanh(40),
        {"interior": 1024, "initial": 64, "boundary": 128},
        Peer("PECANN-CAPU, noise drawn anew", 3.13e-3, 1176),
        source=Peer("PECANN-CAPU, noise drawn anew", 4.10e-2, 1176),
    ),
}
CASES["heat-source-anew"] = replace(CASES["heat-source"], problem=partial(observed_source, draws=1000))


@dataclass(frozen=True)
class Solved:
    """A solution u(x) in pieces, one for each slab of time, and how they were found."""

    models: list[ConstrainedNetwork]
    results: list[ProjectionResult]
    wave: Tensor

    def at(self, x: Tensor) -> Tensor:
        """u (N, O) at x (N, D)."""
        u = self._of(0, x)
        for index in range(1, len(self.models)):
            later = x[:, -1:] > slab_of(self.models[index].problem)[0]
            u = torch.where(later, self._of(index, x), u)
        return u

    def _of(self, index: int, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.models[index].predict(self.results[index].theta, x, self.wave.expand(len(x), -1))


def slab_of(problem: Problem) -> tuple[float, float]:
    """When a problem begins and ends."""
    return problem.box[problem.axes[-1]]


def in_slabs(problem: Problem, count: int) -> Iterator[tuple[Problem, bool]]:
    """The problem on `count` slabs of time, and whether it is the first of them; time is the last coordinate."""
    start, end = slab_of(problem)
    length = (end - start) / count
    for index in range(count):
        ends = (start + index * length, start + (index + 1) * length)
        domain = Box({**problem.box, problem.axes[-1]: ends}, time=problem.axes[-1])
        yield (problem if count == 1 else replace(problem, coordinates=domain)), index == 0


def solve(case: Case, seed: int, seconds: float) -> Solved:
    """Solve a case from random parameters in so many seconds of CPU time."""
    whole = case.problem(seed)
    wave = torch.tensor([case.wave], dtype=torch.float64)
    solved, started = Solved([], [], wave), time.process_time()
    for index, (problem, first) in enumerate(in_slabs(whole, case.slabs)):
        problem = problem if first else continued(problem, solved)
        model = ConstrainedNetwork(problem, fresh(case.network, problem, seed=seed).double())
        begin = model.begin if first else later(model, solved.results[-1].theta)
        solver = LeastSquaresSolver(
            start="reaching" if first else "as-it-is",
            points=case.points,
            refine=case.refine,
            tolerance=case.tolerance,
            max_steps=10**6,
            max_seconds=max(LEAST_SECONDS, seconds - time.process_time() + started) / (case.slabs - index),
        )
        (result,) = project(model, begin, wave, solver, seed=seed)
        solved.models.append(model)
        solved.results.append(result)
    return solved


def later(model: ConstrainedNetwork, theta: Tensor) -> Tensor:
    """θ (P,) of the network that is in a slab of time what this one would be after its own, which was as long.

    Both map their slab to [−1, 1], so that it is two units of the first layer's time, its first input, away.
    """
    parameters = model.layout.unflatten(theta)
    bias = parameters["hidden.0.bias"] + 2 * parameters["hidden.0.weight"][:, 0]
    return model.layout.flatten({**parameters, "hidden.0.bias": bias})


def continued(problem: Problem, solved: Solved) -> Problem:
    """The problem whose initial values are those that the last slab ends with."""

    def start(u: Any, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"start": u.value[0] - solved.models[-1].at_point(solved.results[-1].theta, x, p)[0][0]}

    return replace(problem, conditions={**problem.conditions, "start": Condition("initial", start)})


def rows(name: str, case: Case, seed: int, seconds: float) -> Iterator[Row]:
    """Solve a problem and measure: one row, with one more for a source that was to be found."""
    started = time.process_time()
    solved = solve(case, seed, seconds)
    took = time.process_time() - started
    problem = case.problem(seed)
    x = problem.domain.sample("interior", TEST_POINTS, "random", seed=seed + TEST_SEED).x
    exact = torch.vmap(problem.solution)(x, solved.wave.expand(len(x), -1))
    error = solved.at(x) - exact
    parts = [(name, slice(None), case.peer)]
    if case.source is not None:
        parts = [(name, slice(0, 1), case.peer), (f"{name} f", slice(1, 2), case.source)]
    for part, outputs, peer in parts:
        yield {
            "problem": part,
            "network": "-".join(map(str, (len(problem.axes), *case.network.widths, len(problem.outputs)))),
            "parameters": sum(len(model.begin) for model in solved.models),
            "points": sum(case.points.values()) * case.slabs,
            "seed": seed,
            "threads": torch.get_num_threads(),
            "seconds": took,
            "steps": sum(result.steps for result in solved.results),
            "rmse": float(error[:, outputs].square().mean().sqrt()),
            "relative_l2": float(error[:, outputs].norm() / exact[:, outputs].norm()),
            "residual_off": statistics.fmean(result.residual_off for result in solved.results),
            "side": solved.results[-1].space,
            "peer": peer.name,
            "peer_error": peer.error,
            "peer_seconds": peer.seconds,
        }


HEADER = (
    f"{'problem':18} {'network':16} {'seed':>4} {'CPU s':>6} {'steps':>6} {'rmse':>9} {'rel. L2':>9} {'off':>9}  side"
)


def line(row: Row) -> str:
    """A row of the table."""
    figures = " ".join(f"{row[key]:9.2e}" for key in ("rmse", "relative_l2", "residual_off"))
    place = f"{row['problem']:18} {row['network']:16} {row['seed']:4}"
    return f"{place} {row['seconds']:6.1f} {row['steps']:6} {figures}  {row['side']}"


def summary(found: list[Row]) -> list[str]:
    """For each problem the medians over seeds, beside the peer's figure."""
    told = []
    for name in dict.fromkeys(row["problem"] for row in found):
        own = [row for row in found if row["problem"] == name]
        rmse, relative = (statistics.median(row[key] for row in own) for key in ("rmse", "relative_l2"))
        peer = own[0]
        after = "" if peer["peer_seconds"] is None else f" after {peer['peer_seconds']:g} s"
        told.append(
            f"{name}: median of {len(own)} rmse {rmse:.2e}, relative {relative:.2e}; {peer['peer']} "
            f"{peer['peer_error']:.2e}{after}"
        )
    return told


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="PDEs from scratch, and the peers.")
    parser.add_argument("--problem", nargs="+", choices=CASES, default=list(CASES), metavar="P", help=", ".join(CASES))
    parser.add_argument("--seconds", type=float, help="CPU time of a solve; default: 60, or 120 for burgers and kdv")
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print all rows as JSON on the last line")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Print a row for each solve, and the medians."""
    asked = parsed(arguments)
    torch.set_num_threads(asked.threads)
    found: list[Row] = []
    print(HEADER)
    for name in asked.problem:
        for seed in asked.seed:
            for row in rows(name, CASES[name], seed, asked.seconds or CASES[name].seconds):
                found.append(row)
                print(line(row), flush=True)
    print("", *summary(found), sep="\n")
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
