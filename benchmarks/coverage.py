"""Do intervals hold what they should, and how often is a difference seen where there is none?

Searches and seeds are drawn many times; errors are lognormal, seeds spread 0.3 decades, searches `between` times as
much. Every row says how often, in percent; the Monte-Carlo error of 2000 repetitions is 0.5 at 95 %, and at 5 %.

* estimate: how often the interval of a median or interquartile mean holds the true one, and how wide it is (median, in
  decades). `ours` is that of `study.statistics`; `resampled` the percentile bootstrap of searches, and of seeds in
  each; `pooled` that of all runs, as if they were independent.
* aggregate: the same of the ratio to a reference that does not differ, over problems; `uneven` is a contestant that
  spreads 20 times less than the reference.
* improvement: the same of the probability of improvement, where searches are `shift` apart, in units of what seeds are.
* level: how often two contestants that do not differ are told apart at 5 %. `ours` is Welch's test of the searches'
  medians; `pairs` Wilcoxon's signed-rank test of all runs, paired by search and seed. `basins` are searches that end in
  one of two places, 3 decades apart; `failing` are those that fail altogether, half of them; `uneven` are contestants
  one of whom spreads ten times as much.
* power: how often `ours` tells two contestants apart whose medians differ by `ratio`.

`python -m benchmarks.coverage --help` says what to ask for; `--json` ends with all rows.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from study.statistics.aggregate import aggregate
from study.statistics.comparison import compare, signed_rank
from study.statistics.estimate import estimate
from study.statistics.improvement import probability_of_improvement
from study.statistics.middles import Middle, interquartile_mean, median

SEEDS = 10
WITHIN = 0.3
"""What the seeds of one search spread, in decades."""
UNEVEN = 0.05
"""What a contestant spreads, beside its reference."""
RESAMPLES = 1000
MIDDLES: Mapping[str, Middle] = {"median": median, "interquartile": interquartile_mean}

Row = dict[str, Any]
Errors = NDArray[np.float64]
Generator = np.random.Generator


def runs(generator: Generator, searches: int, between: float, *, seeds: int = SEEDS) -> Errors:
    """Errors (R, K) with the true middle 1."""
    of_searches = between * generator.standard_normal((searches, 1))
    return 10.0 ** (WITHIN * (of_searches + generator.standard_normal((searches, seeds))))


def basins(generator: Generator, searches: int, *, worse: float) -> Errors:
    """Searches that come to one of two ends, `worse` times apart."""
    return runs(generator, searches, 0.0) * np.where(generator.random((searches, 1)) < 0.5, 1.0, worse)


def resampled(errors: Errors, middle: Middle, generator: Generator) -> tuple[float, float]:
    """The percentile interval of searches that are drawn with replacement, and seeds in each of them."""
    searches, seeds = errors.shape
    rows = generator.integers(searches, size=(RESAMPLES, searches, 1))
    columns = generator.integers(seeds, size=(RESAMPLES, searches, seeds))
    return _percentiles(np.log10(errors)[rows, columns], middle)


def pooled(errors: Errors, middle: Middle, generator: Generator) -> tuple[float, float]:
    """The percentile interval of all runs."""
    drawn = generator.integers(errors.size, size=(RESAMPLES, errors.size))
    return _percentiles(np.log10(errors).ravel()[drawn], middle)


def _percentiles(drawn: Errors, middle: Middle) -> tuple[float, float]:
    low, high = np.quantile(middle(drawn.reshape(RESAMPLES, -1)), [0.025, 0.975])
    return float(10.0**low), float(10.0**high)


def ours(errors: Errors, middle: Middle, generator: Generator) -> tuple[float, float] | None:
    return estimate(errors, middle, resamples=RESAMPLES, seed=int(generator.integers(2**31))).interval


def estimate_rows(repetitions: int) -> Iterable[Row]:
    """Coverage of the median and the interquartile mean of one contestant."""
    for searches, between in [(1, 0.0), *((few, ratio) for few in (2, 3, 5) for ratio in (0.0, 0.5, 1.0, 3.0))]:
        for name, middle in MIDDLES.items():
            row: Row = {"part": "estimate", "searches": searches, "between": between, "middle": name}
            for way in (ours, resampled, pooled):
                generator = np.random.default_rng(0)
                found = [way(runs(generator, searches, between), middle, generator) for _ in range(repetitions)]
                row |= {way.__name__: _held(found, 1.0), f"{way.__name__}_decades": _width(found)}
            yield row


def aggregate_rows(repetitions: int) -> Iterable[Row]:
    """Coverage of the ratio over problems."""
    cases = [(1, 0.0, 1.0), *((few, *case) for few in (3, 5) for case in ((0.0, 1.0), (1.0, 1.0), (1.0, UNEVEN)))]
    for problems, (searches, between, share) in [(count, case) for count in (1, 2, 3, 5) for case in cases]:
        for name, middle in MIDDLES.items():
            generator, found = np.random.default_rng(0), []
            for repetition in range(repetitions):
                errors, reference = (
                    np.stack([runs(generator, searches, between) ** power for _ in range(problems)])
                    for power in (share, 1.0)
                )
                found.append(aggregate(errors, reference, middle, resamples=RESAMPLES, seed=repetition).interval)
            row = {"part": "aggregate", "problems": problems, "searches": searches, "between": between}
            row |= {"spread": share, "middle": name}
            yield row | {"ours": _held(found, 1.0), "ours_decades": _width(found)}


def improvement_rows(repetitions: int) -> Iterable[Row]:
    """Coverage of the probability of improvement."""
    cases = [(few, between) for few in (1, 3, 5) for between in (0.0, 0.5, 1.0, 3.0) if few > 1 or not between]
    for searches, between, shift in [(*case, shift) for case in cases for shift in (0.0, 1.0, 2.0)]:
        generator = np.random.default_rng(0)
        found = []
        for _ in range(repetitions):
            a, b = (runs(generator, searches, between) for _ in range(2))
            found.append(probability_of_improvement(a, b * 10 ** (WITHIN * shift)).interval)
        true = float(norm.cdf(shift / np.sqrt(2.0 * (1.0 + between**2))))
        row = {"part": "improvement", "searches": searches, "between": between, "shift": shift, "true": true}
        yield row | {"ours": _held(found, true)}


Draw = Callable[[Generator, int], Errors]

NO_DIFFERENCE: Mapping[str, tuple[Draw, Draw]] = {
    **{f"between {ratio}": (draw := partial(runs, between=ratio), draw) for ratio in (0.0, 0.5, 1.0, 3.0)},
    "uneven": (partial(runs, between=3.0), partial(runs, between=0.3)),
    "basins": (partial(basins, worse=1e3), partial(basins, worse=1e3)),
    "failing": (partial(basins, worse=np.inf), partial(basins, worse=np.inf)),
}


def level_rows(repetitions: int) -> Iterable[Row]:
    """How often contestants that do not differ are told apart."""
    for searches in (1, 2, 3, 5, 10):
        for name, (draw, other) in NO_DIFFERENCE.items():
            if searches == 1 and name != "between 0.0":
                continue
            generator = np.random.default_rng(0)
            pairs = [(draw(generator, searches), other(generator, searches)) for _ in range(repetitions)]
            told = np.mean([compare(a, b, resamples=10).p_value <= 0.05 for a, b in pairs])
            naive = np.mean([signed_rank(a.ravel(), b.ravel()) <= 0.05 for a, b in pairs])
            yield {"part": "level", "searches": searches, "case": name, "ours": 100 * told, "pairs": 100 * naive}


def power_rows(repetitions: int) -> Iterable[Row]:
    """How often contestants that differ are told apart."""
    for searches, between, ratio in [
        (few, between, ratio) for few in (3, 5, 10) for between in (0.0, 0.5, 1.0) for ratio in (1.5, 2.0, 4.0, 10.0)
    ]:
        generator = np.random.default_rng(0)
        pairs = [[runs(generator, searches, between) for _ in range(2)] for _ in range(repetitions)]
        told = np.mean([compare(a, ratio * b).p_value <= 0.05 for a, b in pairs])
        row = {"part": "power", "searches": searches, "between": between, "ratio": ratio}
        yield row | {"ours": 100 * told}


PARTS: Mapping[str, Callable[[int], Iterable[Row]]] = {
    "estimate": estimate_rows,
    "aggregate": aggregate_rows,
    "improvement": improvement_rows,
    "level": level_rows,
    "power": power_rows,
}


def _held(intervals: Iterable[tuple[float, float] | None], true: float) -> float:
    """How often in percent; no interval holds nothing."""
    return 100.0 * float(np.mean([bounds is not None and bounds[0] <= true <= bounds[1] for bounds in intervals]))


def _width(intervals: Iterable[tuple[float, float] | None]) -> float:
    return float(np.median([np.log10(bounds[1] / bounds[0]) for bounds in intervals if bounds is not None]))


def line(row: Row) -> str:
    """A row for people."""
    return "  ".join(
        f"{name} {value:.2f}" if isinstance(value, float) else f"{value}" if name == "part" else f"{name} {value}"
        for name, value in row.items()
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--json", action="store_true", help="end with all rows as one line of JSON")
    asked = parser.parse_args(arguments)
    rows: list[Row] = []
    for part in asked.parts:
        for row in PARTS[part](asked.repetitions):
            rows.append(row)
            print(line(row), flush=True)
    if asked.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
