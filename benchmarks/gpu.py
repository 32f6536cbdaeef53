"""What a GPU makes of all this: milliseconds of steps, trials per hour, projections, memory, agreement with the CPU.

    python -m benchmarks.gpu [--quick] [--only WHAT,…] [--device D] [--seconds S] [--json]

Needs torch (2.11 or newer) and this repository, nothing else. Modulated network of five layers, swish, Helmholtz,
random waves of the main grid. A step is everything from the batch to the updated parameters, Adam included. Ways of
taking it: `eager`; `compiled` (`cnn_core.compilation`); `recorded` (one CUDA graph, `cnn_core.capture`); and both of
these. A trial counts as 3000 steps. `pack` takes the steps of so many trainings at once (`cnn_core.pack`), `processes`
has as many processes with a training each, all on the one GPU. Projections go `one by one` or `stacked`. `n` counts
trainings, or waves.

Rows are printed as they come, the most telling first and what compiles last (`benchmarks.gpu_cases`). One that fails
says so, and those that the time (`--seconds`) is too short for are left out; `--only step,pack` measures these alone.
Without a GPU everything runs on the CPU on small sizes: nothing is learned, but that it runs.
"""

import argparse
import gc
import json
import select
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from benchmarks.gpu_cases import METHODS, WAYS, Case, cases
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.decisions import away_from_host
from cnn_core.methods import Soft
from cnn_core.networks import Modulated
from cnn_core.optimizers import Adam
from cnn_core.pack import Pack, StackRecordings
from cnn_core.problems import PointSet, collocation_points, helmholtz
from cnn_core.projection import project
from cnn_core.solvers import LevenbergMarquardt
from cnn_core.training import Training, TrainingStatus, train

PROBLEM = helmholtz()
STEPS_OF_A_TRIAL = 3000
SHORT, QUICK = 350.0, 88.0
"""Seconds that all rows take together."""

PATIENCE = 120.0
"""Seconds that a process is waited for."""


@dataclass(frozen=True)
class Row:
    """A case and what was found, or why nothing was."""

    case: Case
    value: float | None
    unit: str = ""
    memory_mib: float | None = None
    error: str = ""

    def __str__(self) -> str:
        case, found = self.case, self.error if self.value is None else f"{self.value:.4g} {self.unit}"
        memory = "" if self.memory_mib is None else f"{self.memory_mib:.0f}"
        where = (case.what, case.method, str(case.batch), str(case.width), case.dtype, case.way, str(case.count))
        return line(*where, found, memory, case.aim)


def line(*cells: str) -> str:
    """What stands in the columns of one row."""
    widths = (12, 13, 6, 6, 9, 20, 4, 26, 8, 0)
    return "".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


HEADER = line("what", "method", "batch", "width", "numbers", "way", "n", "found", "MiB", "aim")


def setting(case: Case, device: str, *, steps: int = 1, seed: int = 0) -> tuple[ConstrainedNetwork, PointSet]:
    """A fresh network, and points for so many steps."""
    problem, count = PROBLEM, case.batch * steps
    network = Modulated(widths=(case.width,) * 5).build(inputs=1, parameters=3, outputs=1, seed=seed)
    low, high = torch.tensor([[0.2, 0.2, -0.5], [5.0, 5.0, 0.5]], dtype=torch.float64)
    p = low + (high - low) * torch.randint(10, (count, 3), generator=torch.Generator().manual_seed(seed)) / 9
    x = collocation_points(problem, count, "random", seed=seed)
    points = PointSet(x, p, torch.vmap(problem.solution)(x, p), waves=1)
    dtype = getattr(torch, case.dtype)
    return ConstrainedNetwork(problem, network.to(dtype=dtype, device=device)), points.to(dtype=dtype, device=device)


def training_of(case: Case, device: str, *, steps: int = 1, seed: int = 0, epochs: int = 10**6) -> Training:
    """A training as a case has it."""
    (model, points), (compiled, record) = setting(case, device, steps=steps, seed=seed), WAYS[case.way]
    model, rate = replace(model, compile=compiled), Adam(2**-17)  # which float32 holds exactly
    return Training(model, points, METHODS[case.method], rate, case.batch, epochs, seed, record=record)


def step_of(training: Training) -> Callable[[], object]:
    """A step on the same batch each time, after those that come before any recording."""
    parts = next(iter(training.batches))
    for _ in range(5):
        training.take_step(parts, 0.0)
    require_recorded([training])
    return lambda: training.take_step(parts, 0.0)


