"""The command line, in this process: what each command prints, how it exits, and what bad input is answered with."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import yaml

from cnn_core.clock import SECTIONS
from cnn_core.metrics import FIGURES, WORST
from search_spaces.load import dump, dump_yaml, load_study, shipped_spaces
from study.cli.main import main
from study.journal.shared_copy import SharedCopy
from tests.study.small_study import small_study
from tests.study.synthetic_journal import METHODS, fill, study

PROJECTION = ("--set", "projection.solver=lm", "--set", "projection.max_steps=3", "--set", "projection.points=10")

COSTS = {"memory/peak_mib", "time/train_s", *(f"time/{section}_s" for section in SECTIONS)}

ERRORS = {f"{split}/{figure}" for split in ("train", "validation", "test") for figure in FIGURES}

PROJECTED = {f"projected/{split}/{figure}" for split in ("validation", "test") for figure in FIGURES} | {
    "projection/steps",
    "projection/status",
    "time/projection_s",
}


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`cnn-study` with the arguments given, in an empty folder that holds `small.yaml`."""
    monkeypatch.chdir(tmp_path)
    write_file({})

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cnn-study", *arguments])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as exit:
            code = int(exit.code or 0)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


def write_file(changes: dict[str, Any], name: str = "small.yaml") -> None:
    """A study file of two epochs in the working directory, with whole blocks changed by dotted path."""
    content = dump(small_study(epochs=2))
    content["tune"]["sampler"] = "tpe"
    for path, value in changes.items():
        *outer, last = path.split(".")
        block = content
        for key in outer:
            block = block[key]
        block[last] = value
    Path(name).write_text(yaml.safe_dump(content), encoding="utf-8")


def last_object(answer: Answer) -> dict[str, Any]:
    assert answer.code == 0, answer.err
    return json.loads(answer.out.splitlines()[-1])


def test_spaces_are_listed(command: Command) -> None:
    answer = command("spaces")
    assert answer.code == 0
    assert all(name in answer.out for name in shipped_spaces())


def test_check_prints_a_file_that_loads_again(command: Command, tmp_path: Path) -> None:
    answer = command("check", "helmholtz-quick", "--set", "training.epochs=7")
    assert answer == (0, answer.out, "")
    (tmp_path / "again.yaml").write_text(answer.out, encoding="utf-8")
    assert load_study(tmp_path / "again.yaml") == load_study("helmholtz-quick", {"training.epochs": 7})


def test_check_prints_the_schema(command: Command) -> None:
    answer = command("check", "--schema")
    assert {"training", "search", "tune"} <= set(json.loads(answer.out)["properties"])


def test_json_is_all_that_a_trial_prints(command: Command) -> None:
    answer = command("trial", "small.yaml", "--set", "training.method.name=soft", "--json")
    printed = last_object(answer)
    assert len(answer.out.splitlines()) == 1
    assert set(printed) == {"config", "metrics", "status"}
    assert printed["config"]["training"]["method"]["name"] == "soft"
    assert printed["status"] == "completed"
    assert set(printed["metrics"]) == ERRORS | COSTS | {"diverged", "method/weight", "method/taylor_mode"}
    assert all(math.isfinite(value) for value in printed["metrics"].values())
    assert "Traceback" not in answer.err


def test_a_projected_trial_has_the_figures_of_both(command: Command) -> None:
    metrics = last_object(command("trial", "small.yaml", *PROJECTION, "--json"))["metrics"]
    assert set(metrics) >= ERRORS | COSTS | PROJECTED
    assert metrics.pop("projection/status") in ("converged", "tolerance not met")
    assert all(math.isfinite(value) for value in metrics.values())


def test_the_same_trial_twice_is_the_same(command: Command) -> None:
    first, second = (last_object(command("trial", "small.yaml", "--json"))["metrics"] for _ in range(2))
    assert {name: first[name] for name in ERRORS} == {name: second[name] for name in ERRORS}


def test_a_trial_for_people_is_a_table(command: Command) -> None:
    answer = command("trial", "small.yaml", *PROJECTION)
    assert answer.code == 0
    assert all(word in answer.out for word in ("train", "validation", "test", "projected", *FIGURES, "time/train_s"))
    assert "2/2" in answer.err


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", "1.0e+6"), ("sgd", "1.0e+300"), ("adam", "1.0e+30")])
def test_a_trial_that_diverges_is_a_result(command: Command, optimizer: str, rate: str) -> None:
    steps = (f"training.optimizer.name={optimizer}", f"training.optimizer.learning_rate={rate}")
    settings = [word for step in steps for word in ("--set", step)]
    printed = last_object(command("trial", "small.yaml", *settings, *PROJECTION, "--json"))
    assert printed["status"] == "diverged"
    assert printed["metrics"]["diverged"] == 1
    worst = ERRORS | {name for name in PROJECTED if name.startswith("projected/")}
    assert {printed["metrics"][name] for name in worst} == {WORST}
    assert all(math.isfinite(value) for value in printed["metrics"].values())


