"""The best of every method is trained again, with seeds that chose nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from optuna.storages import InMemoryStorage

from cnn_core.networks import Dense
from search_spaces.contestants import of_contestant
from search_spaces.load import StudyFileError, dump_yaml, load_study, load_text, resolve, settings_of
from search_spaces.problems import build_problem
from search_spaces.schema import ProblemChoice, Study
from search_spaces.space import planned
from search_spaces.splits import points_of
from study.analysis.findings import Analysis, analyse, read_analysis
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.report.tables import all_tables
from study.search.confirmation import SEED, confirming, in_packs, read_earlier, unconfirmed
from study.search.optuna_search import OptunaSearch
from tests.study import tracked_study
from tests.study.competing import SOFT, WEIGHT, competing, record
from tests.study.small_study import LEARNING_RATE

GAIN = "training.method.gain"


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
    soft, batch = tracked_study.SOFT | {"training.method.weight": 0.5}, tracked_study.BATCH | {GAIN: 2.0}
    assert [settings_of(trial) for trial in trials] == [
        settings_of(resolve(tracked_study.study(), best | {SEED: seed})) for seed in (1, 2, 3) for best in (soft, batch)
    ]


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
    assert "Which settings mattered" not in titles  # where the seed alone is searched
    without = replace(study, contestants={})
    assert "Median test errors of every method" not in {table.title for table in all_tables(analyse(without, records))}


def found(study: Study, *records: TrialRecord) -> Analysis:
    return analyse(study, {one.trial: one for one in records})


def seeds_of(study: Study) -> list[tuple[Any, ...]]:
    """The seeds of each contestant."""
    found: list[Any] = [one.search[SEED].distribution for one in study.contestants.values()]
    return [choice.values for choice in found]


def projected(error: float) -> dict[str, float]:
    return {"projected/validation/data_mse": error}


HEAVY, PLAINLY = (
    {"contestant": "heavy", WEIGHT: 2.0, LEARNING_RATE: 0.002},
    {"contestant": "plain", LEARNING_RATE: 0.003},
)
SOME = (
    record("0000", HEAVY, data=0.1, also=projected(0.3)),
    record("0001", PLAINLY, data=0.2, also=projected(0.1)),
    record("0002", HEAVY | {WEIGHT: 5.0}, data=0.4, also=projected(0.2)),
    record("0003", PLAINLY | {LEARNING_RATE: 0.004}, data=0.5, also=projected(0.4)),
)


def test_contestants_are_confirmed_as_trained_and_as_projected() -> None:
    study = confirming({"first": found(competing(), *SOME)}, seeds=2)
    assert [*study.contestants] == ["heavy", "heavy.projected", "plain"]
    settings = {name: of_contestant(study, name).training for name in study.contestants}
    assert [settings[name].method.weight for name in ("heavy", "heavy.projected")] == [2.0, 5.0]
    assert settings["plain"].optimizer.learning_rate == 0.003
    assert seeds_of(study) == [(1, 2)] * 3
    assert study.tune.trials == planned(study) == 6


def test_several_searches_are_confirmed_together_with_the_same_seeds() -> None:
    others = found(competing(), *(replace(one, values=one.values | {SEED: 1}) for one in SOME[:2]))
    study = confirming({"first": found(competing(), *SOME), "second": others}, seeds=2)
    assert [*study.contestants] == ["heavy.1", "heavy.1.projected", "plain.1", "heavy.2", "plain.2"]
    assert seeds_of(study) == [(2, 3)] * 5  # 0, 1 and 4 had trials: 4 is the one that `plain` sets
    assert planned(study) == 10  # the same settings, found twice, are trained twice


def test_fresh_seeds_begin_where_they_are_asked_to() -> None:
    tried = replace(SOME[0], values=SOME[0].values | {SEED: 1000})
    assert seeds_of(confirming({"first": found(competing(), tried)}, seeds=2, first_seed=1000)) == [(1001, 1002)]


def test_each_trial_has_the_settings_that_were_best_whatever_the_file_says() -> None:
    """Another search for the same thing, whose file sets another rate and network."""
    other = competing()
    other = replace(other, network=Dense(widths=(5, 5)), training=replace(other.training, batch_size=7))
    study = confirming({"first": found(competing(), *SOME), "second": found(other, *SOME)}, seeds=1)
    (seed,) = seeds_of(study)[0]
    own = resolve(other, SOME[0].values)
    again = resolve(study, {"contestant": "heavy.2", SEED: seed})
    assert settings_of(again) == settings_of(replace(own, training=replace(own.training, seed=seed)))
    assert load_text(dump_yaml(study)) == study


def test_a_study_of_something_else_is_not_confirmed_together() -> None:
    other = replace(competing(), problem=ProblemChoice("truth"))
    with pytest.raises(StudyFileError, match="second has another problem, or other data, than first; confirm it alone"):
        confirming({"first": found(competing(), *SOME), "second": found(other, *SOME)}, seeds=1)


def test_names_that_would_meet_are_refused() -> None:
    study = competing(contestants={"heavy": SOFT, "heavy.projected": SOFT})
    twin = replace(SOME[1], values=HEAVY | {"contestant": "heavy.projected"}, method="heavy.projected")
    with pytest.raises(StudyFileError, match=r"two contestants of the new study would be called heavy\.projected"):
        confirming({"first": found(study, SOME[0], twin, SOME[2])}, seeds=1)


def test_who_has_no_completed_trial_is_told(earlier: Path) -> None:
    pruned = replace(SOME[1], status=TrialStatus.PRUNED)
    analyses = {
        "first": found(competing(), SOME[0], pruned),
        "second": found(competing(bounds={"train/data_mse": 0.0})),
    }
    assert unconfirmed(analyses) == [
        "first: plain has no completed trial; it is not confirmed",
        "second: heavy has no completed trial within the bounds; it is not confirmed",
        "second: plain has no completed trial within the bounds; it is not confirmed",
    ]
    assert unconfirmed({"earlier": read_earlier(earlier)}) == [
        "earlier: unconstrained has no completed trial; it is not confirmed"
    ]


def test_bounds_that_only_projected_networks_keep_leave_those() -> None:
    study = competing(bounds={"validation/data_mse": 0.35})
    trial = record("0000", HEAVY, data=0.4, also=projected(0.3))
    assert [*confirming({"first": found(study, trial)}, seeds=1).contestants] == ["heavy.projected"]
    assert unconfirmed({"first": found(study, trial)}) == [
        "first: plain has no completed trial within the bounds; it is not confirmed"
    ]


def test_seeds_make_packs_where_that_pays_unless_the_study_file_says_otherwise(earlier: Path) -> None:
    study = confirming({"earlier": read_analysis(earlier)}, seeds=3)
    assert study.resources.pack is None, "a comparison's costs are those of single trials"
    assert in_packs(study).resources.pack == "auto"
    single = replace(study, resources=replace(study.resources, pack=1))
    assert in_packs(single) == single
    solves = {
        name: replace(one, set={"training.epochs": 0, "projection.solver": "lm"})
        for name, one in study.contestants.items()
    }
    assert in_packs(replace(study, contestants=solves)).resources.pack is None, "projections take no steps together"


RATE = {LEARNING_RATE: {"log_uniform": [1e-3, 1e-2]}}
SAMPLING = "data.train.sampling"


def heat(**search: Any) -> Analysis:
    study = load_study("heat-inverse", {"tune.trials": 2, "search": RATE | search})
    values = dict.fromkeys(search, "sobol") | {LEARNING_RATE: 0.003}
    return found(study, replace(record("0000", values), method="null-space"))


@pytest.mark.parametrize("search", [{}, {SAMPLING: {"choice": ["random", "sobol"]}}], ids=["fixed", "searched"])
def test_a_bootstrap_draws_the_data_of_every_seed_anew(search: dict[str, Any]) -> None:
    earlier = heat(**search)
    study = confirming({"heat": earlier}, seeds=6, bootstrap="errors")
    assert replace(study.data, train=earlier.study.data.train) == earlier.study.data
    trials = [resolve(study, {"contestant": "null-space", SEED: seed}) for seed in (1, 2)]
    assert {one.data.train.bootstrap for one in trials} == {"errors"}
    assert [one.data.train.sampling for one in trials] == ["sobol" if search else "random"] * 2
    first, second = (points_of(one, build_problem(one.problem), "train")["data"] for one in trials)
    assert torch.equal(first.x, second.x) and not torch.equal(first.u, second.u)


def test_without_observations_there_is_nothing_to_draw_anew() -> None:
    with pytest.raises(StudyFileError, match=r"^data.train: it has no file, and a bootstrap draws observations anew"):
        confirming({"first": found(competing(), *SOME)}, seeds=2, bootstrap="rows")