def require_recorded(trainings: Sequence[Training], stacks: StackRecordings | None = None) -> None:
    """Raises RuntimeError where steps, by themselves or stacked, should have been recorded and are not."""
    held = [stacks, *(training.recorder for training in trainings)]
    if reason := next((one.reason for one in held if one is not None and one.reason is not None), None):
        raise RuntimeError(f"not recorded: {reason}")


def milliseconds(call: Callable[[], object], device: str, *, seconds: float = 0.4) -> float:
    """The median of five times for one call among many."""
    count = max(1, int(seconds / 5 / timed(call, device)))
    return 1000 * statistics.median(timed(lambda: [call() for _ in range(count)], device) / count for _ in range(5))


def timed(call: Callable[[], object], device: str) -> float:
    """Seconds, the device's included."""
    _wait(device)
    started = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - started


def measure_step(case: Case, device: str) -> tuple[float, str]:
    return milliseconds(step_of(training_of(case, device)), device), "ms"


def measure_launches(case: Case, device: str) -> tuple[float, str]:
    """What the host launches in a step, copies included; without a GPU its operations."""
    from torch.profiler import ProfilerActivity, profile

    step, on_gpu = step_of(training_of(case, device)), device == "cuda"
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=kinds) as found:
        for _ in range(3):
            step()
        _wait(device)
    names = [event.name for event in found.events() or []]
    launched = list(filter(launches if on_gpu else lambda name: name.startswith("aten::"), names))
    return len(launched) / 3, "launches" if on_gpu else "operations"


def launches(name: str) -> bool:
    """Whether an event of a profile is a call of CUDA's that puts something into a stream."""
    return name.startswith("cu") and any(word in name for word in ("Launch", "MemcpyAsync", "MemsetAsync"))


def measure_pack(case: Case, device: str) -> tuple[float, str]:
    """Trials per hour of so many trainings at once."""
    steps = 20 if device == "cuda" else 3
    trainings = [training_of(case, device, steps=steps, seed=seed) for seed in range(case.count)]
    pack = Pack(trainings)
    pack.run_epoch()
    pack.run_epoch()
    if case.count > 1 and pack.alone:
        raise RuntimeError(f"not stacked: {next(iter(pack.alone.values()))}")
    seconds = milliseconds(pack.run_epoch, device) / 1000
    require_recorded(trainings, pack.recordings)
    return case.count * 3600 / (STEPS_OF_A_TRIAL * seconds / steps), "trials per hour"