def test_a_trial_can_be_saved(command: Command) -> None:
    assert command("trial", "small.yaml", *PROJECTION, "--save", "saved/trial").code == 0
    folder = Path("saved/trial")
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint.pt",
        "trial.yaml",
        "predictions.npz",
        "percentiles.csv",
    }
    assert load_study(folder / "trial.yaml").projection is not None
    with np.load(folder / "predictions.npz") as arrays:
        assert {"x", "u", "p", "before", "after"} <= set(arrays)


def test_a_saved_trial_is_not_overwritten(command: Command) -> None:
    command("trial", "small.yaml", "--save", "saved")
    written = Path("saved/checkpoint.pt").read_bytes()
    assert_refused(command("trial", "small.yaml", "--save", "saved"), "--save: saved holds a trial already; write")
    assert Path("saved/checkpoint.pt").read_bytes() == written


def test_status_says_how_to_start_where_there_is_no_study(command: Command) -> None:
    answer = command("status")
    assert answer.code == 0
    assert "start one with: cnn-study run helmholtz-quick" in answer.out


def test_a_study_is_reported_and_its_status_shown(command: Command) -> None:
    Path("runs/mine").mkdir(parents=True)
    fill(Path("runs/mine"), trials=5, epochs=2)
    Path("runs/mine/study.yaml").write_text(dump_yaml(study(trials=5)), encoding="utf-8")
    report = command("report", "mine")
    assert report.code == 0, report.err
    assert all(method in report.out for method in METHODS)
    assert "report   runs/mine/report/report.html" in report.out
    assert Path("runs/mine/report/report.html").exists()
    assert "mine" in command("status").out
    assert command("status", "mine").code == 0


def test_a_study_whose_problem_is_gone_can_be_read(command: Command) -> None:
    Path("runs/mine").mkdir(parents=True)
    write_file({"problem": {"name": "gone:problem"}}, "runs/mine/study.yaml")
    answer = command("status")
    assert (answer.code, answer.err) == (0, "")
    assert "mine" in answer.out


def test_the_status_of_studies_that_run_elsewhere(command: Command) -> None:
    Path("there").mkdir()
    fill(Path("there"), trials=5, epochs=2)
    Path("there/study.yaml").write_text(dump_yaml(study(trials=5)), encoding="utf-8")
    SharedCopy(Path("there"), str(Path("storage/mine-20260102-030405").absolute())).copy()
    assert "mine-20260102-030405" in command("status", "--storage", "storage").out
    assert "0004" in command("status", "mine", "--storage", "storage").out
    assert "no study of the name other under storage" in command("status", "other", "--storage", "storage").out
    assert_refused(command("status", "--storage", "nowhere"), "--storage nowhere: cannot be read", "write the one")


@pytest.mark.parametrize("name", ["status", "report", "sync"])
@pytest.mark.parametrize("study", ["nothing", "../elsewhere", "/etc", ".."])
def test_a_study_that_does_not_exist(command: Command, name: str, study: str) -> None:
    Path("elsewhere").mkdir()
    write_file({}, "elsewhere/study.yaml")
    assert_refused(command(name, study), f"{Path('runs') / study}: there is no such study; write one of: none")


def assert_refused(answer: Answer, *parts: str) -> None:
    """Exit code 2, nothing of a result, and one line on stderr that holds all parts."""
    assert answer.code == 2, answer
    assert answer.out in ("", "small: starting Ray, some seconds\n")
    assert len(answer.err.splitlines()) == 1, answer.err
    assert answer.err.startswith("error: ")
    for part in parts:
        assert part in answer.err


SETTINGS: dict[str, tuple[str, ...]] = {
    "training.epoch=3": ("small.yaml", "training.epoch is not known", "write epochs"),
    "training.method.wieght=3": ("training.method.wieght is not known for unconstrained",),
    "training.method.name=sotf": ("training.method.name is the text 'sotf'", "write soft"),
    "problem.name=helmholz": ("problem.name is 'helmholz'", "write helmholtz"),
    "problem.name=no_such_module:problem": ("problem.name: no_such_module cannot be imported", "mend it"),
    "problem.name=broken:problem": ("problem.name: broken cannot be imported (RuntimeError: oh no)", "mend it"),
    "training.epochs=many": ("training.epochs is the text 'many'", "write a whole number"),
    "training.epochs=0": ("training.epochs is 0", "write a number of at least 1"),
    "training.epochs=1e1": ("training.epochs is the text '1e1'", "write 10"),
    "training.optimizer.learning_rate=1e-3": ("training.optimizer.learning_rate is the text '1e-3'", "write 1.0e-3"),
    "training.optimizer.learning_rate=.inf": ("training.optimizer.learning_rate is inf", "write a finite number"),
    "training.optimizer.learning_rate=-1.0": ("training.optimizer: learning_rate must not be negative",),
    "data.test.amplitude=[.nan]": ("data.test.amplitude[0] is nan", "write a finite number"),
    "data.test.amplitude=[2.0]": ("data.test: the wave amplitude 2", "also a training wave", "write other values"),
    "data.test.amplitude=[1.5]": ("data.test: the wave amplitude 1.5", "also a validation wave", "write other values"),
    "network.widths=[]": ("network: widths must be one or more positive whole numbers, got []",),
    "training.epochs": ("--set training.epochs: there is no value", "write PATH=VALUE"),
}
"""--set … → what the error says."""


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_that_are_refused(command: Command, setting: str) -> None:
    Path("broken.py").write_text("raise RuntimeError('oh no')")
    assert_refused(command("trial", "small.yaml", "--set", setting, "--json"), *SETTINGS[setting])


