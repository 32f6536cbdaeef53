"""What is said of the unknowns that training found."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from study.analysis.findings import Analysis, analyse
from study.report.unknowns_table import unknowns_table
from tests.study import conditioned, synthetic_journal


def analysis(folder: Path, *, trials: int, truth: bool = True) -> Analysis:
    left_out = () if truth else ("unknown/rate_error",)
    metrics = {name: value for name, value in conditioned.WITH_UNKNOWN.items() if name not in left_out}
    return analyse(synthetic_journal.study(), conditioned.fill(folder, metrics, trials=trials).trials())


def test_the_best_trial_s_value_and_its_relative_error(tmp_path: Path) -> None:
    table = unknowns_table(analysis(tmp_path, trials=2), seeds=False)
    assert [column.heading for column in table.columns] == ["method", "unknown", "best\ntrial", "value", "rel.\nerror"]
    assert table.rows == [("soft", "rate", "0000", "0.4", "2.0e-1")]


def test_without_a_true_value_there_is_no_error(tmp_path: Path) -> None:
    table = unknowns_table(analysis(tmp_path, trials=2, truth=False), seeds=False)
    assert table.rows == [("soft", "rate", "0000", "0.4")]
    assert not table.notes


def test_projected_networks_have_their_own_where_projections_have_moved_them(tmp_path: Path) -> None:
    own = {"projected/unknown/rate": 0.5, "projected/unknown/rate_error": 0.0, "projected/train/data_mse": 0.01}
    own |= {"projected/validation/data_mse": 0.01}
    study, records = synthetic_journal.study(), conditioned.fill(tmp_path, conditioned.WITH_UNKNOWN | own).trials()
    table = unknowns_table(analyse(study, records), seeds=False)
    assert table.title == "Unknowns that were found"
    assert table.rows == [
        ("soft", "rate", "0000", "0.4", "2.0e-1"),
        ("soft + projection", "rate", "0000", "0.5", "0.0e0"),
    ]


@pytest.mark.parametrize(
    ("trials", "spread"),
    [(2, ("2", "0.42", "n < 6", "–")), (6, ("6", "0.5", "0.4 … 0.6", "0.08646"))],
    ids=["few", "enough"],
)
def test_seeds_give_a_median_and_its_interval(trials: int, spread: tuple[str, ...], tmp_path: Path) -> None:
    (row,) = unknowns_table(analysis(tmp_path, trials=trials), seeds=True).rows
    assert row[-4:] == spread


@pytest.mark.parametrize(
    ("bootstrap", "said"),
    [(None, "no standard deviation"), ("rows", "with replacement"), ("errors", "added once more")],
)
def test_the_standard_deviation_is_called_an_error_bar_where_the_data_were_drawn_anew(
    bootstrap: Literal["rows", "errors"] | None, said: str, tmp_path: Path
) -> None:
    found = analysis(tmp_path, trials=6)
    train = replace(found.study.data.train, bootstrap=bootstrap)
    found = replace(found, study=replace(found.study, data=replace(found.study.data, train=train)))
    notes = " ".join(unknowns_table(found, seeds=True).notes)
    assert said in notes and ("error bar" in notes) == (bootstrap is not None)


@pytest.mark.parametrize(("bootstrap", "told"), [(None, False), ("errors", True)])
def test_a_misfit_is_told_sooner_where_half_of_the_errors_are_known_to_be_right(
    bootstrap: Literal["rows", "errors"] | None, told: bool, tmp_path: Path
) -> None:
    metrics = conditioned.WITH_UNKNOWN | {"train/data_mse": 0.0018, "noise/train": 0.001}
    study = synthetic_journal.study()
    train = replace(study.data.train, bootstrap=bootstrap)
    records = conditioned.fill(tmp_path, metrics, trials=1).trials()
    table = unknowns_table(analyse(replace(study, data=replace(study.data, train=train)), records), seeds=False)
    assert "misfit" in [column.heading for column in table.columns] and "1.8" in table.rows[0]
    assert any("the PDE does not hold" in note for note in table.notes) == told


def test_where_errors_are_not_known_what_is_left_unexplained_is_said(tmp_path: Path) -> None:
    study = synthetic_journal.study()
    measured = replace(study, data=replace(study.data, train=replace(study.data.train, file="seen.csv")))
    records = conditioned.fill(tmp_path, conditioned.WITH_UNKNOWN | {"train/data_mse": 0.0004}).trials()
    said = "Errors of measurement are not known; those that soft takes for them have the root mean square 0.02."
    assert said in unknowns_table(analyse(measured, records), seeds=False).notes
    assert said not in unknowns_table(analyse(study, records), seeds=False).notes


def test_networks_that_break_the_pde_are_counted_and_left_out(tmp_path: Path) -> None:
    own = {"projected/unknown/rate": 0.5, "projected/train/data_mse": 0.01, "projected/validation/data_mse": 0.01}
    records = conditioned.fill(tmp_path, conditioned.WITH_UNKNOWN | own, trials=8).trials()
    for name, record in records.items():
        record.metrics["projection/residual_off"] = 1e-9 if int(name) < 6 else 3.0
    table = unknowns_table(analyse(synthetic_journal.study(), records), seeds=True)
    assert table.rows[1][:2] == ("soft + projection", "rate") and "6" in table.rows[1]
    assert any(note.startswith("2 of 8 networks are in no median") for note in table.notes)
