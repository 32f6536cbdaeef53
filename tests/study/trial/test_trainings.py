"""Trials that differ in their projections alone train once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cnn_core.solvers import AdamProjection
from cnn_core.training import Training
from search_spaces.load import dump_yaml, resolve
from search_spaces.schema import Choice, SearchedParameter, Study, Uniform
from study.trial import trainings
from study.trial.stepping import SteppedTrial
from study.trial.trial import run_trial
from tests.study.small_study import COMPLETES, DIVERGES, LEARNING_RATE, small_study

STEPS, WEIGHT = "projection.max_steps", "training.method.weight"

PROJECTS = small_study(COMPLETES, DIVERGES, projection=AdamProjection(points=10, max_steps=5))
STUDY = replace(PROJECTS, search={**PROJECTS.search, STEPS: SearchedParameter(Choice((2, 5)))})


def steps(folder: Path, trial: str, values: dict[str, Any], study: Study = STUDY) -> list[dict[str, Any]]:
    request = {"trial": trial, "study": dump_yaml(study), "values": values, "folder": str(folder)}
    stepped = SteppedTrial(request)
    results = [stepped.step()]
    while not results[-1].get("done"):
        results.append(stepped.step())
    assert "error" not in results[-1], results[-1]
    return results


def values(rate: float, count: int) -> dict[str, Any]:
    return {LEARNING_RATE: rate, STEPS: count}


def assert_as_alone(results: list[dict[str, Any]], chosen: dict[str, Any], study: Study = STUDY) -> None:
    together = results[-1]["metrics"] | results[-1]["final"]
    for name, alone in run_trial(resolve(study, chosen)).items():
        if not name.startswith(("time/", "memory/")):
            assert together[name] == alone, name


@pytest.mark.parametrize("rate", [COMPLETES, DIVERGES])
def test_a_training_that_another_trial_has_done_is_not_repeated(
    rate: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = steps(tmp_path, "0000", values(rate, 2))
    trained = [epoch for result in first for epoch in (*result.get("earlier", ()), result["metrics"])]
    with monkeypatch.context() as patch:
        patch.delattr(Training, "run_epoch")
        (only,) = steps(tmp_path, "0001", values(rate, 5))
    assert len(only["earlier"]) + 1 == only["epoch"] == len(trained)
    assert_as_alone([only], values(rate, 5))
    final = only["final"]
    assert final["time/reused_s"] == final["time/train_s"] == first[-1]["final"]["time/train_s"]
    assert final["time/train_cpu_s"] == first[-1]["final"]["time/train_cpu_s"]
    assert "time/reused_s" not in first[-1]["final"]
    assert only["metrics"] == {name: final.get(name, value) for name, value in trained[-1].items()}
    assert (only["metrics"]["time/projection_cpu_s"] > 0) == (rate == COMPLETES)
    again = steps(tmp_path, "0001", values(rate, 5))[-1]["final"]  # killed before the journal had it
    assert again["time/reused_s"] == final["time/reused_s"]


def test_it_is_found_in_the_folder_of_whoever_took_it_over(tmp_path: Path) -> None:
    for trial, count in (("0000", 2), ("0001", 5)):
        steps(tmp_path, trial, values(COMPLETES, count))
    (tmp_path / "0000" / "checkpoint.pt").unlink()
    assert len(steps(tmp_path, "0002", values(COMPLETES, 2))) == 1


def test_another_training_is_done(tmp_path: Path) -> None:
    steps(tmp_path, "0000", values(COMPLETES, 2))
    wider = replace(STUDY, network=replace(STUDY.network, widths=(9,)))
    assert len(steps(tmp_path, "0001", values(COMPLETES, 2), wider)) == 3
    assert len(steps(tmp_path, "0002", values(COMPLETES / 2, 2))) == 3


def test_one_that_cannot_be_used_is_repeated(tmp_path: Path) -> None:
    steps(tmp_path, "0000", values(COMPLETES, 2))
    (tmp_path / "0000" / "checkpoint.pt").write_bytes(b"broken")
    results = steps(tmp_path, "0001", values(COMPLETES, 5))
    assert len(results) == 3
    assert_as_alone(results, values(COMPLETES, 5))


@pytest.mark.parametrize(
    ("study", "repeats"),
    [
        (STUDY, True),
        (PROJECTS, False),
        (replace(STUDY, projection=AdamProjection(points=10, every=1)), False),
        (replace(STUDY, search={**STUDY.search, "projection.every": SearchedParameter(Choice((1, 2)))}), False),
        (replace(STUDY, training=replace(STUDY.training, epochs=0)), False),
        (replace(STUDY, search={**STUDY.search, WEIGHT: SearchedParameter(Uniform(0.0, 1.0))}), False),
    ],
    ids=["projections", "no projections", "on the way", "or not", "nothing is trained", "a range"],
)
def test_trials_have_trainings_in_common_where_only_projections_are_drawn_from_ranges(
    study: Study, repeats: bool
) -> None:
    assert trainings.may_repeat(study, {}) is repeats


def test_nothing_is_left_for_others_where_there_are_none(tmp_path: Path) -> None:
    steps(tmp_path, "0000", {LEARNING_RATE: COMPLETES}, PROJECTS)
    assert [path.name for path in tmp_path.iterdir()] == ["0000"]
