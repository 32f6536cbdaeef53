"""Comparisons of a few figures, made by hand."""

import math
from collections.abc import Mapping, Sequence

from study.comparison.result import Comparison, Confirmed, EntryResult, ProblemResult, SearchResult, Source, Tried

ERROR, CONSTRAINT = "test/relative_l2", "test/constraint_mse"

Rows = Sequence[Sequence[float]]


def source(*names: object) -> Source:
    return Source("study", "-".join(map(str, names)), "run-" + "-".join(map(str, names)))


def entry(
    name: str, rows: Rows, *, projected: bool = False, constraint: float = 1e-3, seconds: float = 10.0
) -> EntryResult:
    """Of these test errors by search and seed; inf failed."""
    kind = f"{name}{'-projected' * projected}"
    searches = []
    for number, row in enumerate(rows):
        confirmed = tuple(
            Confirmed(
                source(kind, number, seed),
                seed,
                {} if error == math.inf else {ERROR: error, CONSTRAINT: constraint},
                seconds,
                2.0 * projected,
                error == math.inf,
            )
            for seed, error in enumerate(row)
        )
        chosen = source(kind, number, "best")
        tried = (Tried(source(kind, number, "lost"), 5.0, math.inf), Tried(chosen, 20.0, min(row)))
        searches.append(SearchResult(tried, chosen, {"training.method.weight": 2.5}, confirmed))
    return EntryResult(name, projected, tuple(searches))


def nothing(name: str, *, searches: int = 3) -> EntryResult:
    """No trial of its searches completed."""
    tried = (Tried(source(name, "lost"), 5.0, math.inf),)
    return EntryResult(name, False, (SearchResult(tried, None, {}, ()),) * searches)


def problem(name: str, *entries: EntryResult, refused: Mapping[str, str] | None = None) -> ProblemResult:
    """With a known solution."""
    return ProblemResult(name, ERROR, CONSTRAINT, "validation/data_mse", entries, refused or {})


def comparison(*problems: ProblemResult, baselines: Sequence[str] = ("soft",)) -> Comparison:
    """As many searches and seeds as its first entry has."""
    searches = problems[0].entries[0].searches
    return Comparison(
        "by hand",
        problems,
        tuple(baselines),
        studies=len(searches),
        seeds=len(searches[0].confirmed),
        trials=2,
        cpu_seconds=None,
        started=1.75e9,
        ended=1.75e9 + 60,
        machine="one core",
        version="0",
    )


def around(error: float, *, searches: int = 3, seeds: int = 4) -> Rows:
    """Searches one hundredth apart, seeds one thousandth."""
    return [[error * (1 + search / 100 + seed / 1000) for seed in range(seeds)] for search in range(searches)]
