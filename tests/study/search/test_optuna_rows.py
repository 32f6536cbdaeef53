"""The rows that we write are those that Optuna would have written."""

import math
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from study.search.optuna_file import database
from study.search.optuna_rows import add_trials

DISTRIBUTIONS = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "epochs": IntDistribution(1, 9),
    "method": CategoricalDistribution(("soft", "batch", None)),
}
COMPLETED = {"state": TrialState.COMPLETE, "values": [1.0, math.inf]}
TRIALS: list[dict[str, Any]] = [
    COMPLETED | {"params": {"rate": 0.1, "epochs": 3, "method": "batch"}, "distributions": DISTRIBUTIONS},
    COMPLETED | {"user_attrs": {"trial": "0001"}, "system_attrs": {"constraints": [0.5, -1.0], "fixed_params": {}}},
    {"state": TrialState.FAIL, "params": {"rate": 1.0}, "distributions": {"rate": DISTRIBUTIONS["rate"]}},
    {"state": TrialState.PRUNED, "intermediate_values": {1: 0.5, 2: math.nan, 3: -math.inf}},
]


def trial(number: int, **content: Any) -> FrozenTrial:
    made = optuna.create_trial(**content)
    made.datetime_start, made.datetime_complete = datetime(2026, 7, 1, 12, number), datetime(2026, 7, 1, 13, number, 5)
    return made


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


@pytest.mark.filterwarnings("ignore")
def test_they_are_those_that_optuna_writes(tmp_path: Path) -> None:
    for name in ("ours", "optuna"):
        storage = database(tmp_path / name)
        assert isinstance(storage, RDBStorage)
        for index in range(2):  # two studies in one file
            study = optuna.create_study(storage=storage, study_name=str(index), directions=["minimize", "maximize"])
            for batch in ([trial(number, **content) for number, content in enumerate(TRIALS)], [trial(9, **COMPLETED)]):
                if name == "ours":
                    add_trials(storage, study._study_id, batch)
                else:
                    study.add_trials(batch)
    assert tables(tmp_path / "ours") == tables(tmp_path / "optuna")
    assert [len(tables(tmp_path / "ours")[name]) for name in ("trials", "trial_params")] == [10, 8]
