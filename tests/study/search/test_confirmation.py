"""The best of every method is trained again, with seeds that chose nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage

from search_spaces.load import StudyFileError, dump_yaml, load_text, resolve, settings_of
from study.analysis.findings import analyse, read_analysis
from study.journal.journal import TrialRecord, TrialStatus
from study.report.tables import all_tables
from study.search.confirmation import confirming
from study.search.optuna_search import OptunaSearch
from tests.study import tracked_study


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Its best trials: soft 0001 and batch 0002; all have seed 0."""
    tracked_study.fill(tmp_path / "earlier")
    return tmp_path / "earlier"


def test_every_best_trial_runs_with_every_new_seed_and_nothing_else(earlier: Path) -> None:
    study = confirming({"earlier": read_analysis(earlier)}, seeds=3)
    search = OptunaSearch(study, InMemoryStorage())
    asked = [search.suggest(str(number)) for number in range(search.trials)]
    values = [suggestion["values"] for suggestion in asked if isinstance(suggestion, dict)]
    trials = [resolve(study, point) for point in values]
    assert [(trial.method, trial.training.seed) for trial in trials] == [
        (method, seed) for seed in (1, 2, 3) for method in ("soft", "batch")
    ]
    best = resolve(tracked_study.study(), tracked_study.SOFT | {"training.method.weight": 0.5})
    assert settings_of(trials[0]) == settings_of(replace(best, training=replace(best.training, seed=1)))


def test_it_is_a_study_file(earlier: Path) -> None:
    study = confirming({"earlier": read_analysis(earlier)}, seeds=6)
    assert load_text(dump_yaml(study)) == study


def test_a_study_without_a_completed_trial_has_nothing_to_confirm(earlier: Path) -> None:
    (earlier / "records.jsonl").unlink()
    message = "earlier: no method has a completed trial to confirm; finish it with: cnn-study resume earlier"
    with pytest.raises(StudyFileError, match=message):
        confirming({"earlier": read_analysis(earlier)}, seeds=6)


def test_its_report_has_the_medians_of_the_test_errors(earlier: Path) -> None:
    study = confirming({"earlier": read_analysis(earlier)}, seeds=6)
    records = {
        name: TrialRecord(name, {}, "soft", TrialStatus.COMPLETED, metrics={"test/data_mse": seed / 10})
        for seed, name in enumerate(("0001", "0002", "0003", "0004", "0005", "0006"), start=1)
    }
    titles = {table.title: table for table in all_tables(analyse(study, records))}
    assert titles["Median test errors of every method"].rows[0][:4] == ("soft", "6", "3.5e-1", "1.0e-1 … 6.0e-1")
    without = replace(study, contestants={})
    assert "Median test errors of every method" not in {table.title for table in all_tables(analyse(without, records))}
