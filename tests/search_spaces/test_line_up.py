"""Line-ups: contestants that any problem may be run with, those that cannot run there, and a file's own."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from search_spaces.contestants import plain_studies
from search_spaces.line_up import FOLDER, enter, load_line_up
from search_spaces.load import StudyFileError, load_study
from search_spaces.space import planned
from tests.search_spaces.files import write

SOFT = {"set": {"training.method.name": "soft"}, "search": {"training.method.weight": {"uniform": [0.1, 1.0]}}}
PLAIN: dict[str, Any] = {"set": {"training.method.name": "unconstrained"}}
SECOND_ORDER = {"set": {"training.method.name": "null-space", "training.optimizer.name": "lbfgs"}}


def line_up(folder: Path, **contestants: Any) -> str:
    path = folder / "line-up.yaml"
    text = yaml.safe_dump({"baselines": [*contestants][:1], "contestants": contestants}, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", [path.stem for path in FOLDER.glob("*.yaml")])
@pytest.mark.parametrize("space", ["helmholtz-quick", "kdv"])
def test_a_shipped_one_can_run_on_problems_with_and_without_data(name: str, space: str) -> None:
    lined_up = load_line_up(name)
    entered = enter(space, lined_up, {})
    assert {*entered.study.contestants, *entered.refused} == {*lined_up.contestants}
    assert {*lined_up.baselines} < {*lined_up.contestants}
    allowed = {"unconstrained", "from-scratch"} if space == "kdv" else set()
    assert {*entered.refused} <= allowed


def test_its_contestants_take_the_place_of_what_a_file_searches(tmp_path: Path) -> None:
    space = write(tmp_path, {"search:training.optimizer.learning_rate": {"uniform": [0.1, 0.2]}})
    study = enter(str(space), load_line_up(line_up(tmp_path, soft=SOFT, plain=PLAIN)), {"tune.trials": 8}).study
    assert [*study.contestants] == ["soft", "plain"] and not study.search
    assert planned(study) == 5  # four of one and, with nothing to search, one of the other


def test_a_file_with_contestants_of_its_own_adds_them_and_its_search(tmp_path: Path) -> None:
    own = {
        "contestants": {"soft": SOFT | {"search": {"training.method.weight": {"choice": [3.0]}}}, "own": PLAIN},
        "search:training.optimizer.learning_rate": {"uniform": [0.1, 0.2]},
    }
    study = enter(str(write(tmp_path, own)), load_line_up(line_up(tmp_path, soft=SOFT, plain=PLAIN)), {}).study
    assert [*study.contestants] == ["soft", "plain", "own"]
    assert study.contestants["soft"].search["training.method.weight"].distribution.values == (3.0,)  # type: ignore[union-attr]
    assert [*study.search] == ["training.optimizer.learning_rate"]


def test_who_cannot_run_is_refused_with_the_reason(tmp_path: Path) -> None:
    entered = enter(str(write(tmp_path, {})), load_line_up(line_up(tmp_path, soft=SOFT, second=SECOND_ORDER)), {})
    assert [*entered.study.contestants] == ["soft"]
    assert entered.refused["second"].startswith("contestants.second")


def test_who_leaves_an_unknown_at_its_start_is_refused(tmp_path: Path) -> None:
    points = {"interior": 100, "initial": 10, "boundary": 10}
    solve = {"set": {"training.epochs": 0, "projection": {"solver": "least-squares", "points": points}}}
    start = {"problem.unknown.diffusivity.start": {"uniform": [0.05, 0.5]}}
    lined_up = load_line_up(line_up(tmp_path, soft=SOFT, solve=solve, scan=solve | {"search": start}))
    entered = enter("heat-inverse", lined_up, {})
    assert [*entered.study.contestants] == ["soft", "scan"]
    assert entered.refused["solve"].startswith(
        "contestants.solve: problem.unknown.diffusivity: with training.epochs 0 nothing finds it"
    )


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"set": {"training.method.wieght": 1.0}}, "set"),
        ({"search": {"training.method.wieght": {"uniform": [0.1, 1.0]}}}, "search"),
    ],
)
def test_a_slip_in_a_contestant_is_an_error_and_leaves_nobody_out(wrong: Any, where: str, tmp_path: Path) -> None:
    lined_up = load_line_up(line_up(tmp_path, plain=PLAIN, soft=wrong))
    with pytest.raises(StudyFileError, match=rf"contestants\.soft\.{where}\.training.*wieght is not known; write w"):
        enter(str(write(tmp_path, {})), lined_up, {})


def test_a_key_of_another_variant_than_the_problem_has_is_no_slip(tmp_path: Path) -> None:
    gain = {"set": {"training.method.gain": 1.0}}
    entered = enter(str(write(tmp_path, {})), load_line_up(line_up(tmp_path, plain=PLAIN, batch=gain)), {})
    assert [*entered.refused] == ["batch"]


def test_a_problem_for_nobody_is_an_error(tmp_path: Path) -> None:
    nobody = load_line_up(line_up(tmp_path, second=SECOND_ORDER))
    with pytest.raises(StudyFileError, match=r"no contestant can run on this problem; second: contestants.second"):
        enter(str(write(tmp_path, {})), nobody, {})


def test_some_of_it(tmp_path: Path) -> None:
    whole = load_line_up(line_up(tmp_path, soft=SOFT, plain=PLAIN))
    assert whole.only([]) == whole
    some = whole.only(["plain"])
    assert [*some.contestants] == ["plain"] and some.baselines == ()
    with pytest.raises(StudyFileError, match="--only plan is no contestant; write plain"):
        whole.only(["plan"])


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="usua: there is no such line-up; write usual, or a file's path"):
        load_line_up("usua")
    path = tmp_path / "mine.yaml"
    for text, words in (
        ("baselines: [sof]\ncontestants: {soft: {}}", "mine.yaml: baselines: sof is no contestant; write soft"),
        ("contestants: {}", "mine.yaml: contestants is empty; write one"),
        ("contestant: {}", "mine.yaml: contestant is not known; write contestants"),
    ):
        path.write_text(text)
        with pytest.raises(StudyFileError, match=words):
            load_line_up(str(path))


def test_a_file_may_search_for_those_who_are_entered_what_its_own_do_not(tmp_path: Path) -> None:
    content = {
        "contestants": {"own": {"set": {"training.epochs": 3}}},
        "search:training.epochs": {"int": [1, 9]},
    }
    path = write(tmp_path, content)
    with pytest.raises(StudyFileError, match=r"training\.epochs is searched by no contestant"):
        load_study(path)
    study = enter(str(path), load_line_up(line_up(tmp_path, soft=SOFT)), {}).study
    searched = {name: {*one.search} for name, one in plain_studies(study).items()}
    assert searched["own"] == set() and searched["soft"] == {"training.epochs", "training.method.weight"}
