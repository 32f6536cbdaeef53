"""A made-up comparison: errors are lognormal, with a spread between searches and one between seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from study.comparison.result import Comparison, Confirmed, EntryResult, ProblemResult, SearchResult, Source, Tried

RELATIVE, CONSTRAINT, VALIDATION = "test/relative_l2", "test/constraint_mse", "validation/data_mse"


@dataclass(frozen=True)
class Made:
    """How a contestant does: factors on the problem's error, constraint error and seconds; how often it fails."""

    error: float
    constraint: float
    seconds: float
    fails: float = 0.0


CONTESTANTS: Mapping[str, Made] = {
    "unconstrained": Made(3.0, 300.0, 0.4),
    "soft-adam": Made(1.0, 1.0, 1.0),
    "soft-soap": Made(0.6, 0.6, 1.9),
    "soft-adam-lbfgs": Made(0.5, 0.3, 1.6),
    "soft-annealed": Made(0.9, 0.8, 1.7),
    "soft-gradient-norms": Made(0.8, 0.9, 1.8),
    "conflict-free": Made(0.9, 0.7, 2.4),
    "conflict-free-update": Made(0.7, 0.6, 2.6),
    "augmented-lagrangian": Made(0.7, 0.2, 1.1),
    "augmented-lagrangian-pi": Made(0.65, 0.15, 1.1),
    "batch": Made(1.3, 0.1, 3.0, fails=0.15),
    "null-space": Made(0.25, 0.05, 2.7),
    "reduction": Made(4.0, 2.0, 1.3, fails=0.4),
    "from-scratch": Made(0.05, 1e-4, 0.7),
}
PROBLEMS = ("helmholtz-2d", "burgers", "poisson-boundary", "two-media", "fronts", "heat-inverse")
BASELINES = tuple(list(CONTESTANTS)[:10])
UNSOLVED = "heat-inverse"
SECONDS = 12.0
PROJECTION = Made(0.5, 1e-3, 0.3)

LEARNING_RATE = "training.optimizer.learning_rate"
SECTIONS = {"forward": 0.3, "residual": 0.2, "jacobian": 0.1, "factorisation": 0.05, "step": 0.25, "other": 0.1}
"""Shares of a training's seconds."""

IMPORTANCES = {LEARNING_RATE: 0.6, "training.method.weight": 0.3, "network.widths": 0.1}
SETTINGS = {LEARNING_RATE: 3.2e-3, "training.method.weight": 12.5, "network.widths": [32, 32, 32]}


@dataclass(frozen=True)
class Maker:
    """What makes the figures: how many, and the standard deviations of log errors (`spread`: over problems)."""

    random: np.random.Generator
    studies: int
    seeds: int
    trials: int
    between: float
    within: float
    spread: float
    projects: bool

    def off(self, spread: float) -> float:
        """A factor around 1."""
        return math.exp(self.random.normal(0, spread))

    def problem(self, name: str, contestants: Mapping[str, Made], *, solved: bool) -> ProblemResult:
        """A problem on which each contestant is off its usual factor; where nothing is `solved` there is no data."""
        ease = 10.0 ** self.random.uniform(-4, -1.5)
        here = {key: replace(one, error=one.error * self.off(self.spread)) for key, one in contestants.items()}
        refused = {} if solved or "unconstrained" not in here else {"unconstrained": "there is no data"}
        entries = [
            self.entry(name, key, one, ease, projected=projected)
            for key, one in here.items()
            for projected in ((True,) if key == "from-scratch" else (False, True)[: 1 + self.projects])
            if key not in refused
        ]
        error = RELATIVE if solved else CONSTRAINT
        importances = {key: IMPORTANCES for key in here if key not in refused}
        return ProblemResult(name, error, CONSTRAINT, VALIDATION, tuple(entries), refused, importances)

    def entry(self, problem: str, name: str, one: Made, ease: float, *, projected: bool) -> EntryResult:
        """Its searches, each at a level of its own."""
        after = PROJECTION if projected else Made(1, 1, 0)
        error, constraint = ease * one.error * after.error, ease**1.5 * one.constraint * after.constraint
        found = replace(one, error=error, constraint=constraint)
        searches = [self.search(f"{problem}-{number + 1}", name, found, projected) for number in range(self.studies)]
        return EntryResult(name, projected, tuple(searches))

    def search(self, study: str, name: str, one: Made, projected: bool) -> SearchResult:
        """Trials at or above the search's level, and confirmed runs around it."""
        error, constraint = (value * self.off(self.between) for value in (one.error, one.constraint))
        here = replace(one, error=error, constraint=constraint)
        tried, clock = [], 0.0
        for index in range(self.trials):
            clock += SECONDS * one.seconds * self.off(0.3) * (1 + PROJECTION.seconds * projected)
            failed = self.random.random() < 0.1 + one.fails
            value = math.inf if failed else here.error * math.exp(self.random.exponential(1.5))
            tried.append(Tried(source(study, name, index), clock, value))
        rate = float(f"{3e-3 * self.off(1):.3g}")
        best = min(tried, key=lambda trial: trial.value).source if tried else None
        confirmed = [self.confirmed(f"{study}-confirm", name, index, here, projected) for index in range(self.seeds)]
        return SearchResult(tuple(tried), best, SETTINGS | {LEARNING_RATE: rate}, tuple(confirmed))

    def confirmed(self, study: str, name: str, index: int, one: Made, projected: bool) -> Confirmed:
        """A run with a fresh seed, which may have failed."""
        failed = bool(self.random.random() < one.fails)
        errors = {RELATIVE: one.error * self.off(self.within), CONSTRAINT: one.constraint * self.off(self.within)}
        seconds = SECONDS * one.seconds * self.off(0.1)
        projection = seconds * PROJECTION.seconds if projected else 0.0
        sections = {section: share * seconds for section, share in SECTIONS.items()}
        sections |= {"projection": projection} if projection else {}
        return Confirmed(
            source=source(study, name, index),
            seed=1000 + index,
            errors={} if failed else errors,
            training_seconds=seconds,
            projection_seconds=projection,
            failed=failed,
            sections=sections,
            validation=math.inf if failed else 1.2 * errors[RELATIVE],
            after={} if projected or not self.projects else {key: 0.5 * error for key, error in errors.items()},
        )


def source(study: str, name: str, index: int) -> Source:
    """A trial, and what could be the id of its run."""
    return Source(study, f"{index:05d}", f"{crc32(f'{study} {name} {index}'.encode()):032x}")


def comparison(
    problems: Sequence[str] = PROBLEMS,
    contestants: Mapping[str, Made] = CONTESTANTS,
    *,
    studies: int = 3,
    seeds: int = 10,
    trials: int = 30,
    between: float = 0.3,
    within: float = 0.4,
    spread: float = 0.7,
    projects: bool = True,
    seed: int = 0,
) -> Comparison:
    """A finished one; "heat-inverse" has no known solution."""
    maker = Maker(np.random.default_rng(seed), studies, seeds, trials, between, within, spread, projects)
    return Comparison(
        "made-up",
        tuple(maker.problem(name, contestants, solved=name != UNSOLVED) for name in problems),
        tuple(name for name in BASELINES if name in contestants),
        studies,
        seeds,
        trials,
        600.0,
        started=1.75e9,
        ended=1.75e9 + 40_000,
        machine="2 cores",
        version="0.1.0 (c738f72)",
    )
