"""Who chooses the values of trials: Optuna's samplers, by the names of study files."""

import warnings
from collections.abc import Callable, Mapping

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from search_spaces.schema import Tune


def _tpe(seed: int, random_trials: int) -> BaseSampler:
    return TPESampler(seed=seed, n_startup_trials=random_trials, multivariate=True, group=True, constant_liar=True)


def _gp(seed: int, random_trials: int) -> BaseSampler:
    return GPSampler(seed=seed, n_startup_trials=random_trials)


SAMPLERS: Mapping[str, Callable[[int, int], BaseSampler]] = {
    "tpe": _tpe,
    "gp": _gp,
    "nsga2": lambda seed, _: NSGAIISampler(seed=seed),
    "random": lambda seed, _: RandomSampler(seed=seed),
    "grid": lambda seed, _: RandomSampler(seed=seed),  # every value is queued; nothing is left to sample
}

NOT_REPLAYED = ("grid", "gp")
"""Samplers that are not asked again for what the journal has: one has no state, and one takes seconds a trial."""


def samplers(tune: Tune, parts: int, begun: Mapping[int, int]) -> list[BaseSampler]:
    """One for each part of a search; so many trials of it `begun` before, and are not asked for again."""
    share, make = tune.trials // parts, SAMPLERS[tune.sampler]
    seeds = [tune.seed + index + begun.get(index, 0) for index in range(parts)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return [make(seed, min(10, max(4, share // 4))) for seed in seeds]
