"""Which searched settings mattered: how much each of them had to do with a trial's being among the best.

PED-ANOVA compares where the best trials' settings lie with where all trials' do, one setting at a time; it knows
settings that only some trials have. It ranks trials and so does not care how an objective is scaled.

References: Watanabe, Bansal & Hutter 2023, arXiv:2304.10255; for settings that only some trials have, arXiv:2601.20800.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FixedTrial

from cnn_core.metrics import WORST
from search_spaces import convert
from search_spaces.contestants import CONTESTANT, searched
from search_spaces.schema import Choice, Study
from study.analysis.leaderboard import loss
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord

FEWEST_TRIALS = 20
"""Nothing is said of a setting that fewer trials had."""

MOST_TRIALS = 3000
"""Of more, so many that are drawn among them tell the same."""

BEST_SHARE = 0.25
"""The share of trials that counts as the best."""


def importances(study: Study, records: Iterable[TrialRecord]) -> dict[str, dict[str, float]]:
    """Objective → setting → its share, 0 to 1, of the settings' importance; empty without two settings to compare.

    A diverged trial counts as the worst; pruned, stopped and failed ones are left out, as are trials of another search
    space. Nothing is said of an objective that too few trials have values of for some to be the best.
    """
    ended = [record for record in records if record.status in (TrialStatus.COMPLETED, TrialStatus.DIVERGED)]
    some = ended if len(ended) <= MOST_TRIALS else Random(0).sample(ended, MOST_TRIALS)
    asked = [(record, trial) for record in some if (trial := _asked(study, record)) is not None]
    counts = Counter(name for _, trial in asked for name in trial.params)
    known = [name for name in _names(study) if counts[name] >= FEWEST_TRIALS]
    if len(known) < 2:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found: dict[str, dict[str, float]] = {}
    for objective, mode in study.objectives.items():
        values = [_smaller_is_better(record.metrics.get(objective), mode) for record, _ in asked]
        measured = [value for value in values if value < WORST]
        if len(measured) < BEST_SHARE * len(values) or len(set(values)) < 2:
            continue
        shares = _shares([trial for _, trial in asked], values)
        total = sum(shares[name] for name in known)
        if total > 0:
            found[objective] = {name: shares[name] / total for name in known}
    return found


def _shares(asked: Sequence[FixedTrial], values: Sequence[float]) -> dict[str, float]:
    trials = optuna.create_study()
    for trial, value in zip(asked, values, strict=True):
        trials.add_trial(optuna.create_trial(params=trial.params, distributions=trial.distributions, value=value))
    with warnings.catch_warnings(action="ignore"):
        return get_param_importances(trials, evaluator=PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE))


def _names(study: Study) -> list[str]:
    """What trials may differ in: who the contestant is, and what is searched."""
    return [*([CONTESTANT] if study.contestants else []), *searched(study)]


def _asked(study: Study, record: TrialRecord) -> FixedTrial | None:
    """The trial as Optuna was asked for it; None if this study would not have asked.

    Contestants that search a setting in different ranges are asked for it in one that has them all.
    """
    trial = FixedTrial(convert.stored(record.values))
    try:
        with warnings.catch_warnings(action="ignore"):
            if study.contestants:
                among = {CONTESTANT: Choice(tuple(study.contestants))} | searched(study)
                for path in record.values:
                    convert.ask(trial, path, among[path])
            else:
                convert.suggest(study, trial)
            optuna.create_trial(params=trial.params, distributions=trial.distributions, value=0.0)
    except (ValueError, KeyError):
        return None
    return trial


def _smaller_is_better(value: float | str | None, mode: str) -> float:
    """The worst where nothing was measured."""
    return loss(float(value), mode) if isinstance(value, int | float) else WORST
