"""What parts of a study have used of their CPU seconds, and which of them may go on."""

from typing import Any

import pytest

from search_spaces.schema import Study
from study.journal.budget import Budget, too_late
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from tests.study.competing import competing, record

HEAVY, PLAIN = {"contestant": "heavy"}, {"contestant": "plain"}


def budget(study: Study, *used: tuple[str, dict[str, Any], float], **more: Any) -> Budget:
    return Budget(study, {trial: record(trial, values, seconds=seconds, **more) for trial, values, seconds in used})


USED = (("0000", HEAVY, 4.0), ("0001", PLAIN, 1.0), ("0002", HEAVY, 6.0), ("0003", PLAIN, 2.0))


def test_who_has_used_its_seconds_begins_no_trial_more() -> None:
    found = budget(competing(trials=20, tune={"seconds": 10.0}), *USED)
    assert [found.used(index) for index in (0, 1)] == [10.0, 3.0]
    assert [found.is_spent(index) for index in (0, 1)] == [True, False]
    assert found.told() == ["heavy used its 10 s after 2 trials"]
    assert found.at_most() == 2 + 10


def test_without_a_budget_all_trials_are_planned() -> None:
    found = budget(competing(trials=20), *USED)
    assert (found.told(), found.at_most()) == ([], 20)


@pytest.mark.parametrize("status", TrialStatus)
def test_all_trials_count_however_they_ended(status: TrialStatus) -> None:
    found = budget(competing(tune={"seconds": 5.0}), ("0000", HEAVY, 5.0), status=status)
    assert found.told() == ["heavy used its 5 s after 1 trial"]


def test_a_trial_that_runs_counts_with_its_last_epoch() -> None:
    running = TrialRecord(
        "0001", PLAIN, "plain", history=[(1, 0.0, {"time/cpu_s": 2.0}), (2, 0.0, {"time/cpu_s": 7.0})]
    )
    assert Budget(competing(tune={"seconds": 6.0}), {"0001": running}).is_spent(1)


def test_projections_count_where_nothing_is_trained_alone() -> None:
    trained = {"time/train_cpu_s": 2.0, "time/projection_cpu_s": 5.0, "time/cpu_s": 7.0}
    untrained = {"time/train_cpu_s": 0.0, "time/projection_cpu_s": 5.0, "time/cpu_s": 5.0}
    records = {"0000": record("0000", HEAVY, also=trained), "0001": record("0001", PLAIN, also=untrained)}
    found = Budget(competing(tune={"seconds": 6.0}), records)
    assert [found.used(index) for index in (0, 1)] == [2.0, 5.0]


def test_what_both_leave_no_room_for_is_too_late() -> None:
    took = {"time/train_cpu_s": 2.0, "time/projection_cpu_s": 5.0, "time/cpu_s": 7.0}
    records = {f"{2 * place:04d}": record(f"{2 * place:04d}", HEAVY, also=took) for place in range(4)}
    assert too_late(competing(tune={"seconds": 10.0}), records) == {"0004", "0006"}
    assert too_late(competing(), records) == set()


def test_trials_of_before_count_by_the_clock() -> None:
    earlier = TrialRecord("0000", {}, "soft", metrics={"time/train_s": 3.0, "time/projection_s": 1.5})
    assert (earlier.cpu_seconds, earlier.tuning_seconds) == (4.5, 3.0)
    assert TrialRecord("0000", {}, "soft").cpu_seconds == 0.0


def test_a_search_alone_and_balanced_values_have_seconds_too() -> None:
    alone = competing(contestants={}, tune={"seconds": 3.0})
    assert budget(alone, ("0000", {}, 2.0), ("0001", {}, 1.0)).told() == ["the search used its 3 s after 2 trials"]


def test_what_it_has_used_follows_the_records() -> None:
    """Trials begin, report, end, are stopped and go on while it is asked; it adds up what has ended only once."""
    records: dict[str, TrialRecord] = {}
    found = Budget(competing(tune={"seconds": 10.0}), records)
    assert found.used(0) == 0.0
    for number, seconds in enumerate((1.0, 2.0, 3.0)):
        records[f"{2 * number:04d}"] = record(f"{2 * number:04d}", HEAVY, seconds=seconds)
        assert found.used(0) == sum((1.0, 2.0, 3.0)[: number + 1])
    running = records["0006"] = TrialRecord("0006", HEAVY, "heavy", history=[(1, 0.0, {"time/cpu_s": 1.0})])
    assert found.used(0) == 7.0
    running.status = TrialStatus.STOPPED
    running.history.append((2, 0.0, {"time/cpu_s": 2.5}))
    assert found.used(0) == 8.5
    running.status, running.metrics = TrialStatus.COMPLETED, {"time/cpu_s": 4.0}
    assert (found.used(0), found.used(0), found.is_spent(0), found.used(1)) == (10.0, 10.0, True, 0.0)
