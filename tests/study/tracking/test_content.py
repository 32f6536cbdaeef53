"""The words and metrics that MLflow is given."""

import re

import pytest

from search_spaces.load import dump, resolve
from study.analysis.findings import analyse
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.report.looks import look
from study.tracking import content
from tests.study.competing import competing
from tests.study.tracked_study import SOFT, study


def record(trial: str, status: TrialStatus, data: float, constraint: float) -> TrialRecord:
    metrics: dict[str, float | str] = {"validation/data_mse": data, "validation/constraint_mse": constraint}
    return TrialRecord(trial, {}, "soft", status, metrics=metrics)


def records(*found: TrialRecord) -> dict[str, TrialRecord]:
    return {record.trial: record for record in found}


def test_parameters_of_a_problem_have_names_that_mlflow_takes() -> None:
    wave = {"λ₀ [1/s]": [2.0, 4.0], "λ₀ {1/s}": [3.0], "points": 30}
    parameters = content.trial_parameters({"data": {"train": wave}})
    assert parameters["data.train.points"] == "30"
    assert sorted(parameters.values()) == ["2, 4", "3", "30"]
    assert all(re.fullmatch(r"[\w. /:-]+", name) for name in parameters)


def test_parameters_have_the_study_files_paths() -> None:
    parameters = content.trial_parameters(dump(resolve(study(), SOFT | {"training.method.weight": 0.25})))
    assert parameters["training.method.name"] == "soft"
    assert parameters["training.method.weight"] == "0.25"
    assert parameters["problem.scaled"] == "true"
    assert parameters["network.widths"] == "30, 20"
    assert "null" not in parameters.values()
    assert "edition" not in parameters  # that of the study, whose trials spell out all settings
    assert not any(text.startswith(("[", "{")) for text in parameters.values())


def test_the_number_of_trials_may_grow_and_is_no_parameter() -> None:
    parameters = content.study_parameters(dump(study()))
    assert "tune.sampler" in parameters
    assert "tune.trials" not in parameters


def test_a_trial_without_projection_says_so() -> None:
    assert content.trial_tags("1", resolve(study(), {"projection": None}))["projection"] == "none"


def test_a_long_error_is_cut() -> None:
    failed = TrialRecord("1", {}, "soft", TrialStatus.FAILED, error="x" * 10_000)
    assert len(content.last_tags(failed)["error"]) == 6000


@pytest.mark.parametrize(("provenance", "shown"), [({}, {}), ({"version/torch": "2"}, {"version/torch": "2"})])
def test_code_without_a_commit(provenance: dict[str, str], shown: dict[str, str]) -> None:
    assert content.code_tags(provenance) == shown


def test_the_description_of_a_study_that_has_just_begun() -> None:
    text = content.description(analyse(study(), {}), name="first", trials=6, links={"a page": "#/here"})
    assert "[a page](#/here)" in text
    assert "no trials yet, of 6 planned" in text
    assert "None yet." in text


def test_the_description_fits_into_a_tag() -> None:
    many = [record(f"{number:04d}", TrialStatus.COMPLETED, number / 10, 1 / (1 + number)) for number in range(500)]
    text = content.description(
        analyse(study(), records(*many)), name="first", trials=6, links={"a page": "#/" + "x" * 300}
    )
    assert len(text) < 8000
    assert "500 completed" in text


def test_a_contestant_stands_in_the_place_of_a_method() -> None:
    trial = resolve(competing(), {"contestant": "heavy", "training.method.weight": 2.0})
    tags = content.trial_tags("0004", trial, contestant="heavy", among=["heavy", "plain"])
    assert (tags["method"], content.run_name("0004", trial, contestant="heavy")) == ("heavy", "0004 heavy")
    assert tags["mlflow.runColor"] == look("heavy", ["heavy", "plain"]).colour
    assert content.study_parameters(dump(competing()))["contestants.heavy.set.training.method.name"] == "soft"
    assert content.study_tags(competing())["planned_trials"] == "6"
