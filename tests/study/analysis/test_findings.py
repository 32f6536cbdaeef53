from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.load import StudyFileError, dump_yaml
from search_spaces.schema import Contestant
from study.analysis.findings import analyse, best_so_far, read_analysis, selection
from study.analysis.variants import CONSTRAINT
from study.journal.events import TrialStatus
from study.journal.files import STUDY
from tests.study import solved, synthetic_journal
from tests.study.analysis.made_up import record
from tests.study.competing import PLAIN, competing
from tests.study.competing import record as competing_record


@pytest.mark.parametrize(
    ("bounds", "best", "size"),
    [
        ({}, "0", 2),
        ({CONSTRAINT: 0.1}, "1", 1),
        ({CONSTRAINT: 0.001}, None, 0),
        ({"projected/validation/data_mse": 0.0}, "0", 2),
        ({"train/data_mse": 1.0}, None, 0),
    ],
)
def test_only_feasible_trials_are_best_or_in_the_pareto_set(
    bounds: dict[str, float], best: str | None, size: int
) -> None:
    study = replace(synthetic_journal.study(), bounds=bounds)
    trials = [
        record("0", validation__data_mse=0.1, validation__constraint_mse=0.5),
        record("1", validation__data_mse=0.2, validation__constraint_mse=0.05),
    ]
    analysis = analyse(study, {trial.trial: trial for trial in trials})
    assert {name: found.trial for name, found in analysis.best_trials().items()} == ({"soft": best} if best else {})
    assert len(analysis.pareto) == size
    assert [value is not None for value in best_so_far(analysis)["soft"]] == [best == "0", best is not None]


def test_a_projected_network_keeps_bounds_by_its_own_errors() -> None:
    study = replace(synthetic_journal.study(), bounds={CONSTRAINT: 0.1, "train/data_mse": 1.0})
    metrics = {"projected/validation/data_mse": 0.3, "projected/validation/constraint_mse": 0.01}
    trial = replace(record("0", validation__data_mse=0.1, validation__constraint_mse=0.5), metrics=metrics)
    assert [variant.feasible for variant in analyse(study, {"0": trial}).variants] == [False, True]


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        ({"validation/constraint_mse": "min", "validation/data_mse": "min"}, ("validation/constraint_mse", "min")),
        ({"projected/validation/data_mse": "min"}, ("validation/data_mse", "min")),
        ({"train/data_mse": "min", "validation/relative_l2": "max"}, ("validation/relative_l2", "max")),
        ({"train/data_mse": "min"}, ("validation/data_mse", "min")),
    ],
)
def test_selection_is_by_the_first_validation_objective(objectives: dict[str, str], expected: tuple[str, str]) -> None:
    study = synthetic_journal.study()
    object.__setattr__(study, "objectives", objectives)
    assert selection(study) == expected


def test_best_so_far_follows_the_order_in_which_trials_ended() -> None:
    records = [record("2", validation__data_mse=0.5), record("1", validation__data_mse=0.7)]
    records += [record("0", status=TrialStatus.PRUNED, validation__data_mse=0.1), record("3", validation__data_mse=0.6)]
    analysis = analyse(synthetic_journal.study(), {entry.trial: entry for entry in records})
    assert best_so_far(analysis) == {"soft": [None, 0.7, 0.5, 0.5]}


def test_an_empty_study_has_empty_tables() -> None:
    analysis = analyse(synthetic_journal.study(), {})
    assert (analysis.variants, analysis.leaderboard, analysis.pareto) == ([], [], [])
    assert (best_so_far(analysis), analysis.best_trials()) == ({}, {})


def test_the_tables_of_a_whole_study(tmp_path: Path) -> None:
    records = synthetic_journal.fill(tmp_path).trials()
    analysis = analyse(synthetic_journal.study(), records)
    rows = {(row.method, row.projected): row for row in analysis.leaderboard}
    assert len(rows) == 10
    assert sum(sum(row.counts.values()) for row in rows.values() if not row.projected) == 20
    assert rows["soft", False].counts[TrialStatus.FAILED] == rows["soft", False].counts[TrialStatus.PRUNED] == 1
    assert rows["batch", False].counts[TrialStatus.DIVERGED] == 1
    assert set(analysis.best_trials()) == set(synthetic_journal.METHODS)


