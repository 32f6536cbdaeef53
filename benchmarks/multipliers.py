"""What exact multipliers cost: milliseconds of a training step, beside a soft-constrained step of the same batch.

    python -m benchmarks.multipliers [--scope S] [--batch N] [--width W] [--dtype D] [--json]

One thread; modulated network of five layers, swish, Helmholtz, random waves of the main grid. A step is everything
from the batch to the updated parameters, Adam included; only the rows of scope `soft` are loss and gradient without
an optimizer. Both sides of a ratio are measured in turn in the same process, warm, and medians of the repeats are
compared. Memory is what one more step takes above what the process holds before it.

Paths: `ours` (Taylor mode, Gram matrix from the layers; eager and compiled), `nested` (soft step, residual by nested
jvp), `vmap` (torch.func: J by vmap of gradients, then J Jᵀ), `jax` (the same in JAX, jitted; the soft step beside it is
ours, compiled). The floor of a `batch` row is (m²P + m³/3) operations at the rate of a 1000 × 4000 × 1000 matrix
product measured in the same run, plus two soft steps. Compiling takes some ten seconds for each shape the first time;
`--second-trial` measures what it costs a later process.
"""

import argparse
import ctypes
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks import jax_steps
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.data_loss import data_loss
from cnn_core.methods import Batch, Method, Sample, Soft
from cnn_core.networks import Modulated, parameter_vector
from cnn_core.problems import PointSet, collocation_points, helmholtz
from cnn_core.training import Training
from study.trial.machine import peak_memory_mib

REPEATS = 20
LAYERS = 5
METHODS: dict[str, Method] = {"soft": Soft(), "sample": Sample(), "batch": Batch(damping=1e-6)}

SIZES = [("soft", 100, 50), ("soft", 1000, 50), ("sample", 100, 50), ("sample", 1000, 50), ("batch", 100, 50),
         ("batch", 1000, 50), ("batch", 100, 256)]  # fmt: skip
"""(scope, batch, width)."""

WAYS = [("ours", False), ("ours", True), ("nested", False), ("vmap", False), ("jax", True)]
"""(path, compiled)."""


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


def measure(
    scope: str, path: str, batch: int, width: int, dtype: torch.dtype, *, gemm_gflops: float, compiled: bool
) -> Row:
    """One row of the table."""
    eager, points = setting(batch, width, dtype)
    ours = replace(eager, compile=compiled)
    model = replace(eager, taylor=False) if path in ("nested", "vmap") else ours
    soft = soft_gradient(ours, points) if scope == "soft" else training_step(ours, points, Soft())
    if path == "jax":
        step = jax_steps.step(scope, eager, points)
    else:
        step = soft_gradient(model, points) if scope == "soft" else training_step(model, points, METHODS[scope])
    soft_ms, step_ms = alternately(soft, step)
    floor = None
    if scope == "batch":
        rows, size = batch * len(model.problem.constraints), model.layout.size
        floor = (rows**2 * size + rows**3 / 3) / gemm_gflops / 1e6 + 2 * soft_ms
    return Row(
        path, compiled, model.problem.name, scope, batch, width, model.layout.size,
        str(dtype).removeprefix("torch."), step_ms, soft_ms, step_ms / soft_ms, gemm_gflops, floor,
        mebibytes_of(step),
    )  # fmt: skip


def mebibytes_of(call: Callable[[], object]) -> float:
    """The most memory that a call holds above what the process held before it, by Linux's high-water mark."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_memory_mib(torch.device("cpu"))
    call()
    return peak_memory_mib(torch.device("cpu")) - before


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
    (batch,) = training.batches
    return lambda: training.take_step(batch, 0.0)


def soft_gradient(model: ConstrainedNetwork, points: PointSet) -> Callable[[], object]:
    """Loss and gradient of a soft-constrained step, no optimizer."""
    theta = parameter_vector(model.network).requires_grad_()
    return lambda: model.gradient(theta, points.x, points.p, mean_squares, points.u)


def mean_squares(prediction: Tensor, residuals: Tensor, u: Tensor) -> Tensor:
    """The objective of a soft-constrained step of weight 1."""
    return data_loss(prediction, u) + residuals.square().mean()


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
    result = Table("scope", "path", "compiled", box=None, header_style="bold")
    for column in ("batch", "width", "ms", "soft ms", "ratio", "floor ms", "+ MiB"):
        result.add_column(column, justify="right")
    for row in rows:
        floor = "" if row.floor_milliseconds is None else f"{row.floor_milliseconds:.1f}"
        result.add_row(
            row.scope, row.path, "yes" if row.compiled else "no", str(row.batch), str(row.width),
            f"{row.milliseconds:.2f}", f"{row.soft_milliseconds:.2f}", f"{row.ratio_to_soft:.2f}", floor,
            f"{row.peak_mib:.0f}",
        )  # fmt: skip
    return result


def cases(
    options: argparse.Namespace, ways: list[tuple[str, bool]]
) -> Iterator[tuple[tuple[str, int, int], tuple[str, bool]]]:
    """What was asked for: each size in each way that has a step of its scope, once."""
    sizes = [
        (scope, options.batch or batch, options.width or width)
        for scope, batch, width in SIZES
        if options.scope in (None, scope)
    ]
    for size, way in itertools.product(dict.fromkeys(sizes), ways):
        if (way[0] != "nested" or size[0] == "soft") and (way[0] != "vmap" or size[0] != "soft"):
            yield size, way


def seconds_of_later_processes(scope: str, batch: int, width: int, dtype: torch.dtype) -> list[float]:
    """What `Training.compile` takes in two processes, one after the other."""
    program = (
        "from benchmarks.multipliers import *; torch.set_num_threads(1);"
        f"model, points = setting({batch}, {width}, {dtype}); model = replace(model, compile=True);"
        f"print(Training(model, points, METHODS[{scope!r}], batch_size={batch}, epochs=1).compile())"
    )
    command = [sys.executable, "-c", program]
    return [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(2)]


def main() -> None:
    """Measure the rows asked for and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scope", choices=["soft", "sample", "batch"])
    parser.add_argument("--batch", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--second-trial", action="store_true", help="only what compiling costs a later process")
    parser.add_argument("--json", action="store_true", help="end with a JSON list of rows")
    options = parser.parse_args()
    dtype = getattr(torch, options.dtype)
    if options.second_trial:
        for scope in [options.scope] if options.scope else METHODS:
            seconds = seconds_of_later_processes(scope, options.batch or 100, options.width or 50, dtype)
            print(f"{scope}: compiling took {seconds[0]:.1f} s, and {seconds[1]:.1f} s in the next process")
        return
    torch.set_num_threads(1)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # JAX has no other way to be held to one core
    ways = WAYS
    if not jax_steps.available():
        ways = [way for way in WAYS if way[0] != "jax"]
        print("jax is not installed, so its rows are left out; pip install -e '.[bench]'", file=sys.stderr)
    rate = matrix_product_rate(dtype)
    rows = []
    for (scope, batch, width), (path, compiled) in cases(options, ways):
        rows.append(measure(scope, path, batch, width, dtype, gemm_gflops=rate, compiled=compiled))
        print(f"measured {scope} {path} {batch} {width} {'compiled' * compiled}", file=sys.stderr)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        Console().print(f"one thread, {options.dtype}, matrix product {rate:.0f} GFLOP/s")
        Console().print(table(rows))


if __name__ == "__main__":
    main()
