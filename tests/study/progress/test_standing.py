from collections.abc import Mapping
from typing import Any, Literal

import pytest

from cnn_core.solvers import LevenbergMarquardt
from search_spaces.contestants import Asked
from search_spaces.schema import Contestant
from study.journal.events import TrialStatus
from study.progress import standing
from study.progress.standing import Best, Slots, Standing
from tests.search_spaces.competing import METHOD
from tests.study.small_study import small_study

SOFT, SCRATCH = Contestant({METHOD: "soft"}), Contestant({"training.epochs": 0})

DATA, CONSTRAINT = "validation/data_mse", "validation/constraint_mse"


def standing_of(objectives: Mapping[str, Literal["min", "max"]], *, trials: int = 2, **changes: Any) -> Standing:
    return Standing(Asked(small_study(objectives=objectives, **changes)), trials)


def of_two_objectives() -> Standing:
    return standing_of({DATA: "min", CONSTRAINT: "min"}, trials=10)


def end(of: Standing, ident: str, method: str, data: float, constraint: float, status: str = "completed") -> None:
    of.end(ident, method, TrialStatus(status), {DATA: data, CONSTRAINT: constraint})


def test_only_completed_trials_are_best() -> None:
    of = of_two_objectives()
    for ident, data, status in (
        ("0000", 0.3, "completed"),
        ("0001", 0.2, "completed"),
        ("0002", 0.1, "pruned"),
        ("0003", 0.0, "stopped"),
    ):
        end(of, ident, "soft", data, 1.0, status)
    assert of.best[DATA] == Best(0.2, "0001", "soft")
    assert of.ended_by_method == {"soft": 4}


def test_the_best_of_an_objective_to_maximize_is_the_largest() -> None:
    of = standing_of({DATA: "max"})
    for ident, value in (("0000", 0.3), ("0001", 0.2)):
        of.end(ident, "soft", TrialStatus.COMPLETED, {DATA: value})
    assert of.best[DATA].trial == "0000"
    assert of.pareto == [[-0.3]]


def test_every_method_has_a_best_of_its_own() -> None:
    of = of_two_objectives()
    end(of, "0000", "soft", 0.3, 0.1)
    end(of, "0001", "batch", 0.2, 0.4)
    end(of, "0002", "soft", 0.4, 0.05)
    assert {method: best[DATA].trial for method, best in of.methods.items()} == {"soft": "0000", "batch": "0001"}
    assert {method: best[CONSTRAINT].trial for method, best in of.methods.items()} == {"soft": "0002", "batch": "0001"}


def test_the_pareto_set_holds_what_no_other_trial_beats() -> None:
    of = of_two_objectives()
    for ident, data, constraint in (("0000", 3.0, 3.0), ("0001", 1.0, 4.0), ("0002", 2.0, 2.0), ("0003", 2.0, 5.0)):
        end(of, ident, "soft", data, constraint)
    assert of.pareto == [[1.0, 4.0], [2.0, 2.0]]
    end(of, "0004", "soft", 2.0, 2.0)  # the same again
    assert len(of.pareto) == 3
    end(of, "0005", "soft", 0.5, 0.5)
    assert of.pareto == [[0.5, 0.5]]


def test_one_that_trains_nothing_is_judged_by_its_projection() -> None:
    of = standing_of(
        {CONSTRAINT: "min"}, contestants={"soft": SOFT, "scratch": SCRATCH}, projection=LevenbergMarquardt()
    )
    of.end("0000", "scratch", TrialStatus.COMPLETED, {CONSTRAINT: 1e-9, f"projected/{CONSTRAINT}": 0.2})
    assert of.best[CONSTRAINT] == Best(0.2, "0000", "scratch")
    of.end("0001", "soft", TrialStatus.COMPLETED, {CONSTRAINT: 0.1, f"projected/{CONSTRAINT}": 1e-9})
    assert of.best[CONSTRAINT] == Best(0.1, "0001", "soft")


def test_the_use_of_slots_is_the_time_that_they_held_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(standing.time, "monotonic", lambda: now[0])
    slots = Slots(2)
    slots.begin("0000")
    now[0] += 10
    assert slots.use(elapsed=10) == pytest.approx(0.5)
    slots.begin("0000")  # again, on another node
    slots.end("0000")
    slots.end("0001")  # never begun
    slots.begin("0002")
    now[0] += 10
    assert slots.use(elapsed=20) == pytest.approx(0.5)
    assert Slots(2).use(elapsed=0) == 0


def test_what_exceeds_a_bound_is_not_best() -> None:
    of = standing_of({DATA: "min"}, bounds={CONSTRAINT: 0.1})
    of.end("0", "soft", TrialStatus.COMPLETED, {DATA: 0.1, CONSTRAINT: 0.2})
    of.end("1", "soft", TrialStatus.COMPLETED, {DATA: 0.2, CONSTRAINT: 0.1})
    assert of.best[DATA].trial == "1"
    assert len(of.pareto) == 1


def test_a_trial_that_may_go_on_is_not_over() -> None:
    standing = standing_of({DATA: "min"}, trials=3)
    for ident, status in enumerate((TrialStatus.COMPLETED, TrialStatus.LOST, TrialStatus.STOPPED)):
        standing.end(f"{ident:04d}", "soft", status, {"validation/data_mse": 0.1})
    assert standing.over == 1
