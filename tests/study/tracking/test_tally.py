"""A study's own metrics, counted as its trials end."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from cnn_core.metrics import WORST
from cnn_core.solvers import LevenbergMarquardt
from search_spaces.contestants import CONTESTANT
from search_spaces.schema import Contestant
from study.analysis.findings import analyse
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.tracking import tally
from study.tracking.tally import Tally
from tests.search_spaces.competing import METHOD
from tests.study.tracked_study import study

DATA, CONSTRAINT = "validation/data_mse", "validation/constraint_mse"


def record(trial: str, status: TrialStatus, data: float, constraint: float) -> TrialRecord:
    return TrialRecord(trial, {}, "soft", status, metrics={DATA: data, CONSTRAINT: constraint})


def counted(found: Iterable[TrialRecord]) -> Tally:
    tally = Tally(study())
    for one in found:
        tally.start(one.trial)
        tally.end(one)
    return tally


def test_best_and_pareto_set_count_completed_trials_alone() -> None:
    tally = counted(
        [
            record("1", TrialStatus.COMPLETED, 0.5, 0.1),
            record("2", TrialStatus.COMPLETED, 0.2, 0.3),
            record("3", TrialStatus.PRUNED, 0.01, 0.01),
            record("4", TrialStatus.DIVERGED, WORST, WORST),
        ]
    )
    tally.start("5")
    assert tally.metrics() == {
        "best/validation/data_mse": 0.2,
        "best/validation/constraint_mse": 0.1,
        "pareto/size": 2.0,
        "trials/completed": 2.0,
        "trials/pruned": 1.0,
        "trials/diverged": 1.0,
        "trials/failed": 0.0,
        "trials/stopped": 0.0,
        "trials/lost": 0.0,
    }


def test_one_that_trains_nothing_is_judged_by_its_projection() -> None:
    soft, scratch = Contestant({METHOD: "soft"}), Contestant({"training.epochs": 0})
    of = Tally(replace(study(), contestants={"soft": soft, "scratch": scratch}, projection=LevenbergMarquardt()))
    solved: dict[str, float | str] = {DATA: 0.1, CONSTRAINT: 1e-9}
    solved |= {f"projected/{DATA}": 0.2, f"projected/{CONSTRAINT}": 0.3}
    trained: dict[str, float | str] = {DATA: 0.4, CONSTRAINT: 0.1}
    for trial, name, metrics in (("1", "scratch", solved), ("2", "soft", trained)):
        of.end(TrialRecord(trial, {CONTESTANT: name}, name, TrialStatus.COMPLETED, metrics=metrics))
    assert {name: value for name, value in of.metrics().items() if name.startswith("best/")} == {
        "best/validation/data_mse": 0.2,
        "best/validation/constraint_mse": 0.1,
    }


def test_a_trial_that_goes_on_counts_as_it_ended_last() -> None:
    tally = counted([record("1", TrialStatus.STOPPED, 0.5, 0.1), record("2", TrialStatus.LOST, 0.2, 0.3)])
    assert (tally.metrics()["trials/stopped"], tally.metrics()["trials/lost"]) == (1.0, 1.0)
    tally.start("1")
    assert tally.metrics()["trials/stopped"] == 0.0
    tally.end(record("1", TrialStatus.COMPLETED, 0.5, 0.1))
    tally.end(record("2", TrialStatus.COMPLETED, 0.2, 0.3))  # its start is lost
    ended = tally.metrics()
    assert (ended["trials/stopped"], ended["trials/lost"], ended["trials/completed"]) == (0.0, 0.0, 2.0)


def test_every_end_counts_as_if_all_trials_had_been_looked_at() -> None:
    random, tally, ended = Random(0), Tally(study()), []
    for number in range(60):
        status = random.choice([TrialStatus.COMPLETED, TrialStatus.COMPLETED, TrialStatus.PRUNED])
        ended.append(record(f"{number}", status, *(round(random.random(), 1) for _ in range(2))))
        tally.end(ended[-1])
        completed = [one for one in ended if one.status is TrialStatus.COMPLETED]
        if completed:
            expected = {f"best/{name}": min(one.metrics[name] for one in completed) for name in (DATA, CONSTRAINT)}
            expected["pareto/size"] = len(analyse(study(), {one.trial: one for one in ended}).pareto)
            assert {name: tally.metrics()[name] for name in expected} == expected


def test_bounds_and_larger_values_that_are_better_count() -> None:
    tally = Tally(replace(study(), objectives={DATA: "max"}, bounds={CONSTRAINT: 0.2}))
    for number, (data, constraint) in enumerate([(0.5, 0.1), (0.7, 0.2), (0.9, 0.3), (0.6, 0.1)]):
        tally.end(record(f"{number}", TrialStatus.COMPLETED, data, constraint))
    assert tally.metrics()[f"best/{DATA}"] == 0.7
    assert tally.metrics()["pareto/size"] == 1.0


def test_without_a_trade_off_the_pareto_set_has_no_size() -> None:
    tally = counted([TrialRecord("1", {}, "soft", TrialStatus.COMPLETED, metrics={DATA: 0.5})])
    assert "pareto/size" not in tally.metrics()


def test_the_thousandth_end_costs_what_the_first_did(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    inner = tally.judged

    def judged(study, records):
        seen.append(len(records))
        return inner(study, records)

    monkeypatch.setattr(tally, "judged", judged)
    counted(record(f"{number}", TrialStatus.COMPLETED, 1.0 + number, 1.0 + number) for number in range(1000))
    assert seen == [1] * 1000