def measure_processes(case: Case, device: str) -> tuple[float, str]:
    """Trials per hour of so many processes, which begin together."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--worker", json.dumps(asdict(case)), "--device", device]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(case.count)
    ]
    try:
        if any(answer != "ready" for answer in _answers(workers)):
            raise RuntimeError("a process did not start; its error stands above")
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        rates = [float(answer) for answer in _answers(workers)]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    return sum(rates) * 3600 / STEPS_OF_A_TRIAL, "trials per hour"


def _answers(workers: Sequence["subprocess.Popen[str]"]) -> list[str]:
    """A line from each; raises TimeoutError where one says nothing."""
    answers, until = [], time.monotonic() + PATIENCE
    for worker in workers:
        assert worker.stdout is not None
        if not select.select([worker.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
            raise TimeoutError(f"a process said nothing for {PATIENCE:.0f} s")
        answers.append(worker.stdout.readline().strip())
    return answers


def work(case: Case, device: str, seconds: float) -> None:
    """A process of `measure_processes`: steps per second, told to the one that began it."""
    torch.set_num_threads(1)
    step = step_of(training_of(case, device))
    print("ready", flush=True)
    sys.stdin.readline()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        timed(lambda: [step() for _ in range(10)], device)
        count += 10
    print(count / (time.perf_counter() - started), flush=True)


def measure_projection(case: Case, device: str) -> tuple[float, str]:
    """Waves per hour, at most 30 steps each: all at once, or one after the other."""
    model, points = setting(case, device)
    theta = train(model, points, Soft(), optimizer=Adam(1e-3), batch_size=case.batch, epochs=100)
    solver, waves = LevenbergMarquardt(max_steps=30), points.p[: case.count].double()
    together = {"stacked": [waves], "one by one": waves.split(1)}[case.way]
    project(model, theta, together[0], replace(solver, max_steps=2))  # what is loaded once
    seconds = timed(lambda: [project(model, theta, some, solver) for some in together], device)
    return 3600 * case.count / seconds, "waves per hour"


def measure_agreement(case: Case, device: str) -> tuple[float, str]:
    """How far θ is from that of the CPU after 20 steps, relative to how far these went."""
    ends = []
    for where in ("cpu", device):
        training = training_of(case, where, epochs=20)
        begin = training.theta.detach().cpu().clone()
        while training.status is TrainingStatus.RUNNING:
            if where == "cpu" and ends:
                with away_from_host():
                    training.run_epoch()
            else:
                training.run_epoch()
        require_recorded([training])
        ends.append(training.theta.detach().cpu() - begin)
    return float((ends[1] - ends[0]).norm() / ends[0].norm()), "of the way"


MEASURES: dict[str, Callable[[Case, str], tuple[float, str]]] = {
    "step": measure_step,
    "launches": measure_launches,
    "pack": measure_pack,
    "processes": measure_processes,
    "projection": measure_projection,
    "agreement": measure_agreement,
}


def guarded(case: Case, device: str) -> Row:
    """A row, whatever happens."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()  # what earlier rows left
            if device == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            value, unit = MEASURES[case.what](case, device)
        memory = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
        return Row(case, value, unit, None if case.what == "processes" else memory)
    except Exception as error:  # a row is never lost because another one fails
        return Row(case, None, error=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def rows_of(listed: Iterable[Case], device: str, seconds: float) -> Iterator[Row]:
    """The rows of these cases, as far as they fit into so many seconds."""
    started = time.perf_counter()
    for case in listed:
        left = seconds - (time.perf_counter() - started)
        late = left < (case.expected if device == "cuda" else 0.0)
        yield Row(case, None, error="left out: no time for it") if late else guarded(case, device)


def some_of(text: str) -> list[str]:
    """What is to be measured, of names with commas between them. Raises for what is not known."""
    names = text.split(",")
    if unknown := set(names) - MEASURES.keys():
        raise argparse.ArgumentTypeError(
            f"there is no {', '.join(sorted(unknown))}; write some of {','.join(MEASURES)}"
        )
    return names


def ratios(rows: Sequence[Row]) -> list[str]:
    """What the aims speak of."""
    found = {(row.case.what, row.case.method, row.case.way, row.case.count): row.value for row in reversed(rows)}

    def ratio(words: str, over: tuple[str, str, str, int], under: tuple[str, str, str, int]) -> str:
        above, below = found.get(over), found.get(under)
        return f"{words}: {'not measured' if above is None or not below else f'{above / below:.3g}'}"

    eager, recorded = ("step", "soft", "eager", 1), ("step", "soft", "recorded", 1)
    many, one = ("pack", "soft", "recorded", 64), ("pack", "soft", "recorded", 1)
    return [
        ratio("a recorded soft step, of an eager one (aim 0.1)", recorded, eager),
        ratio("a recorded batch step, of a soft one (aim 3)", ("step", "batch", "recorded", 1), recorded),
        ratio("trials per hour of a recorded pack of 64, of one (aim 30)", many, one),
    ]


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure and print, row by row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the most telling rows, in a minute and a half")
    parser.add_argument("--only", type=some_of, default=list(MEASURES), help="these alone, e.g. step,pack")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, help="what all rows may take")
    parser.add_argument("--json", action="store_true", help="end with a JSON list of rows, on one line")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    small = options.device == "cpu"
    if options.worker:
        work(Case(**json.loads(options.worker)), options.device, 1.0 if small else 4.0)
        return
    torch.set_num_threads(1 if small else torch.get_num_threads())
    limit, started = options.seconds or (QUICK if options.quick else SHORT), time.perf_counter()
    name = "the CPU, small sizes" if small else torch.cuda.get_device_name()
    print(f"torch {torch.__version__} on {name}\n{HEADER}", flush=True)
    rows: list[Row] = []
    listed = (case for case in cases(quick=options.quick, small=small) if case.what in options.only)
    for row in rows_of(listed, options.device, limit):
        rows.append(row)
        print(row, flush=True)
    print("\n".join([*ratios(rows), f"{time.perf_counter() - started:.0f} s in all"]), flush=True)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
