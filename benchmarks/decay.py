"""Do constraints decay as promised? |g| against steps for a penalty, multipliers under Adam, and null-space steps.

    python -m benchmarks.decay [--figure PATH] [--json]

A fresh modulated 5×50 swish network, Helmholtz, one fixed batch of 48 points on four waves, float64, Adam; three
learning rates (for null-space: its objective rate). The promise is (1 − 0.05)^t.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import Batch, Method, NullSpace, Soft
from cnn_core.networks import Modulated
from cnn_core.optimizers import Adam
from cnn_core.problems import Split, helmholtz, sample
from cnn_core.training import Training, TrainingStatus

RATES = (1e-4, 1e-3, 1e-2)
CONSTRAINT_RATE = 0.05
STEPS = 200
WAVES = Split({"amplitude": (1.0, 3.0), "frequency": (0.7, 1.3), "phase": (0.1,)}, points=12)


def methods(rate: float) -> dict[str, Method]:
    """What is compared at one learning rate."""
    exact = NullSpace(objective_rate=rate, constraint_rate=CONSTRAINT_RATE, damping=0.0)
    return {
        "soft, weight 1": Soft(),
        "batch under Adam (workbook)": Batch(gain=1.0, damping=0.0),
        "null-space": exact,
        "null-space, two corrections, |g| must not grow": replace(exact, corrections=2, growth_limit=1.0),
    }


def decay(method: Method, rate: float) -> list[float]:
    """|g_t|/|g_0| before every step and after the last; shorter if the training diverges."""
    problem = helmholtz()
    network = Modulated().build(inputs=1, parameters=3, outputs=1, seed=0).double()
    points = sample(problem, WAVES)
    model = ConstrainedNetwork(problem, network)
    training = Training(model, points, method, Adam(rate), batch_size=len(points), epochs=STEPS)
    norms = [float(model.residuals(training.theta.detach(), points.x, points.p).norm())]
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
        norms.append(float(model.residuals(training.theta.detach(), points.x, points.p).norm()))
    return [norm / norms[0] for norm in norms]


def figure(curves: dict[float, dict[str, list[float]]]) -> Figure:
    """One panel for each learning rate."""
    result = Figure(figsize=(11, 3.8), layout="constrained")
    panels = result.subplots(1, len(curves), sharey=True)
    colours = ("#E69F00", "#0072B2", "#56B4E9", "#009E73")
    for panel, (rate, by_method) in zip(panels, curves.items(), strict=True):
        for colour, (name, norms) in zip(colours, by_method.items(), strict=True):
            panel.semilogy(norms, color=colour, label=name, linewidth=1.8)
        promise = [(1 - CONSTRAINT_RATE) ** step for step in range(STEPS + 1)]
        panel.semilogy(promise, color="black", linestyle=":", label="promised by null-space: 0.95^t")
        panel.set(title=f"learning rate {rate:g}", xlabel="step", ylim=(1e-5, 1e3))
        panel.grid(color="0.9")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("|g| / |g₀|")
    handles, labels = panels[0].get_legend_handles_labels()
    result.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return result


def main() -> None:
    """Train, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--figure", type=Path, help="write the figure here")
    parser.add_argument("--json", action="store_true", help="end with a JSON object: rate → method → |g|/|g₀| by step")
    options = parser.parse_args()
    torch.set_num_threads(1)
    curves = {rate: {name: decay(method, rate) for name, method in methods(rate).items()} for rate in RATES}
    table = Table("learning rate", "method", "after 50 steps", f"after {STEPS}", box=None, header_style="bold")
    for rate, by_method in curves.items():
        for name, norms in by_method.items():
            table.add_row(f"{rate:g}", name, f"{norms[min(50, len(norms) - 1)]:.2e}", f"{norms[-1]:.2e}")
    Console().print(table)
    if options.figure is not None:
        figure(curves).savefig(options.figure, dpi=120)
    if options.json:
        print(json.dumps(curves))


if __name__ == "__main__":
    main()
