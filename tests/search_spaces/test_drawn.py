"""What a study file amounts to: its observations, and the steps of a training."""

from pathlib import Path

from search_spaces.drawn import in_short
from search_spaces.load import build_problem, load_study
from search_spaces.splits import points_of
from tests.search_spaces.files import load

BARE = {"search": {}}


def test_a_file_s_observations_and_steps_are_told() -> None:
    assert in_short(load_study("heat-inverse", BARE)) == [
        "observations: 120 in train, 40 in validation, 40 in test",
        "steps: 9 an epoch, 2700 in a training",
    ]


def test_where_nothing_is_trained_there_are_no_steps() -> None:
    assert in_short(load_study("helmholtz-2d-solve", BARE)) == []


def test_of_contestants_the_fewest_and_the_most_are_told(tmp_path: Path) -> None:
    contestants = {
        "small": {"set": {"training.batch_size": 1, "training.epochs": 2}},
        "large": {"set": {"training.batch_size": 1000}},
    }
    study = load(tmp_path)
    parts = points_of(study, build_problem(study.problem), "train").values()
    points = sum(map(len, parts))
    assert in_short(load(tmp_path, {"contestants": contestants})) == [
        f"steps: 1 to {points} an epoch, 5 to {2 * points} in a training"
    ]
