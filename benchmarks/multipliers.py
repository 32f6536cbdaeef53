"""What exact multipliers cost: milliseconds of a training step, beside a soft-constrained step of the same batch.

    python -m benchmarks.multipliers [--scope S] [--batch N] [--width W] [--dtype D] [--json]

One thread; modulated network of five layers, swish, Helmholtz, random waves of the main grid. A step is everything
from the batch to the updated parameters, Adam included; only the rows of scope `soft` are loss and gradient without
an optimizer. Both sides of a ratio are measured in turn in the same process, warm, and medians of the repeats are
compared.

Paths: `ours` (Taylor mode, Gram matrix from the layers), `nested` (soft step, residual by nested jvp), `vmap` (J by
vmap of gradients, then J Jᵀ). The floor of a `batch` row is (m²P + m³/3) operations at the rate of a 1000 × 4000 ×
1000 matrix product measured in the same run, plus two soft steps.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork, point_losses
from cnn_core.functional import parameter_vector
from cnn_core.methods import Batch, Method, Sample, Soft
from cnn_core.networks import Modulated
from cnn_core.problem import PointSet, collocation_points
from cnn_core.problems import helmholtz
from cnn_core.training import Training
from study.trial import peak_memory_mib

REPEATS = 20
LAYERS = 5
METHODS: dict[str, Method] = {"sample": Sample(), "batch": Batch(damping=1e-6)}

ROWS = [
    ("soft", "ours", 100, 50), ("soft", "nested", 100, 50), ("soft", "ours", 1000, 50), ("soft", "nested", 1000, 50),
    ("sample", "ours", 100, 50), ("sample", "ours", 1000, 50),
    ("batch", "ours", 100, 50), ("batch", "vmap", 100, 50), ("batch", "ours", 1000, 50), ("batch", "vmap", 1000, 50),
    ("batch", "ours", 100, 256), ("batch", "vmap", 100, 256),
]  # fmt: skip
"""(scope, path, batch, width)."""


@dataclass(frozen=True)
class Row:
    """One measurement; times in milliseconds, memory in MiB."""

    path: str
    compiled: bool
    problem: str
    scope: str
    batch: int
    width: int
    parameters: int
    dtype: str
    milliseconds: float
    soft_milliseconds: float
    ratio_to_soft: float
    gemm_gflops: float
    floor_milliseconds: float | None
    peak_mib: float


def measure(scope: str, path: str, batch: int, width: int, dtype: torch.dtype, gemm_gflops: float) -> Row:
    """One row of the table."""
    model, points = setting(batch, width, dtype)
    ours = ConstrainedNetwork(model.problem, model.network, taylor=path == "ours")
    if scope == "soft":
        soft, step = soft_gradient(model, points), soft_gradient(ours, points)
    else:
        soft, step = training_step(model, points, Soft()), training_step(ours, points, METHODS[scope])
    soft_ms, step_ms = alternately(soft, step)
    floor = None
    if scope == "batch":
        rows, size = batch * len(model.problem.constraints), model.layout.size
        floor = (rows**2 * size + rows**3 / 3) / gemm_gflops / 1e6 + 2 * soft_ms
    return Row(
        path, False, model.problem.name, scope, batch, width, model.layout.size, str(dtype).removeprefix("torch."),
        step_ms, soft_ms, step_ms / soft_ms, gemm_gflops, floor, peak_memory_mib(torch.device("cpu")),
    )  # fmt: skip


def setting(batch: int, width: int, dtype: torch.dtype) -> tuple[ConstrainedNetwork, PointSet]:
    """A fresh network and a batch of random points on random waves of the main grid."""
    problem = helmholtz()
    network = Modulated(widths=(width,) * LAYERS).build(inputs=1, parameters=3, outputs=1, seed=0).to(dtype)
    low, high = torch.tensor([[0.2, 0.2, -0.5], [5.0, 5.0, 0.5]], dtype=torch.float64)
    steps = torch.randint(10, (batch, 3), generator=torch.Generator().manual_seed(0)) / 9
    p = low + (high - low) * steps
    x = collocation_points(problem, batch, "random", seed=0)
    points = PointSet(x, p, torch.vmap(problem.solution)(x, p), waves=1)
    return ConstrainedNetwork(problem, network), points.to(dtype=dtype, device="cpu")


def training_step(model: ConstrainedNetwork, points: PointSet, method: Method) -> Callable[[], object]:
    """A whole step, from the batch to the updated parameters."""
    training = Training(model, points, method, batch_size=len(points))
    (batch,) = training.batches()
    return lambda: training.take_step(batch, 0.0)


def soft_gradient(model: ConstrainedNetwork, points: PointSet) -> Callable[[], Tensor]:
    """Loss and gradient of a soft-constrained step, no optimizer."""
    theta = parameter_vector(model.network).requires_grad_()

    def gradient() -> Tensor:
        evaluation = model.evaluate(theta, points.x, points.p)
        loss = point_losses(evaluation.prediction, points.u).mean() + evaluation.residuals.square().mean()
        return torch.autograd.grad(loss, theta)[0]

    return gradient


def alternately(*calls: Callable[[], object]) -> list[float]:
    """The median milliseconds of each call, made in turn, after warming up."""
    seconds: list[list[float]] = [[] for _ in calls]
    for repeat in range(REPEATS + 2):
        for call, times in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            if repeat >= 2:
                times.append(time.perf_counter() - start)
    return [1000 * median(times) for times in seconds]


def matrix_product_rate(dtype: torch.dtype) -> float:
    """GFLOP/s of a 1000 × 4000 × 1000 product."""
    left, right = torch.randn(1000, 4000, dtype=dtype), torch.randn(4000, 1000, dtype=dtype)
    return 2 * 1000 * 4000 * 1000 / alternately(lambda: left @ right)[0] / 1e6


def table(rows: list[Row]) -> Table:
    """The rows for a terminal."""
    result = Table("scope", "path", box=None, header_style="bold")
    for column in ("batch", "width", "ms", "soft ms", "ratio", "floor ms", "MiB"):
        result.add_column(column, justify="right")
    for row in rows:
        floor = "" if row.floor_milliseconds is None else f"{row.floor_milliseconds:.1f}"
        result.add_row(
            row.scope, row.path, str(row.batch), str(row.width), f"{row.milliseconds:.2f}",
            f"{row.soft_milliseconds:.2f}", f"{row.ratio_to_soft:.2f}", floor, f"{row.peak_mib:.0f}",
        )  # fmt: skip
    return result


def main() -> None:
    """Measure the rows asked for and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scope", choices=["soft", "sample", "batch"])
    parser.add_argument("--batch", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--json", action="store_true", help="end with a JSON list of rows")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dtype = getattr(torch, options.dtype)
    chosen = [
        (scope, path, options.batch or batch, options.width or width)
        for scope, path, batch, width in ROWS
        if options.scope in (None, scope)
    ]
    rate = matrix_product_rate(dtype)
    rows = []
    for case in dict.fromkeys(chosen):
        rows.append(measure(*case, dtype, rate))
        print(f"measured {' '.join(map(str, case))}", file=sys.stderr)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        Console().print(f"one thread, {options.dtype}, matrix product {rate:.0f} GFLOP/s")
        Console().print(table(rows))


if __name__ == "__main__":
    main()
