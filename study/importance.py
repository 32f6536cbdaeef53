"""Which searched settings mattered: how much each of them had to do with a trial's being among the best.

PED-ANOVA compares where the best trials' settings lie with where all trials' do, one setting at a time; it knows
settings that only some trials have. It ranks trials and so does not care how an objective is scaled.

References: Watanabe, Bansal & Hutter 2023, arXiv:2304.10255; for settings that only some trials have, arXiv:2601.20800.
"""

from collections import Counter
from collections.abc import Iterable

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FixedTrial

from cnn_core.metrics import WORST
from search_spaces import convert
from search_spaces.schema import Study
from study.records import TrialRecord, TrialStatus

FEWEST_TRIALS = 20
"""Nothing is said of a setting that fewer trials had."""

BEST_SHARE = 0.25
"""The share of trials that counts as the best."""


def importances(study: Study, records: Iterable[TrialRecord]) -> dict[str, dict[str, float]]:
    """Objective → setting → its share, 0 to 1, of the settings' importance; empty without two settings to compare.

    A diverged trial counts as the worst; pruned, stopped and failed ones are left out.
    """
    ended = [record for record in records if record.status in (TrialStatus.COMPLETED, TrialStatus.DIVERGED)]
    counts = Counter(name for record in ended for name in record.values)
    known = [name for name in study.search if counts[name] >= FEWEST_TRIALS]
    if len(known) < 2:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE)
    found: dict[str, dict[str, float]] = {}
    for objective, mode in study.objectives.items():
        sign = 1 if mode == "min" else -1
        trials = optuna.create_study()
        for record in ended:
            asked = FixedTrial(convert.stored(record.values))
            convert.suggest(study, asked)
            value = sign * _number(record.metrics.get(objective), sign * WORST)
            trials.add_trial(optuna.create_trial(params=asked.params, distributions=asked.distributions, value=value))
        shares = get_param_importances(trials, evaluator=evaluator)
        total = sum(shares[name] for name in known)
        found[objective] = {name: shares[name] / total if total > 0 else 0.0 for name in known}
    return found


def _number(value: float | str | None, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
