"""A made-up study that trains nothing: every trial is solved by one of two solvers, from random parameters."""

from dataclasses import replace

from cnn_core.solvers import LeastSquaresSolver
from search_spaces.schema import Choice, SearchedParameter, Study
from study.analysis.findings import Analysis, analyse
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from tests.study import synthetic_journal

FIRST = {"validation/data_mse": 1.0, "validation/constraint_mse": 50.0}
"""Those of random parameters."""


def study() -> Study:
    made = synthetic_journal.study()
    return replace(
        made,
        training=replace(made.training, epochs=0),
        projection=LeastSquaresSolver(),
        search={"projection.solver": SearchedParameter(Choice(("least-squares", "lm")))},
        objectives={"projected/validation/constraint_mse": "min"},
    )


def record(trial: str, solver: str, error: float) -> TrialRecord:
    after = {"projected/validation/constraint_mse": error, "projected/validation/data_mse": error}
    after |= {"projected/test/relative_l2": error, "projection/steps": 9.0, "projection/status": "tolerance not met"}
    times = {"time/train_s": 0.0, "time/projection_s": 4.0}
    made = TrialRecord(trial, {"projection.solver": solver}, solver, TrialStatus.COMPLETED, started=0.0, ended=5.0)
    made.history.append((0, 1.0, dict(FIRST)))
    made.metrics = {**FIRST, **after, **times}
    return made


def analysis(**changes: object) -> Analysis:
    records = [record("0", "lm", 2e-3), record("1", "least-squares", 1e-4), record("2", "lm", 3e-3)]
    return analyse(replace(study(), **changes), {made.trial: made for made in records})
