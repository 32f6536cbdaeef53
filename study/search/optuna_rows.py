"""Trials that ended → rows of Optuna's SQL tables, many at a time.

Optuna's own `add_trial` asks the database after every value that it writes, and counts the study's trials: four fifths
of all that a trial costs a driver. These are the same rows, in the tables of Optuna's own models.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial
from sqlalchemy import Table, insert, select

Row = dict[str, Any]


def add_trials(storage: RDBStorage, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    """Add trials behind those that the study has, all or none. Raises StorageInternalError where it is locked."""
    model = models.TrialModel
    with _create_scoped_session(storage.scoped_session) as session:
        own = select(model.number).where(model.study_id == study_id)
        last = session.scalar(own.order_by(model.trial_id.desc()).limit(1))  # not a count of them all
        number = 0 if last is None else last + 1
        rows = [_trial(trial, study_id, number + index) for index, trial in enumerate(trials)]
        # From the first row on, nobody else writes: the numbers of the next ones are free.
        first = session.execute(insert(table_of(model)).returning(model.trial_id), rows[0]).scalar_one()
        idents = range(first, first + len(rows))
        statements = [(model, [row | {"trial_id": ident} for row, ident in zip(rows, idents, strict=True)][1:])]
        for belonging, of in TABLES:
            told = zip(trials, idents, strict=True)
            statements.append((belonging, [row | {"trial_id": ident} for trial, ident in told for row in of(trial)]))
        for table, content in statements:
            if content:
                session.execute(insert(table_of(table)), content)


def table_of(model: Any) -> Table:
    """The table of one of Optuna's models."""
    return model.__table__


def _trial(trial: FrozenTrial, study_id: int, number: int) -> Row:
    times = models.TrialModel(datetime_start=trial.datetime_start, datetime_complete=trial.datetime_complete)
    return {
        "study_id": study_id,
        "number": number,
        "state": trial.state,
        "datetime_start": times._datetime_start_utc,
        "datetime_complete": times._datetime_complete_utc,
    }


def _value(objective: int, value: float) -> Row:
    stored, kind = models.TrialValueModel.value_to_stored_repr(value)
    return {"objective": objective, "value": stored, "value_type": kind}


def _parameter(trial: FrozenTrial, name: str) -> Row:
    distribution = trial.distributions[name]
    value, text = distribution.to_internal_repr(trial.params[name]), distribution_to_json(distribution)
    return {"param_name": name, "param_value": value, "distribution_json": text}


def _attributes(attributes: dict[str, Any]) -> list[Row]:
    return [{"key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]


def _reported(step: int, value: float) -> Row:
    stored, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
    return {"step": step, "intermediate_value": stored, "intermediate_value_type": kind}


TABLES: Sequence[tuple[Any, Callable[[FrozenTrial], list[Row]]]] = (
    (models.TrialValueModel, lambda trial: [_value(*entry) for entry in enumerate(trial.values or ())]),
    (models.TrialParamModel, lambda trial: [_parameter(trial, name) for name in trial.params]),
    (models.TrialUserAttributeModel, lambda trial: _attributes(trial.user_attrs)),
    (models.TrialSystemAttributeModel, lambda trial: _attributes(trial.system_attrs)),
    (models.TrialIntermediateValueModel, lambda trial: [_reported(*one) for one in trial.intermediate_values.items()]),
)
"""What a trial has in the other tables."""