RATE = "training.optimizer.learning_rate"

FILES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "an empty range": (
        {"search": {RATE: {"uniform": [1.0, 0.1]}}},
        (f"search.{RATE}: the range is empty", "low must be below high"),
    ),
    "a log range from 0": (
        {"search": {RATE: {"log_uniform": [0.0, 0.1]}}},
        (f"search.{RATE}: a logarithmic range needs low > 0",),
    ),
    "a number as text": (
        {"search": {RATE: {"log_uniform": ["1e-3", 0.1]}}},
        (f"search.{RATE}.low is the text '1e-3'", "write 1.0e-3"),
    ),
    "a condition on nothing": (
        {"search": {RATE: {"uniform": [0.1, 0.2], "when": {"training.methd.name": "soft"}}}},
        (f"search.{RATE}.when.training.methd.name is neither searched nor set", "write training.method.name"),
    ),
    "a test figure as objective": (
        {"objectives": {"test/data_mse": "min"}},
        ("objectives.test/data_mse is a test figure", "write validation/data_mse"),
    ),
    "data that is not finite": (
        {"problem": {"name": "infinite:problem"}},
        ("data.train: problem 'helmholtz': the solution is [inf]", "choose parameters where it is finite"),
    ),
    "a residual that fails": (
        {"problem": {"name": "infinite:failing"}},
        ("the residual of problem 'helmholtz' fails (IndexError: index 5 is out of bounds", "mend it"),
    ),
    "an unknown block": ({"tunee": {"trials": 3}}, ("tunee is not known", "write tune")),
}
"""Blocks of a study file, and what the error says."""

INFINITE = """
from dataclasses import replace
from cnn_core.problems import helmholtz

problem = replace(helmholtz(), solution=lambda x, p: x / 0)
failing = replace(helmholtz(), residual=lambda u, x, p: {"helmholtz": u.value[5]})
"""


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize("name", FILES)
def test_files_that_are_refused(command: Command, name: str, verb: str) -> None:
    changes, parts = FILES[name]
    Path("infinite.py").write_text(INFINITE)
    write_file(changes, "wrong.yaml")
    assert_refused(command(verb, "wrong.yaml"), "wrong.yaml: ", *parts)
    assert not Path("runs").exists()


def test_a_file_that_does_not_exist(command: Command) -> None:
    assert_refused(command("trial", "helmholtz-quik"), "helmholtz-quik: this study file does not exist", "write")


def test_a_file_that_is_not_yaml(command: Command) -> None:
    Path("wrong.yaml").write_text("study: [1,\n")
    assert_refused(command("check", "wrong.yaml"), "wrong.yaml: line", "this is not YAML")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there(command: Command) -> None:
    answer = command("trial", "small.yaml", "--set", "training.device=cuda")
    assert_refused(answer, "training.device is cuda, but this process sees no GPU; write auto or cpu")


def test_a_trial_saved_where_nothing_can_be_written(command: Command) -> None:
    Path("file").touch()
    answer = command("trial", "small.yaml", "--save", "file/trial")
    assert_refused(answer, "--save: file/trial cannot be made (Not a directory); write another folder")


def test_results_where_nothing_can_be_written(command: Command) -> None:
    Path("runs").write_text("mine")
    assert_refused(command("run", "small.yaml"), "runs: results cannot be written there", "choose another folder")
    assert Path("runs").read_text() == "mine"


def test_a_study_that_exists_is_not_overwritten(command: Command) -> None:
    file = Path("runs/mine/study.yaml")
    file.parent.mkdir(parents=True)
    file.write_text("study: mine\n")
    answer = command("run", "small.yaml", "--name", "mine")
    assert_refused(answer, "runs/mine: a study of this name exists already; write another --name")
    assert file.read_text() == "study: mine\n"
    assert [path.name for path in Path("runs").glob("*/*")] == ["study.yaml"]


@pytest.mark.parametrize("name", ["a/b", "..", "-x", ""])
def test_a_name_that_is_no_folder(command: Command, name: str) -> None:
    assert_refused(command("run", "small.yaml", f"--name={name}"), f"--name is {name!r}; write letters")


@pytest.mark.parametrize("option", [["--trials", "0"], ["--hours", "0"], ["--hours", "much"], ["--bogus"]])
def test_options_that_mean_nothing(command: Command, option: list[str]) -> None:
    answer = command("run", "small.yaml", *option)
    assert (answer.code, answer.out) == (2, "")
    assert option[0] in answer.err and "Traceback" not in answer.err