def test_an_analysis_is_read_from_a_study_s_folder(tmp_path: Path) -> None:
    (tmp_path / STUDY).write_text(dump_yaml(synthetic_journal.study()), encoding="utf-8")
    records = synthetic_journal.fill(tmp_path).trials()
    whole, found = analyse(synthetic_journal.study(), records), read_analysis(tmp_path)
    best = {record.trial for one in (whole.best_trials(), whole.best_projected()) for record in one.values()}
    assert {ident: found.records[ident] for ident in best} == {ident: records[ident] for ident in best}
    for ident in records.keys() - best:  # of the others it keeps the last epoch
        records[ident].forget_epochs()
    assert found == whole


def test_a_folder_without_a_study_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError) as caught:
        read_analysis(tmp_path)
    assert "\n" not in str(caught.value)


def test_where_nothing_is_trained_every_solver_has_one_network_with_the_errors_that_it_came_to() -> None:
    found = solved.analysis()
    assert [(row.method, row.projected, row.seconds) for row in found.leaderboard] == [
        ("least-squares", False, 4.0),
        ("lm", False, 4.0),
    ]
    best = found.leaderboard[1].best
    assert best is not None
    assert (best.trial, best.value("validation/constraint_mse"), best.value("validation/data_mse")) == ("0", 2e-3, 2e-3)
    assert {method: record.trial for method, record in found.best_trials().items()} == {"lm": "0", "least-squares": "1"}


def test_bounds_hold_for_what_was_solved() -> None:
    found = solved.analysis(bounds={"projected/validation/constraint_mse": 1e-3})
    assert [variant.feasible for variant in found.variants] == [False, True, False]
    assert best_so_far(found) == {"lm": [None, None], "least-squares": [1e-4]}


def test_contestants_are_compared_some_trained_and_some_only_solved() -> None:
    """One that trains nothing has the errors of its projection for its own."""
    scratch = Contestant({"training.epochs": 0, "projection.solver": "lm"})
    study = competing(contestants={**competing().contestants, "scratch": scratch})
    made = [
        competing_record("0000", {"contestant": "heavy"}, data=0.3),
        competing_record("0001", {"contestant": "plain"}, data=0.2, also={"projected/validation/data_mse": 0.25}),
        competing_record("0002", {"contestant": "scratch"}, data=9.0, also={"projected/validation/data_mse": 0.1}),
        competing_record("0003", {"contestant": "heavy"}, data=0.4),
        competing_record("0004", {"contestant": "plain"}, data=0.5, also={"projected/validation/data_mse": 0.05}),
    ]
    analysis = analyse(study, {one.trial: replace(one, ended=float(one.trial)) for one in made})
    rows = [(row.method, row.projected) for row in analysis.leaderboard]
    assert rows == [("scratch", False), ("plain", False), ("plain", True), ("heavy", False)]
    assert {name: one.trial for name, one in analysis.best_trials().items()} == {
        "scratch": "0002", "plain": "0001", "heavy": "0000",
    }  # fmt: skip
    assert {name: one.trial for name, one in analysis.best_projected().items()} == {"plain": "0004"}
    assert best_so_far(analysis) == {"heavy": [0.3, 0.3], "plain": [0.2, 0.2], "scratch": [0.1]}


def test_projections_beyond_the_seconds_of_a_search_are_not_chosen() -> None:
    took = {"time/train_cpu_s": 2.0, "time/cpu_s": 6.0}
    records = {
        f"{2 * place:04d}": competing_record(
            f"{2 * place:04d}",
            {"contestant": "heavy"},
            data=0.5 - 0.1 * place,
            also=took | {"projected/validation/data_mse": 0.3 - 0.1 * place, "projection/steps": 3.0},
        )
        for place in range(3)
    }
    found = analyse(competing(tune={"seconds": 10.0}), records)
    assert found.best_trials()["heavy"].trial == "0004"
    assert found.best_projected()["heavy"].trial == "0002"


def test_contestants_without_a_best_trial_stand_as_in_the_file() -> None:
    names = ("zebra", "soft", "ant")
    study = competing(contestants=dict.fromkeys(names, PLAIN))
    failed = [competing_record(f"000{index}", {"contestant": name}, status=TrialStatus.FAILED) for index, name in
              enumerate(reversed(names))]  # fmt: skip
    assert tuple(row.method for row in analyse(study, {one.trial: one for one in failed}).leaderboard) == names
