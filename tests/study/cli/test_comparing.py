"""`compare`: what is refused before anything runs, and a comparison of two contestants from question to page."""

import shutil
from pathlib import Path

import pytest
import yaml

from study.cli import compared
from study.comparison.saved import read_comparison
from tests.search_spaces.files import without_edition, write
from tests.study.cli.command import Command, assert_refused, write_file

LINE_UP = {
    "baselines": ["plain"],
    "contestants": {
        "plain": {
            "set": {"training.method.name": "unconstrained"},
            "search": {"training.optimizer.learning_rate": {"log_uniform": [1.0e-3, 1.0e-2]}},
        },
        "heavy": {
            "set": {"training.method.name": "soft"},
            "search": {"training.method.weight": {"log_uniform": [0.1, 10.0]}},
        },
    },
}
SMALL = ("--line-up", "line-up.yaml", "--studies", "2", "--seeds", "2", "--trials", "2", "--name", "mine")


@pytest.fixture(autouse=True)
def line_up(tmp_path: Path) -> None:
    (tmp_path / "line-up.yaml").write_text(yaml.safe_dump(LINE_UP, sort_keys=False), encoding="utf-8")


def test_what_is_wrong_is_one_line_and_nothing_is_made(command: Command) -> None:
    for arguments, words in (
        ((), "there is no comparison to go on with; write SPACEs, or another --name"),
        (("nowhere",), "nowhere: this study file does not exist"),
        (("small.yaml", "--line-up", "usua"), "there is no such line-up; write usual"),
        (("small.yaml", "--only", "plan", "--line-up", "line-up.yaml"), "--only plan is no contestant; write plain"),
        (("small.yaml", "small.yaml", *SMALL), "two study files are called small"),
        (("small.yaml", *SMALL, "--name", "a/b"), "--name is 'a/b'"),
        (("small.yaml", *SMALL, "--set", "training.epoch=3"), "training.epoch is not known"),
    ):
        assert_refused(command("compare", *arguments), words)
    assert not Path("runs").exists() or not [*Path("runs").iterdir()]


def test_a_study_is_no_comparison_to_go_on_with(command: Command) -> None:
    Path("runs/mine").mkdir(parents=True)
    Path("runs/mine/study.yaml").touch()
    assert_refused(command("compare", "--name", "mine"), "there is no comparison to go on with")
    assert_refused(command("compare", "small.yaml", *SMALL), "a study of this name exists already")


def test_the_same_command_goes_on_with_the_defaults_that_it_began_with(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compared, "go_on", lambda *question, **where: None)
    own = str(write(Path(), {"training.method": {"name": "batch"}}))
    asks = ("compare", own, *SMALL)
    assert command(*asks).code == 0
    path = Path("runs/mine/problems/small.yaml")
    written = without_edition(path)
    written["training"]["method"] |= {"gain": 1.0, "damping": 0.0}
    path.write_text(yaml.safe_dump(written), encoding="utf-8")
    assert command(*asks).code == 0
    assert_refused(command(*asks, "--set", "edition=2"), "asks something else, by its problem small")


def confirmed_errors() -> list[float]:
    comparison = read_comparison(Path("runs/mine/report"))
    runs = [run for problem in comparison.problems for entry in problem.entries for run in entry.confirmed]
    return [run.errors["test/relative_l2"] for run in runs]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")
def test_from_the_question_to_the_page(command: Command) -> None:
    write_file({"study": "other"}, "other.yaml")
    tracked = ("--tracking-uri", f"sqlite:///{Path('team.db').resolve()}")
    stopped = command("compare", "small.yaml", "other.yaml", *SMALL, *tracked, "--hours", "0.000001")
    assert stopped.code == 0 and "verdict  none yet" in stopped.out
    assert "go on with: cnn-study compare --name mine" in stopped.out
    assert "mine asks for 4 searches of 2 contestants at most, each with 2 trials at most and " in stopped.err
    done = command("compare", "--name", "mine", *tracked)
    assert done.code == 0, done.err
    said = done.out.splitlines()
    assert said[0].startswith("On small no entry learned the solution: the smallest median relative error is ")
    assert any(line.startswith("Training with constraints (heavy) ") for line in said)
    assert {"plain", "heavy"} <= {line.split(" ")[0] for line in said}
    page = Path("runs/mine/report/comparison.html")
    assert said[-1] == f"page     {page}" and "heavy" in page.read_text(encoding="utf-8")
    names = {path.name for path in Path("runs").glob("mine-*")}
    assert names == {
        f"mine-{space}-{one}{end}" for space in ("small", "other") for one in (1, 2) for end in ("", "-confirm")
    }
    again = command("report", "mine")
    assert again.code == 0 and again.out == done.out
    errors = confirmed_errors()
    shutil.rmtree("runs/mine-small-1-confirm")
    longer = command("compare", "--name", "mine")
    assert longer.code == 0 and f"\nMLflow   cnn-study ui {' '.join(tracked)}\n" in longer.out
    assert not Path("runs/mlflow.db").exists()
    assert confirmed_errors() == pytest.approx(errors, rel=1e-6)
    assert_refused(command("resume", "mine"), "is a comparison; go on with it by cnn-study compare --name mine")
    assert_refused(command("compare", "small.yaml", *SMALL), "asks something else")
    assert_refused(command("compare", "--name", "mine", "--seeds", "5"), "--seeds: a comparison that goes on asks what")
    assert_refused(command("compare", "--name", "mine", "--studies", "1"), "--studies is 1, and 2 were asked for")
