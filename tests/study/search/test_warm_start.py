"""The best trials of an earlier study become the first points of a new one, as far as it searches them."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from search_spaces.contestants import CONTESTANT
from search_spaces.load import StudyFileError, dump_yaml
from search_spaces.schema import Choice, Contestant, SearchedParameter, Study, Tune, Uniform
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.search.warm_start import best_points
from tests.study import tracked_study

METHOD, RATE, WEIGHT = "training.method.name", "training.optimizer.learning_rate", "training.method.weight"
SOFT, BATCH = ({METHOD: "soft", RATE: 0.001, WEIGHT: 0.5}, {METHOD: "batch", RATE: 0.01})


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Its best trials: soft 0001 and batch 0002; unconstrained has none."""
    tracked_study.fill(tmp_path / "earlier")
    return tmp_path / "earlier"


def searching(**changes: Any) -> Study:
    search = {
        METHOD: SearchedParameter(Choice(("soft", "batch"))),
        RATE: SearchedParameter(Uniform(1e-4, 0.1, log=True)),
        WEIGHT: SearchedParameter(Uniform(0.1, 10.0), {METHOD: ("soft",)}),
    }
    return replace(tracked_study.study(), search=search | changes, tune=Tune())


def test_the_best_trial_of_every_method_is_tried_first(earlier: Path) -> None:
    assert best_points(searching(), earlier) == [SOFT, BATCH]


def test_points_of_the_study_file_come_before(earlier: Path) -> None:
    study = replace(searching(), tune=Tune(first=({RATE: 0.05}, BATCH)))
    assert best_points(study, earlier) == [{RATE: 0.05}, BATCH, SOFT]


def test_numbers_out_of_range_are_left_to_the_sampler(earlier: Path) -> None:
    study = searching(**{RATE: SearchedParameter(Uniform(0.005, 0.1))})
    assert best_points(study, earlier) == [{METHOD: "soft", WEIGHT: 0.5}, BATCH]


def test_trials_of_methods_that_are_not_searched_are_left_out(earlier: Path) -> None:
    study = searching(**{METHOD: SearchedParameter(Choice(("reduction", "batch")))})
    assert best_points(study, earlier) == [BATCH]


def test_what_was_fixed_in_the_earlier_study_is_a_value_here(earlier: Path) -> None:
    fixed = tracked_study.study().training.batch_size
    study = searching(**{"training.batch_size": SearchedParameter(Choice((cast(int, fixed),)))})
    assert all("training.batch_size" in point for point in best_points(study, earlier))


def test_a_study_of_something_else_is_refused(earlier: Path) -> None:
    study = replace(searching(), search={"training.method.gain": SearchedParameter(Uniform(100.0, 200.0))})
    message = r"--warm-start earlier: \d methods have a best trial there, and none has values that this study"
    with pytest.raises(StudyFileError, match=message):
        best_points(study, earlier)


def test_there_is_a_study_file_at_least(earlier: Path) -> None:
    (earlier / "records.jsonl").unlink()
    assert dump_yaml(tracked_study.study()) == (earlier / "study.yaml").read_text(encoding="utf-8")
    with pytest.raises(StudyFileError, match="0 methods have a best trial"):
        best_points(searching(), earlier)


def contestants(**named: Contestant) -> Study:
    study = replace(tracked_study.study(), search={RATE: SearchedParameter(Uniform(1e-4, 0.1, log=True))}, tune=Tune())
    return replace(study, contestants=named)


WEIGHTS = {WEIGHT: SearchedParameter(Uniform(0.1, 10.0))}


def test_contestants_take_points_of_trials_of_their_kind(earlier: Path) -> None:
    study = contestants(heavy=Contestant({METHOD: "soft"}, WEIGHTS), bare=Contestant({METHOD: "unconstrained"}))
    assert best_points(study, earlier) == [{CONTESTANT: "heavy", RATE: 0.001, WEIGHT: 0.5}]


def test_contestants_take_points_of_those_of_their_name(tmp_path: Path) -> None:
    """Whatever these set: another number of epochs is no other contestant."""
    study = contestants(heavy=Contestant({METHOD: "soft"}, WEIGHTS), other=Contestant({METHOD: "soft"}, WEIGHTS))
    (tmp_path / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
    values = {CONTESTANT: "heavy", RATE: 0.002, WEIGHT: 2.0}
    Journal(tmp_path).trial_start("0000", values=values, method="heavy")
    Journal(tmp_path).trial_end("0000", TrialStatus.COMPLETED, {"validation/data_mse": 0.5})
    longer = contestants(
        heavy=Contestant({METHOD: "soft", "training.epochs": 900}, WEIGHTS), other=Contestant({}, WEIGHTS)
    )
    assert best_points(longer, tmp_path) == [values]
    assert best_points(searching(), tmp_path) == [{METHOD: "soft", RATE: 0.002, WEIGHT: 2.0}]
