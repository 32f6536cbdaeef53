"""What bad input is answered with: one line that says what to write, and exit code 2."""

from pathlib import Path
from typing import Any

import pytest

from study.journal.journal import Journal
from tests.study.cli.command import Command, assert_refused, write_file

SETTINGS: dict[str, tuple[str, ...]] = {
    "training.epoch=3": ("small.yaml", "training.epoch is not known", "write epochs"),
    "training.method.wieght=3": ("training.method.wieght is not known for unconstrained",),
    "training.method.name=sotf": ("training.method.name is the text 'sotf'", "write soft"),
    "problem.name=helmholz": ("problem.name is 'helmholz'", "write helmholtz"),
    "problem.name=no_such_module:problem": ("problem.name: no_such_module cannot be imported", "mend it"),
    "problem.name=broken:problem": ("problem.name: broken cannot be imported (RuntimeError: oh no)", "mend it"),
    "training.epochs=many": ("training.epochs is the text 'many'", "write a whole number"),
    "training.epochs=-1": ("training.epochs is -1", "write a number of at least 0"),
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
    "a test metric as objective": (
        {"objectives": {"test/data_mse": "min"}},
        ("objectives.test/data_mse is a test metric", "write validation/data_mse"),
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


@pytest.mark.parametrize("arguments", [("check", "\n"), ("check", "x" * 5000), ("report", "a\nb"), ("check", "\0")])
def test_a_name_that_no_file_can_have_is_one_line(command: Command, arguments: tuple[str, str]) -> None:
    answer = command(*arguments)
    assert_refused(answer, "there is no such study" if arguments[0] == "report" else "this study file does not exist")
    assert len(answer.err) < 1100


OWN = """
import torch
from dataclasses import replace
from cnn_core.problems import Problem, helmholtz

class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no words")
    __repr__ = __str__

def raising(error):
    def residual(u, x, p):
        raise error
    return replace(helmholtz(), residual=residual)

def hinted(a: torch.Tensor = None, b: 5 = None):
    return helmholtz()

class Strange:
    __signature__ = "no signature"
    def __call__(self):
        return helmholtz()

ending, silent = raising(GeneratorExit()), raising(Silent())
lines, long = raising(RuntimeError("first\\nsecond")), raising(RuntimeError("x" * 3_000_000))
builtin, strange = min, Strange()
numbered = Problem("o", {"x": (0.0, 1.0)}, (1,), ("u",), lambda u, x, p: {"r": u.value[0]}, lambda x, p: x)

def building():
    raise Silent

def leaving():
    raise GeneratorExit

class Own(BaseException): ...

def based():
    raise Own("mine")

def __getattr__(name):
    raise RuntimeError(f"no {name}")
"""

ODD = {
    "ending": ("the residual of problem 'helmholtz' fails (GeneratorExit, in own_odd.py, line ", "mend it"),
    "silent": ("the residual of problem 'helmholtz' fails (Silent, in own_odd.py, line ", "mend it"),
    "lines": ("fails (RuntimeError: first, in own_odd.py, line ",),
    "long": ("fails (RuntimeError: xxx",),
    "builtin": ("problem.name: Python does not know which arguments own_odd:builtin takes; name a function",),
    "strange": ("problem.name: Python does not know which arguments own_odd:strange takes; name a function",),
    "numbered": ("problem o: a name of it is a int; write its own name, and those of coordinates, parameters",),
    "building": ("own_odd:building fails (Silent); mend it",),
    "leaving": ("own_odd:leaving fails (GeneratorExit); mend it",),
    "based": ("problem.name: its module ended the program with Own: mine; take",),
    "missing": ("own_odd:missing cannot be read (RuntimeError: no missing); mend it",),
}


@pytest.mark.parametrize("name", ODD)
def test_whatever_a_users_module_does_is_one_line(command: Command, name: str) -> None:
    Path("own_odd.py").write_text(OWN)
    write_file({"problem": {"name": f"own_odd:{name}"}})
    answer = command("check", "small.yaml")
    assert_refused(answer, *ODD[name])
    assert len(answer.err) < 1100


def test_options_of_a_type_that_no_file_has_are_taken_as_they_are(command: Command) -> None:
    Path("own_odd.py").write_text(OWN)
    write_file({"problem": {"name": "own_odd:hinted", "a": 1, "b": [2]}})
    assert command("check", "small.yaml").code == 0


def test_a_file_that_is_not_yaml(command: Command) -> None:
    Path("wrong.yaml").write_text("study: [1,\n")
    assert_refused(command("check", "wrong.yaml"), "wrong.yaml: line", "this is not YAML")


@pytest.mark.parametrize(
    "option", [["--trials", "0"], ["--hours", "0"], ["--hours", "much"], ["--hours", "nan"], ["--bogus"]]
)
def test_options_that_mean_nothing(command: Command, option: list[str]) -> None:
    answer = command("run", "small.yaml", *option)
    assert (answer.code, answer.out) == (2, "")
    assert option[0] in answer.err and "Traceback" not in answer.err


SECRET_OPTIONS = [
    ("run", "small.yaml", "--tracking-uri", "postgresql://me:hush/a?b#c@db/mlflow"),
    ("run", "small.yaml", "--storage", "s3://key:hush@bucket"),
    ("run", "small.yaml", "--address", "ray://me:hush@host:10001"),
    ("resume", "mine", "--tracking-uri", "https://host/?token=hush"),
    ("resume", "mine", "--address", "me:hush@host:6379"),
    ("submit", "small.yaml", "--address", "http://me:hush@host:8265"),
    ("submit", "small.yaml", "--tracking-uri", "https://me:hush@mlflow.example.org"),
    ("confirm", "mine", "--storage", "s3://bucket?secret_key=hush"),
    ("sync", "mine", "--tracking-uri", "postgresql://db/mlflow?sslpassword=hush"),
    ("ui", "--tracking-uri", "https://hush@mlflow.example.org"),
    ("status", "--storage", "s3://key:hush@bucket"),
]


@pytest.mark.parametrize("arguments", SECRET_OPTIONS, ids=" ".join)
def test_secrets_are_refused_and_not_repeated(command: Command, arguments: tuple[str, ...]) -> None:
    answer = command(*arguments)
    assert_refused(answer, f"{arguments[-2]} holds a ", "which would be kept in files and logs; leave it out and set ")
    assert "hush" not in answer.err
    assert not Path("runs").exists()


EMPTY_OPTIONS = [
    ("run", "small.yaml", "--address", ""),
    ("run", "small.yaml", "--storage", ""),
    ("run", "small.yaml", "--tracking-uri", ""),
    ("run", "small.yaml", "--address", " "),
    ("resume", "mine", "--address", ""),
    ("submit", "small.yaml", "--address", ""),
    ("confirm", "mine", "--storage", ""),
    ("sync", "mine", "--tracking-uri", ""),
    ("ui", "--tracking-uri", ""),
    ("status", "--storage", ""),
]


@pytest.mark.parametrize("arguments", EMPTY_OPTIONS, ids=" ".join)
def test_an_empty_address_is_refused(command: Command, arguments: tuple[str, ...]) -> None:
    assert_refused(command(*arguments), f"{arguments[-2]} is empty; write ", ", or leave it out")
    assert not Path("runs").exists()


@pytest.mark.parametrize("verb", ["run", "ui", "confirm"])
def test_the_environment_may_say_where_mlflow_is(command: Command, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("runs/mine").mkdir(parents=True)
    write_file({}, "runs/mine/study.yaml")
    arguments = {"run": ["small.yaml"], "ui": [], "confirm": ["mine"]}[verb]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:hush@mlflow.example.org")
    assert_refused(command(verb, *arguments), "--tracking-uri holds a password")
    if verb != "confirm":  # of which there is nothing yet
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "mlruns")
        assert_refused(command(verb, *arguments), "'mlruns' is neither a server nor a database", "MLFLOW_TRACKING_URI")


LATE = """
import sys
from dataclasses import replace
from cnn_core.problems import helmholtz

def problem(calls: int):
    ours, count = helmholtz(), 0
    def residual(u, x, p):
        nonlocal count
        count += 1
        if count > calls:
            sys.exit(0)
        return ours.residual(u, x, p)
    return replace(ours, residual=residual)
"""


def test_code_of_the_user_that_exits_is_told(command: Command) -> None:
    Path("leaves.py").write_text("import sys\nsys.exit(0)\n")
    Path("leaves_late.py").write_text(LATE)
    write_file({"problem": {"name": "leaves:problem"}}, "leaves.yaml")
    write_file({"problem": {"name": "leaves_late:problem", "calls": 1000}}, "late.yaml")
    assert_refused(command("trial", "leaves.yaml"), "leaves cannot be imported (SystemExit: 0); mend it")
    calls = next(
        calls for calls in range(1, 50) if command("check", "late.yaml", "--set", f"problem.calls={calls}").code == 0
    )
    longer = ("--set", "training.epochs=50")  # a trial calls it once more at every epoch
    answer = command("trial", "late.yaml", "--set", f"problem.calls={calls + 1}", *longer)
    assert answer.code == 2
    assert answer.err.splitlines()[-1].startswith(
        "error: problem.name: its module ended the program with SystemExit: 0"
    )


def test_a_trial_of_a_study_finds_the_code_that_the_study_kept(command: Command) -> None:
    code = Path("runs/mine/code/abc")
    code.mkdir(parents=True)
    (code / "kept_module.py").write_text("from cnn_core.problems import helmholtz as problem\n")
    Path("runs/mine/trials/00003").mkdir(parents=True)
    for name in ("study.yaml", "trials/00003/trial.yaml"):
        write_file({"problem": {"name": "kept_module:problem"}}, f"runs/mine/{name}")
    Journal(Path("runs/mine")).append("study-start", provenance={"code": "abc"})
    said = f"runs/mine/trials/00003/trial.yaml: the code of its problem is {code.resolve() / 'kept_module.py'}"
    for verb in ("check", "trial"):
        answer = command(verb, "runs/mine/trials/00003/trial.yaml")
        assert answer.code == 0, answer.err
        assert answer.err.splitlines()[0] == said
    Path("kept_module.py").write_text("from cnn_core.problems import helmholtz as problem\n")
    answer = command("check", "runs/mine/study.yaml")  # the current folder comes first, as for every study file
    assert answer.err.startswith(
        f"runs/mine/study.yaml: the code of its problem is {Path('kept_module.py').resolve()}\n"
    )


TWICE = {
    ("training.epochs=2", "training.epochs=5"): "training.epochs is set twice, to 2 and to 5; leave one out",
    ("projection.points=7", "projection=null"): "projection is set to null, and projection.points undoes that; leave",
    ("training.method={name: soft, weight: 1.0}", "training.method.weight=2.0"): "and training.method.weight undoes",
    (
        "training.method={weight: 1.0}",
        "training.method.name=soft",
    ): "training.method.name is set to the text 'soft', and",
}


@pytest.mark.parametrize("settings", TWICE, ids=" ".join)
@pytest.mark.parametrize("verb", ["check", "trial", "run"])
def test_settings_that_undo_each_other_are_refused(command: Command, settings: tuple[str, str], verb: str) -> None:
    arguments = [word for setting in settings for word in ("--set", setting)]
    assert_refused(command(verb, "small.yaml", *arguments), TWICE[settings])


def test_trials_that_are_asked_for_twice(command: Command) -> None:
    answer = command("run", "small.yaml", "--trials", "3", "--set", "tune.trials=4")
    assert_refused(answer, "tune.trials is set twice, to 4 and to 3; leave one out")


def test_a_study_files_module_is_found_from_anywhere(command: Command) -> None:
    Path("there").mkdir()
    Path("there/module_beside.py").write_text("from cnn_core.problems import helmholtz as problem\n")
    write_file({"problem": {"name": "module_beside:problem"}}, "there/beside.yaml")
    assert command("check", "there/beside.yaml").code == 0
